"""What reads a learner's support pairs, and what kind of network can adapt to them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from models_py.data import Queries
from models_py.fitting import FitLog, Optimise, Stateful
from models_py.meta.tasks import Tasks, TrainTasks
from models_py.recommendation.output import SharedOutput
from models_py.recommendation.protocol import Recommender


class SupportReader(Stateful, Protocol):
    """Ranks the whole vocabulary given what else a learner did."""

    @property
    def n_parameters(self) -> int:
        """How many numbers the fitted model keeps."""

    @property
    def monitor(self) -> str:
        """The metric of validation episodes by which training is stopped."""

    @property
    def has_steps(self) -> bool:
        """Whether a number of steps means the same to all learners.

        Then `score_tasks_after` scores after any of them.
        """

    def fit(self, train: TrainTasks, optimise: Optimise) -> FitLog | None:
        """Learn from train users, as a `Recommender` does."""

    def score(self, queries: Queries) -> Tensor:
        """Scores without any support, shape (B, n_items), on the CPU."""

    def score_tasks(self, tasks: Tasks) -> Tensor:
        """Scores given the support, shape (T, Q, n_items), on the CPU."""


class NetworkConfig(Protocol):
    """Settings of a network that reads prefixes."""

    @property
    def max_length(self) -> int:
        """A prefix is cut to this many last items."""

    @property
    def repeat_weight(self) -> float | None:
        """Share of the probability that goes to items of the prefix; None is 0."""


class AdaptableNetwork(Recommender, Protocol):
    """A network whose item scores are a linear layer over causal states.

    An `nn.Module` with `embedding` (row 0 is padding) and `output`; `read` and
    `task_states` go from one to the other.
    """

    embedding: nn.Embedding
    output: SharedOutput

    @property
    def config(self) -> NetworkConfig:
        """Its settings."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All weights."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """All weights by name."""

    def read(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """States after all items of right-padded ids (B, L), and where they lie.

        Returns:
            Shape (N, H), and the number among them of each place, shape (B, L); behind
            a row's end it means nothing. No row may be empty; B may be 0.
        """

    def task_states(
        self, weights: Mapping[str, Tensor], embedded: Tensor, sizes: Sequence[int]
    ) -> Tensor:
        """States of many learners, rows place by place, (T, P, E) → (T, P, H)."""
