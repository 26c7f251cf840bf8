"""Fits a GRU and a SASRec for one epoch, and writes what every step brought.

    torchrun --nproc-per-node 2 -m tests.unit.training.steps_taken FOLDER

Each process leaves FOLDER/<number>.npz: of every step the loss, the gradient, and the
weights after it.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from models_py import registry
from models_py.config import OptimiserConfig
from tests.unit.models_py.made_data import random_walks
from training.fit.loop import _Step
from training.fit.processes import Team, joined
from training.fit.state import FitCheckpoints, FitState

N_ITEMS = 40
SETTINGS = OptimiserConfig(batch_size=64, min_steps=1)


def steps_of(name: str, team: Team) -> dict[str, np.ndarray]:
    """By step: `losses` (S,), `gradients` (S, W) as clipped, `weights` (S, W)."""
    model = registry.create(name, n_items=N_ITEMS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    step = _Step(model, optimizer, SETTINGS, "fp32", team)
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(2)  # of dropout
    found = {"losses": [], "gradients": [], "weights": []}
    for batch in model.batches(random_walks(N_ITEMS, 300), SETTINGS, generator):
        found["losses"].append(step.take(batch, name))
        found["gradients"].append(_flat([w.grad for w in model.parameters()]))
        found["weights"].append(_flat([w.detach() for w in model.parameters()]))
    return {name: np.array(values) for name, values in found.items()}


def taken_up(team: Team, folder: Path) -> dict[str, np.ndarray]:
    """What each process finds of a fit whose state only the leader's disk has."""
    torch.manual_seed(team.number)
    model = registry.create("gru", n_items=N_ITEMS)
    optimizer = torch.optim.AdamW(model.parameters())
    checkpoints = FitCheckpoints(folder / f"disk of {team.number}" / "gru")
    if team.leads:
        record = {"epoch": 1, "loss": 1.0, "val": 1.0, "seconds": 1.0}
        checkpoints.save(FitState().after(record, model), model, optimizer, {})
    state = checkpoints.restore(model, optimizer, {}, team)
    weights = _flat([w.detach() for w in model.parameters()])
    return {"taken_up_epoch": np.array(state.epoch), "taken_up_weights": weights}


def _flat(tensors: list[torch.Tensor]) -> np.ndarray:
    return torch.cat([tensor.flatten() for tensor in tensors]).numpy()


def main(folder: Path) -> None:
    """Take the steps with whoever was started beside this process."""
    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as team:
        said = team.told("a word of the leader" if team.leads else "")
        found = {"said": np.array(said), "agreed": team.agreed(team.number + 0.1)}
        for name in ("gru", "sasrec"):
            for what, values in steps_of(name, team).items():
                found[f"{name}_{what}"] = values
        found |= taken_up(team, folder)
        np.savez(folder / f"{team.number}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
