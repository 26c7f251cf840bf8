"""Random: the floor every other model is measured from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models_py.data import Queries, TrainSequences
from models_py.fitting import Optimise


@dataclass(frozen=True)
class RandomConfig:
    """Settings of `Random`.

    Args:
        seed: seed of the scores.
    """

    seed: int = 20260107


class Random:
    """A random order of the vocabulary for each prefix.

    The generator is seeded with the setting and the prefix itself, so the same
    question always gets the same answer, in whatever batch it comes. Scores are a
    permutation: no two items tie, and the label's rank is uniform.
    """

    def __init__(self, n_items: int, config: RandomConfig) -> None:
        self.n_items = n_items
        self.config = config

    @property
    def n_parameters(self) -> int:
        """Nothing is learned."""
        return 0

    def fit(self, train: TrainSequences, optimise: Optimise) -> None:
        """Learn nothing."""

    def score(self, queries: Queries) -> Tensor:
        """Distinct whole numbers in random order, shape (B, n_items)."""
        scores = torch.empty(len(queries), self.n_items)
        prefixes = queries.prefixes.values.split(queries.prefixes.lengths.tolist())
        for row, prefix in zip(scores, prefixes, strict=True):
            # the length is part of the seed: seed sequences ignore trailing zeros,
            # and item 0 is an item
            entropy = [self.config.seed, len(prefix), *prefix.tolist()]
            order = np.random.default_rng(entropy).permutation(self.n_items)
            row.copy_(torch.from_numpy(order))
        return scores

    def state_dict(self) -> dict[str, Tensor]:
        """Empty: the settings say it all."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Accept the empty state only."""
        if state:
            raise KeyError(f"unexpected state: {sorted(state)}")
