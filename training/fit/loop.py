"""The training loop: AdamW, early stopping, resumable after every epoch.

Several processes go through it side by side: each has its part of every batch, and all
take the same step down the whole batch's gradient.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn

from models_py.config import OptimiserConfig
from models_py.fitting import Diverged, FitLog, TrainingBatch
from models_py.parts import noise_of
from models_py.seeding import seeded
from training.errors import UserError
from training.fit.processes import Team
from training.fit.seeds import derive
from training.fit.state import FitCheckpoints, FitState
from training.progress import Bar, progress_bar

Precision = Literal["fp32", "bf16"]


def fit(
    model: nn.Module,
    train: Any,
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
    team: Team | None = None,
) -> FitLog:
    """Train a model until its validation value has stopped rising.

    Batch order and dropout of an epoch are drawn from (seed, epoch) alone, so a
    fit that is taken up from its state file ends bit-equal on the CPU. A fit may
    be taken up for more epochs or with more patience than it began with.

    Args:
        model: an `nn.Module` that speaks `models_py.fitting.Trainable`; at the end
            it holds the best epoch's weights.
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
        team: the processes that fit the model together, each of which calls this;
            None is this one alone.

    Raises:
        UserError: nothing to train on; a loss, gradient or validation value that
            is no number; bf16 without CUDA; a state file that does not fit.
    """
    device, team = torch.device(device), team or Team()
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
    state = FitState()
    if checkpoints:
        state = checkpoints.restore(model, optimizer, terms, team)

    while not state.is_over(settings):
        epoch = state.epoch + 1
        started = time.perf_counter()
        order = torch.Generator().manual_seed(derive(seed, "order", epoch))
        batches = model.batches(train, settings, order)
        title = f"{name or type(model).__name__} epoch {epoch}"
        with (
            seeded(derive(seed, "dropout", epoch)),
            progress_bar(batches, title, is_shown=progress, leave=False) as bar,
        ):
            step = _Step(model, optimizer, settings, precision, team)
            loss = _train_epoch(step, bar, title)
        value = team.agreed(validate())
        _require_number(value, f"validation value after {title}", settings)
        seconds = time.perf_counter() - started
        record = {"epoch": epoch, "loss": loss, "val": value, "seconds": seconds}
        state = state.after(record, model)
        if checkpoints and team.leads:
            checkpoints.save(state, model, optimizer, terms)
        team.wait()

    model.load_state_dict(state.best_weights)
    return state.log(monitor)


def _train_epoch(step: "_Step", batches: Bar, title: str) -> float:
    """One pass over the batches; the mean loss over their targets."""
    total, n_targets = 0.0, 0
    step.model.train()
    for number, batch in enumerate(batches, start=1):
        loss = step.take(batch, f"{title}, step {number}")
        total += loss * batch.n_targets
        n_targets += batch.n_targets
        batches.set_postfix(loss=f"{total / n_targets:.3f}", refresh=False)
    if n_targets == 0:
        raise UserError(f"nothing to train on in {title}: no train user has a pair")
    return total / n_targets


@dataclass(frozen=True)
class _Step:
    """One step of gradient descent, taken by all processes of a team."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    settings: OptimiserConfig
    precision: Precision
    team: Team

    def take(self, batch: TrainingBatch, where: str) -> float:
        """Step down the whole batch's mean loss, and return it."""
        self.optimizer.zero_grad()
        loss = self.team.add_up_gradients(self.model, self._descend(batch, where))
        _require_number(loss, f"loss of {where}", self.settings)
        weights, most = self.model.parameters(), self.settings.clip_norm
        norm = nn.utils.clip_grad_norm_(weights, most).item()
        _require_number(norm, f"gradient of {where}", self.settings)
        self.optimizer.step()
        return loss

    def _descend(self, batch: TrainingBatch, where: str) -> torch.Tensor:
        """This process's part of the batch's loss, its gradient left in the weights."""
        device = next(self.model.parameters()).device
        is_bf16 = self.precision == "bf16"
        autocast = torch.autocast(device.type, torch.bfloat16, is_bf16)
        own = self.team.own(batch)
        with autocast, noise_of(own.spans):
            loss = own.share * _loss(self.model, own.batch.to(device), where)
        loss.backward()
        return loss.detach()


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
