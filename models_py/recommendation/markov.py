"""First-order Markov chain: what followed the last item, else what is popular."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from models_py.config import require
from models_py.data import Queries, TrainSequences
from models_py.fitting import Optimise
from models_py.space import Between, Space


@dataclass(frozen=True)
class MarkovConfig:
    """Settings of `Markov`.

    Args:
        backoff: how many followers popularity counts for, beside those that the last
            item had in the training data.
    """

    SPACE: ClassVar[Space] = {"backoff": Between(0.01, 100.0, is_log=True)}

    backoff: float = 1.0

    def __post_init__(self) -> None:
        require(self.backoff > 0, "backoff must be above 0")


class Markov:
    """Scores an item by how often it followed the last one.

    With c(j, i) how often label i followed item j at once and p(i) the share of i among
    all labels, item i after j scores (c(j, i) + b p(i)) / (c(j) + b), b the `backoff`:
    a Dirichlet prior (MacKay, Peto: A Hierarchical Dirichlet Language Model, Natural
    Language Engineering 1, 1995). An item that nothing followed leaves popularity.
    """

    def __init__(self, n_items: int, config: MarkovConfig) -> None:
        self.n_items, self.config = n_items, config
        nothing = torch.zeros(0, dtype=torch.int64)
        self._remember(nothing, nothing, nothing)

    @property
    def n_parameters(self) -> int:
        """One count for each pair of items that was seen."""
        return len(self.count)

    def fit(self, train: TrainSequences, optimise: Optimise) -> None:
        """Count each label behind the item before it."""
        at = train.is_label.nonzero().squeeze(1)
        before, label = train.items.values[at - 1], train.items.values[at]
        step, count = torch.unique(before * self.n_items + label, return_counts=True)
        self._remember(step // self.n_items, step % self.n_items, count)

    def score(self, queries: Queries) -> Tensor:
        """Smoothed shares of followers, shape (B, n_items)."""
        last = queries.prefixes.last().numpy()
        backoff = self.config.backoff
        counts = self.followers[last].toarray() + backoff * self.popularity
        n_followed = self.n_followed[last][:, None]
        return torch.from_numpy(counts / (n_followed + backoff)).float()

    def entries(self, before: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Which of the counts is that of each step, and whether there is one, (S,)."""
        wanted = before * self.n_items + label
        entry = torch.searchsorted(self.number, wanted).clamp(max=len(self.number) - 1)
        return entry, self.number[entry] == wanted

    def shares(self, before: Tensor, label: Tensor) -> Tensor:
        """What `score` says of one label behind one item each, float64, shape (S,)."""
        entry, is_counted = self.entries(before, label)
        count = torch.where(is_counted, self.count[entry], 0)
        popularity = torch.from_numpy(self.popularity)[label]
        backoff, n_followed = self.config.backoff, torch.from_numpy(self.n_followed)
        return (count + backoff * popularity) / (n_followed[before] + backoff)

    def state_dict(self) -> dict[str, Tensor]:
        """Pairs of items and their counts, one entry a pair."""
        return {"before": self.before, "label": self.label, "count": self.count}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over counts of the same vocabulary."""
        for name in ("before", "label"):
            if len(state[name]) and int(state[name].max()) >= self.n_items:
                raise ValueError(f"an item is beyond the vocabulary of {self.n_items}")
        self._remember(state["before"], state["label"], state["count"])

    def _remember(self, before: Tensor, label: Tensor, count: Tensor) -> None:
        self.before, self.label, self.count = before, label, count
        self.number = before * self.n_items + label  # ascending
        entries = (count.double().numpy(), (before.numpy(), label.numpy()))
        self.followers = csr_matrix(entries, shape=(self.n_items, self.n_items))
        self.n_followed = np.asarray(self.followers.sum(1)).ravel()
        asked = np.asarray(self.followers.sum(0)).ravel()
        self.popularity = asked / max(asked.sum(), 1.0)  # (n_items,)
