"""The training loop: AdamW, early stopping, resumable after every epoch.

Several processes go through it side by side, see `step`.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Literal

import torch

from models_py.config import OptimiserConfig
from models_py.fitting import Batch, Batches, FitLog, Train, Trainable
from models_py.seeding import seeded
from training.errors import UserError
from training.fit.adamw import AdamW
from training.fit.processes import World
from training.fit.seeds import derive
from training.fit.state import FitCheckpoints, FitState
from training.fit.step import Step
from training.progress import progress_bar

Precision = Literal["fp32", "bf16"]


def fit(
    model: Trainable[Train, Batch],
    train: Train,
    *,
    name: str | None = None,
    settings: OptimiserConfig,
    validate: Callable[[], float],
    monitor: str = "value",
    seed: int,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    checkpoints: FitCheckpoints | None = None,
    progress: bool = False,
    world: World | None = None,
    inner_rate: float | None = None,
) -> FitLog:
    """Train a model until its validation value has stopped rising.

    Batch order of an epoch is drawn from (seed, epoch), dropout from (seed, epoch,
    rank), so a fit that is taken up from its state file by as many processes ends
    bit-equal on the CPU. A fit may be taken up for more epochs or with more patience
    than it began with.

    Args:
        model: at the end it holds the best epoch's weights.
        train: training data in the form that the model's `batches` takes.
        name: what messages call the model; None takes its class.
        settings: step size, patience and the like.
        validate: value of the model as it is at the call, higher is better.
        monitor: name of that value, such as `mrr`, for the log.
        seed: seed of batch order and dropout.
        device: where to train; the model stays there.
        precision: `bf16` computes the loss under autocast, on CUDA only.
        checkpoints: where the state is kept and looked for; None keeps none.
        progress: show a bar on stderr if that is a terminal.
        world: the processes that fit the model together, each of which calls this;
            None is this one alone.
        inner_rate: the model's step size on a learner's support, where it has one:
            messages name it.

    Raises:
        UserError: nothing to train on; a loss, gradient or validation value that
            is no number; bf16 without CUDA; a state file that does not fit.
    """
    device, world = torch.device(device), world or World()
    if precision == "bf16" and device.type != "cuda":
        raise UserError("precision bf16 needs a CUDA device; use --precision fp32")
    model.to(device)
    optimizer = AdamW(
        list(model.parameters()),
        settings.learning_rate,
        settings.weight_decay,
        settings.averaging,
    )
    terms = {**asdict(settings), "seed": seed, "precision": precision}
    del terms["epochs"], terms["patience"]  # free to change when taken up again
    state = FitState()
    if checkpoints:
        state = checkpoints.restore(model, optimizer, terms, world)

    is_bf16 = precision == "bf16"
    step = Step(model, optimizer, settings, world, is_bf16, inner_rate)
    while not state.is_over(settings):
        epoch = state.epoch + 1
        started = time.perf_counter()
        order = torch.Generator().manual_seed(derive(seed, "order", epoch))
        batches = model.batches(train, settings, order)
        title = f"{name or type(model).__name__} epoch {epoch}"
        noise = [] if world.is_main else [world.rank]
        with seeded(derive(seed, "dropout", epoch, *noise)):
            loss = _train_epoch(step, batches, title, progress)
        with optimizer.at_means():
            value = step.validated(validate, f"validation value after {title}")
            seconds = time.perf_counter() - started
            record = {"epoch": epoch, "loss": loss, "val": value, "seconds": seconds}
            state = state.after(record, model)
        if checkpoints and world.is_main:
            checkpoints.save(state, model, optimizer, terms)
        world.barrier()

    model.load_state_dict(state.best_weights)
    return state.log(monitor, settings)


def _train_epoch(
    step: Step[Batch], batches: Batches[Batch], title: str, progress: bool
) -> float:
    """One pass over `max_steps` batches at most; the mean loss over their targets."""
    total, n_targets = 0.0, 0.0
    step.model.train()
    groups = batches.groups[: step.settings.max_steps]
    with progress_bar(groups, title, is_shown=progress, leave=False) as bar:
        for number, rows in enumerate(bar, start=1):
            loss, n = step.take(batches, rows, f"{title}, step {number}")
            total += loss * n
            n_targets += n
            bar.set_postfix(loss=f"{total / n_targets:.3f}", refresh=False)
    if n_targets == 0:
        raise UserError(f"nothing to train on in {title}: no train user has a pair")
    return total / n_targets
