"""What the training loop and a trainable model promise each other.

Models never import the loop: it is handed to `fit` as an `Optimise`, so the same
loop serves every family whose models speak `Trainable`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

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

    def to(self, device: torch.device) -> Self:
        """The same batch on another device."""


Train = TypeVar("Train", contravariant=True)
Batch = TypeVar("Batch", bound=TrainingBatch)


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


class Stateful(Protocol):
    """All that a model has learned can be put away and taken up."""

    def state_dict(self) -> dict[str, Tensor]:
        """All that was learned, as tensors."""

    def load_state_dict(self, state: dict[str, Tensor], /) -> object:
        """Take over what `state_dict` of an equally configured model gave.

        Raises:
            KeyError, RuntimeError or ValueError: the state is of another model.
        """


class Trainable(Stateful, Protocol[Train, Batch]):
    """A network that the training loop can fit.

    An `nn.Module` has all that it needs but `batches` and `loss`.
    """

    def batches(
        self, train: Train, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[Batch]:
        """One epoch's batches in an order drawn from the generator."""

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss over the batch's targets, a scalar with a gradient."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All weights."""

    def to(self, device: torch.device) -> object:
        """Move all weights to a device."""

    def train(self) -> object:
        """Switch to training, with dropout."""


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
        is_cut_short: whether the epochs that were allowed ended it while a better one
            was as recent as patience, the usual one at most, lets it be.
    """

    epochs: list[dict[str, float]]
    best_epoch: int
    train_seconds: float
    monitor: str
    is_cut_short: bool


class Optimise(Protocol):
    """The training loop with its settings filled in."""

    def __call__(self, model: Trainable[Train, Batch], train: Train, /) -> FitLog:
        """Fit the model; at the end it has its best epoch's weights."""
