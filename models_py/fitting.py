"""What the training loop and a trainable model promise each other.

Models never import the loop: it is handed to `fit` as an `Optimise`, so the same
loop serves every family whose models speak `Trainable`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig
from models_py.parts import Dealt, Part


class Diverged(ValueError):
    """A loss inside a model's own loss is no number."""


class TrainingBatch(Protocol):
    """What one step of gradient descent sees."""

    @property
    def n_targets(self) -> int:
        """How many predictions the batch's mean loss is taken over."""

    def to(self, device: torch.device) -> "TrainingBatch":
        """The same batch on another device."""

    def deal(self, part: Part) -> Dealt:
        """The part of one process, where several fit a model together."""


class Trainable(Protocol):
    """An `nn.Module` (with all its methods) that the training loop can fit."""

    def batches(
        self, train: Any, settings: OptimiserConfig, generator: torch.Generator
    ) -> Sequence[TrainingBatch]:
        """One epoch's batches in an order drawn from the generator, made lazily."""

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Mean loss over the batch's targets, a scalar with a gradient."""


@dataclass(frozen=True)
class FitLog:
    """How a fit went.

    Args:
        epochs: one dict an epoch: `epoch` (1-based), `loss` (mean over its
            targets), `val` (the monitored validation value, higher is
            better), `seconds` (training and validation, wall clock).
        best_epoch: 1-based epoch whose weights the model has now.
        train_seconds: wall-clock seconds of all epochs together.
        monitor: name of the monitored value, such as `mrr`.
    """

    epochs: list[dict[str, float]]
    best_epoch: int
    train_seconds: float
    monitor: str


Optimise = Callable[[nn.Module, Any], FitLog]
"""The training loop with its settings filled in: (model, train) → log."""
