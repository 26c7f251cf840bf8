"""The verbs of every recommender that reads a learner's support pairs."""

from typing import Protocol

from torch import Tensor

from models_py.data import Queries
from models_py.fitting import FitLog, Optimise, Stateful
from models_py.meta.tasks import Tasks, TrainTasks


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
