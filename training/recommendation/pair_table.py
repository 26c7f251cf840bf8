"""Pairs and episodes of one data set as tensors, and what training makes of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models_py.data import Queries, TrainSequences
from models_py.ragged import Ragged
from training.marts.columns import SPLITS
from training.marts.spool import RaggedSpool, Spool

LAID_OUT = 1_000_000  # pairs looked at together; changes no result


@dataclass(frozen=True)
class Pairs:
    """The pair table of one data set; row i is pair_id i.

    It may be larger than memory: prefixes and all columns may lie in mapped files.

    Args:
        user: index into `user_ids`, shape (P,).
        split: index into `SPLITS`, shape (P,).
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
        return torch.from_numpy(np.flatnonzero(self.split == SPLITS.index(split)))

    def queries(self, rows: Tensor) -> Queries:
        """The prefixes of the chosen pairs as questions."""
        return Queries(self.prefixes.take(rows), self.sequence[rows])

    def come_back(self, split: str) -> bool:
        """Whether a label of the split was in its prefix."""
        for rows in self.rows_of(split).split(LAID_OUT):
            prefixes = self.prefixes.take(rows)
            labels = torch.repeat_interleave(self.label[rows], prefixes.lengths)
            if bool((prefixes.values == labels).any()):
                return True
        return False

    def train_sequences(self, rows: Tensor, n_items: int) -> TrainSequences:
        """Whole sequences in which each chosen pair is a target exactly once.

        A sequence longer than the longest prefix P is cut, from its end, into
        stretches of P positions; the last pair of each stretch brings the row: its
        prefix and its label. Every other pair of the stretch lies within that row,
        with at least one item before it.

        Args:
            rows: pair ids, ascending (so by sequence and position), shape (R,).
        Returns:
            Sequences in mapped files.
        """
        stretch = max(int(self.prefixes.lengths.max()) if len(self.prefixes) else 1, 1)
        items, is_label = RaggedSpool(), Spool(bool)
        sequence, last_at = Spool(), Spool()
        for some in _whole_sequences(self.sequence, rows):
            laid_out = self._laid_out(some, stretch)
            items.append(laid_out.items.values, laid_out.items.lengths)
            is_label.append(laid_out.is_label)
            sequence.append(laid_out.sequence)
            last_at.append(laid_out.last_at)
        return TrainSequences(
            items.ragged(),
            is_label.tensor(),
            sequence.tensor(),
            last_at.tensor(),
            n_items,
        )

    def _laid_out(self, rows: Tensor, stretch: int) -> "_LaidOut":
        """The sequences of some pairs, as rows of at most `stretch` positions."""
        sequence, position = self.sequence[rows], self.prefix_len[rows]
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
        return _LaidOut(items, is_label, self.sequence[closing], self.label_at[closing])


@dataclass(frozen=True)
class Episodes:
    """The episodes of one data set; row i is episode_id i.

    There may be as many as pairs: all columns may lie in mapped files.

    Args:
        split: index into `SPLITS`, shape (E,).
        support: pair ids, oldest first, shape (E, K).
        query: pair ids, oldest first, shape (E, Q).
        reliability: mean over the support pairs, shape (E,).
    """

    split: np.ndarray
    support: Tensor
    query: Tensor
    reliability: np.ndarray

    def rows_of(self, split: str) -> Tensor:
        """Episode ids of a split, ascending."""
        return torch.from_numpy(np.flatnonzero(self.split == SPLITS.index(split)))

    def queries_of(self, split: str) -> tuple[np.ndarray, Tensor]:
        """Episode id and pair id of every query of a split, both shape (N,)."""
        rows = self.rows_of(split)
        pairs = self.query[rows]  # (E, Q)
        return np.repeat(rows.numpy(), self.query.shape[1]), pairs.flatten()


class _LaidOut(NamedTuple):
    """Some sequences, as `TrainSequences` has them all."""

    items: Ragged
    is_label: Tensor
    sequence: Tensor
    last_at: Tensor


def _whole_sequences(sequence: Tensor, rows: Tensor) -> Iterator[Tensor]:
    """The rows in parts of about `LAID_OUT`, none of which cuts a sequence."""
    start = 0
    while start < len(rows):
        end = min(start + LAID_OUT, len(rows))
        next_pair = torch.searchsorted(sequence, sequence[rows[end - 1]], right=True)
        end = int(torch.searchsorted(rows, next_pair))
        yield rows[start:end]
        start = end


def _ends_of_runs(values: Tensor) -> Tensor:
    """True at the last of each run of equal values, shape of `values`."""
    ends = torch.ones(len(values), dtype=torch.bool)
    ends[:-1] = values[1:] != values[:-1]
    return ends


def _run_numbers(ends: Tensor) -> Tensor:
    """0-based number of the run each place belongs to."""
    return ends.cumsum(0) - ends.long()
