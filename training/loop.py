"""The training loop: AdamW, early stopping, resumable after every epoch."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

import torch
from torch import nn
from tqdm import tqdm

from models_py.config import OptimiserConfig
from models_py.fitting import Diverged, FitLog, TrainingBatch
from models_py.seeding import seeded
from training.errors import UserError
from training.fit_state import FitCheckpoints, FitState
from training.seeding import derive

__all__ = ["FitCheckpoints", "FitLog", "Precision", "fit"]

Precision = Literal["fp32", "bf16"]


def fit(
    model: nn.Module,
    train: Any,
    *,
    settings: OptimiserConfig,
    validate: Callable[[], float],
    monitor: str = "value",
    seed: int,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    checkpoints: FitCheckpoints | None = None,
    progress: bool = False,
) -> FitLog:
    """Train a model until its validation value has stopped rising.

    Batch order and dropout of an epoch are drawn from (seed, epoch) alone, so a
    fit that is taken up from its state file ends bit-equal on the CPU. A fit may
    be taken up for more epochs or with more patience than it began with.

    Args:
        model: an `nn.Module` that speaks `models_py.fitting.Trainable`; at the end
            it holds the best epoch's weights.
        train: training data in the form that the model's `batches` takes.
        settings: step size, patience and the like.
        validate: value of the model as it is at the call, higher is better.
        monitor: name of that value, such as `mrr`, for the log.
        seed: seed of batch order and dropout.
        device: where to train; the model stays there.
        precision: `bf16` computes the loss under autocast, on CUDA only.
        checkpoints: where the state is kept and looked for; None keeps none.
        progress: show a bar on stderr if that is a terminal.

    Raises:
        UserError: nothing to train on; a loss, gradient or validation value that
            is no number; bf16 without CUDA; a state file that does not fit.
    """
    device = torch.device(device)
    if precision == "bf16" and device.type != "cuda":
        raise UserError("precision bf16 needs a CUDA device; use --precision fp32")
    model.to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    terms = {**asdict(settings), "seed": seed, "precision": precision}
    del terms["epochs"], terms["patience"]  # free to change when taken up again
    state = checkpoints.restore(model, optimizer, terms) if checkpoints else FitState()

    while not state.is_over(settings):
        epoch = state.epoch + 1
        started = time.perf_counter()
        order = torch.Generator().manual_seed(derive(seed, "order", epoch))
        batches = model.batches(train, settings, order)
        title = f"{type(model).__name__} epoch {epoch}"
        with (
            seeded(derive(seed, "dropout", epoch)),
            tqdm(
                batches, title, leave=False, disable=None if progress else True
            ) as bar,
        ):
            loss = _train_epoch(model, optimizer, settings, bar, title, precision)
        value = validate()
        _require_number(value, f"validation value after {title}", settings)
        seconds = time.perf_counter() - started
        record = {"epoch": epoch, "loss": loss, "val": value, "seconds": seconds}
        state = state.after(record, model)
        if checkpoints:
            checkpoints.save(state, model, optimizer, terms)

    model.load_state_dict(state.best_weights)
    return state.log(monitor)


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: OptimiserConfig,
    batches: tqdm,
    title: str,
    precision: Precision,
) -> float:
    """One pass over the batches; the mean loss over their targets."""
    device = next(model.parameters()).device
    autocast = torch.autocast(device.type, torch.bfloat16, precision == "bf16")
    total, n_targets = 0.0, 0
    model.train()
    for step, batch in enumerate(batches, start=1):
        with autocast:
            loss = _loss(model, batch.to(device), f"{title}, step {step}")
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        _require_number(loss.item(), f"loss of {title}, step {step}", settings)
        _require_number(norm.item(), f"gradient of {title}, step {step}", settings)
        optimizer.step()
        total += loss.item() * batch.n_targets
        n_targets += batch.n_targets
        batches.set_postfix(loss=f"{total / n_targets:.3f}", refresh=False)
    if n_targets == 0:
        raise UserError(f"nothing to train on in {title}: no train user has a pair")
    return total / n_targets


def _loss(model: nn.Module, batch: TrainingBatch, where: str) -> torch.Tensor:
    try:
        return model.loss(batch)
    except Diverged as error:
        raise UserError(f"{where}: {error}; choose a smaller inner_rate") from error


def _require_number(value: float, what: str, settings: OptimiserConfig) -> None:
    if not math.isfinite(value):
        raise UserError(
            f"{what} is {value} at learning rate {settings.learning_rate}; "
            "choose a smaller learning_rate"
        )
