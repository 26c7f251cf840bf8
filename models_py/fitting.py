"""What the training loop and a trainable model promise each other.

Models never import the loop: it is handed to `fit` as an `Optimise`, so the same
loop serves every family whose models speak `Trainable`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig


class Diverged(ValueError):
    """A loss inside a model's own loss is no number."""


class TrainingBatch(Protocol):
    """What one step of gradient descent sees."""

    @property
    def n_targets(self) -> int:
        """How many predictions the batch's mean loss is taken over."""

    @property
    def weight(self) -> float:
        """What that mean counts beside the mean of another part of the batch."""
        return float(self.n_targets)

    def to(self, device: torch.device) -> "TrainingBatch":
        """The same batch on another device."""


Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Batches(Generic[Batch]):
    """One epoch's batches, each laid out only when it is its turn.

    Args:
        groups: numbers of the rows of each batch.
        lay_out: a batch of the given rows, of which there is one at least.
    """

    groups: Sequence[Tensor]
    lay_out: Callable[[Tensor], Batch]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.lay_out, self.groups)


class Trainable(Protocol):
    """An `nn.Module` (with all its methods) that the training loop can fit."""

    def batches(
        self, train: Any, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches:
        """One epoch's batches in an order drawn from the generator."""

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
