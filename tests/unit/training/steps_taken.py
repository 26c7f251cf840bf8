"""What every step of an epoch of a GRU and a SASRec brings."""

from pathlib import Path

import numpy as np
import torch

from models_py import registry
from models_py.config import OptimiserConfig
from tests.unit.models_py.made_data import random_walks
from training.fit.adamw import AdamW
from training.fit.processes import World, joined
from training.fit.state import FitCheckpoints, FitState
from training.fit.step import Step

N_ITEMS = 40
SETTINGS = OptimiserConfig(batch_size=64, min_steps=1)


def steps_of(name: str, world: World) -> dict[str, np.ndarray]:
    """By step: `losses` (S,), `gradients` (S, W) as clipped, `weights` (S, W)."""
    model = registry.create(name, n_items=N_ITEMS).eval()  # without dropout
    optimizer = AdamW(list(model.parameters()), 1e-3, 0.01)
    step = Step(model, optimizer, SETTINGS, world)
    generator = torch.Generator().manual_seed(1)
    found = {"losses": [], "gradients": [], "weights": []}
    batches = model.batches(random_walks(N_ITEMS, 300), SETTINGS, generator)
    for rows in batches.groups:
        found["losses"].append(step.take(batches, rows, name)[0])
        found["gradients"].append(_flat([w.grad for w in model.parameters()]))
        found["weights"].append(_flat([w.detach() for w in model.parameters()]))
    return {name: np.array(values) for name, values in found.items()}


def taken_up(world: World, folder: Path) -> dict[str, np.ndarray]:
    """What each process finds of a fit whose state only the main one's disk has."""
    torch.manual_seed(world.rank)
    model = registry.create("gru", n_items=N_ITEMS)
    optimizer = AdamW(list(model.parameters()), 1e-3, 0.01)
    checkpoints = FitCheckpoints(folder / f"disk of {world.rank}" / "gru")
    if world.is_main:
        record = {"epoch": 1, "loss": 1.0, "val": 1.0, "seconds": 1.0}
        checkpoints.save(FitState().after(record, model), model, optimizer, {})
    state = checkpoints.restore(model, optimizer, {}, world)
    weights = _flat([w.detach() for w in model.parameters()])
    return {"taken_up_epoch": np.array(state.epoch), "taken_up_weights": weights}


def _flat(tensors: list[torch.Tensor]) -> np.ndarray:
    return torch.cat([tensor.flatten() for tensor in tensors]).numpy()


def write_steps(folder: Path) -> None:
    """Take the steps with whoever was started beside this process.

    Each leaves FOLDER/<rank>.npz: of every step the loss, the gradient, and the weights
    after it.
    """
    with joined(torch.device("cpu")) as world:
        text = world.broadcast_bytes(f"a word of rank {world.rank}".encode()).decode()
        value = world.broadcast(torch.tensor(world.rank + 0.1, dtype=torch.float64))
        found = {"text": np.array(text), "value": value.numpy()}
        for name in ("gru", "sasrec"):
            for what, values in steps_of(name, world).items():
                found[f"{name}_{what}"] = values
        found |= taken_up(world, folder)
    found["threads"] = np.array(
        [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    )
    np.savez(folder / f"{world.rank}.npz", **found)
