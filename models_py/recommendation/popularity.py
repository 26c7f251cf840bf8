"""Popularity: what most people do next, whoever asks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models_py.data import Queries, TrainSequences
from models_py.fitting import Optimise


@dataclass(frozen=True)
class PopularityConfig:
    """Popularity has no settings."""


class Popularity:
    """Scores an item by how often it is a label in the training data.

    Labels rather than events are counted because a label is what is asked for:
    an item that opens many sequences but never follows another is no good answer.
    Equal counts stay equal; ranks count ties against the model.
    """

    def __init__(self, n_items: int, config: PopularityConfig) -> None:
        self.config = config
        self.counts = torch.zeros(n_items, dtype=torch.int64)

    @property
    def n_parameters(self) -> int:
        """One count an item."""
        return len(self.counts)

    def fit(self, train: TrainSequences, optimise: Optimise) -> None:
        """Count the labels."""
        labels = train.items.values[train.is_label]
        self.counts = torch.bincount(labels, minlength=len(self.counts))

    def score(self, queries: Queries) -> Tensor:
        """The counts, the same for every query, shape (B, n_items)."""
        return self.counts.float().repeat(len(queries), 1)

    def state_dict(self) -> dict[str, Tensor]:
        """The counts, shape (n_items,)."""
        return {"counts": self.counts}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over counts of the same vocabulary."""
        if state["counts"].shape != self.counts.shape:
            raise ValueError(
                f"counts of {len(state['counts'])} items, not {len(self.counts)}"
            )
        self.counts = state["counts"]
