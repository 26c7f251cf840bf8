"""The verbs every recommender has."""

from typing import Protocol

from torch import Tensor

from models_py.data import Queries, TrainSequences
from models_py.fitting import FitLog, Optimise, Stateful


class Recommender(Stateful, Protocol):
    """Ranks the whole vocabulary as the next item of a prefix."""

    @property
    def n_parameters(self) -> int:
        """How many numbers the fitted model keeps."""

    def fit(self, train: TrainSequences, optimise: Optimise) -> FitLog | None:
        """Learn from the training sequences.

        Neural models hand themselves to `optimise` and return its log; counting
        models need no optimiser and return None.
        """

    def score(self, queries: Queries) -> Tensor:
        """Score every item as the next one of each prefix.

        A query's scores depend on that query alone, never on its batch.

        Returns:
            Higher is better, column i is item id i (padding has no column),
            float32 on the CPU, shape (B, n_items).
        """
