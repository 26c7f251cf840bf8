"""Pairs and episodes of one data set as tensors, and what training makes of them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models_py.data import Queries, TrainSequences
from models_py.ragged import Ragged


@dataclass(frozen=True)
class Pairs:
    """The pair table of one data set; row i is pair_id i.

    Args:
        user: index into `user_ids`, shape (P,).
        split: `train`, `val` or `test`, shape (P,).
        sequence: number of the pair's sequence, in pair order, shape (P,).
        prefixes: 0-based item ids, capped as in the mart.
        prefix_len: uncapped length, shape (P,).
        label: item to predict, shape (P,).
        label_at: seconds since 1970, shape (P,).
        reliability: of the label's session, in [0, 1], shape (P,).
    """

    user_ids: np.ndarray
    user: np.ndarray
    split: np.ndarray
    sequence: Tensor
    prefixes: Ragged
    prefix_len: Tensor
    label: Tensor
    label_at: Tensor
    reliability: np.ndarray

    def rows_of(self, split: str) -> Tensor:
        """Pair ids of a split, ascending."""
        return torch.from_numpy(np.flatnonzero(self.split == split))

    def queries(self, rows: Tensor) -> Queries:
        """The prefixes of the chosen pairs as questions."""
        return Queries(self.prefixes.take(rows), self.sequence[rows])

    def train_sequences(self, rows: Tensor, n_items: int) -> TrainSequences:
        """Whole sequences in which each chosen pair is a target exactly once.

        A sequence longer than the longest prefix P is cut, from its end, into
        stretches of P positions; the last pair of each stretch brings the row: its
        prefix and its label. Every other pair of the stretch lies within that row,
        with at least one item before it.

        Args:
            rows: pair ids, ascending (so by sequence and position), shape (R,).
        """
        sequence, position = self.sequence[rows], self.prefix_len[rows]
        stretch = max(int(self.prefixes.lengths.max()) if len(self.prefixes) else 1, 1)
        is_last = _ends_of_runs(sequence)
        last_position = position[is_last][_run_numbers(is_last)]
        from_end = (last_position - position) // stretch
        closes_row = is_last | _ends_of_runs(from_end)
        closing, row = rows[closes_row], _run_numbers(closes_row)

        prefixes = self.prefixes.take(closing)
        items = prefixes.append(self.label[closing])
        is_label = torch.zeros(len(items.values), dtype=torch.bool)
        to_row_end = self.prefix_len[closing][row] - position
        is_label[items.offsets[1:][row] - 1 - to_row_end] = True
        return TrainSequences(
            items, is_label, self.sequence[closing], self.label_at[closing], n_items
        )


@dataclass(frozen=True)
class Episodes:
    """The episodes of one data set; row i is episode_id i.

    Args:
        split: shape (E,).
        support: pair ids, oldest first, shape (E, K).
        query: pair ids, oldest first, shape (E, Q).
        reliability: mean over the support pairs, shape (E,).
    """

    split: np.ndarray
    support: Tensor
    query: Tensor
    reliability: np.ndarray

    def queries_of(self, split: str) -> tuple[np.ndarray, Tensor]:
        """Episode id and pair id of every query of a split, both shape (N,)."""
        episodes = np.flatnonzero(self.split == split)
        pairs = self.query[torch.from_numpy(episodes)]  # (E, Q)
        return np.repeat(episodes, self.query.shape[1]), pairs.flatten()


def _ends_of_runs(values: Tensor) -> Tensor:
    """True at the last of each run of equal values, shape of `values`."""
    ends = torch.ones(len(values), dtype=torch.bool)
    ends[:-1] = values[1:] != values[:-1]
    return ends


def _run_numbers(ends: Tensor) -> Tensor:
    """0-based number of the run each place belongs to."""
    return ends.cumsum(0) - ends.long()
