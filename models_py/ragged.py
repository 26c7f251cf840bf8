"""Variable-length rows of item ids, stored end to end."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PAD = 0  # real items are shifted up by one, so padding is an id of its own


@dataclass(frozen=True)
class Ragged:
    """Rows of 0-based item ids without padding.

    Args:
        values: all rows one after the other, int64, shape (N,).
        offsets: row r is `values[offsets[r]:offsets[r + 1]]`, int64, shape (R + 1,).
    """

    values: Tensor
    offsets: Tensor

    @classmethod
    def from_lists(cls, rows: list[list[int]]) -> "Ragged":
        """Build from Python lists; for tests and single queries."""
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        values = torch.tensor([i for row in rows for i in row], dtype=torch.int64)
        return cls.of_lengths(values, lengths)

    @classmethod
    def of_lengths(cls, values: Tensor, lengths: Tensor) -> "Ragged":
        """Cut values that lie end to end into rows of these lengths."""
        return cls(values, _offsets(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Length of each row, shape (R,)."""
        return self.offsets.diff()

    def positions(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Where the chosen rows' values lie, and the length of each.

        Returns:
            Indices into `values`, rows one after the other, shape (sum of
            lengths,), and the lengths, shape (len(rows),).
        """
        lengths = self.lengths[rows]
        starts = torch.repeat_interleave(
            self.offsets[rows] - _offsets(lengths)[:-1], lengths
        )
        return starts + torch.arange(len(starts)), lengths

    def take(self, rows: Tensor) -> "Ragged":
        """The chosen rows, in the order asked for."""
        positions, lengths = self.positions(rows)
        return Ragged(self.values[positions], _offsets(lengths))

    def append(self, values: Tensor) -> "Ragged":
        """Each row with one more value behind, shape (R,)."""
        return self._with_one_more(values, self.offsets[1:])

    def prepend(self, value: int) -> "Ragged":
        """Each row with the same value before its first."""
        return self._with_one_more(torch.tensor(value), self.offsets[:-1])

    def _with_one_more(self, values: Tensor, before: Tensor) -> "Ragged":
        """Each row with a value before the place given by the old offsets, (R,)."""
        is_new = torch.zeros(len(self.values) + len(self), dtype=torch.bool)
        is_new[before + torch.arange(len(self))] = True
        joined = torch.empty(len(is_new), dtype=torch.int64)
        joined[is_new] = values
        joined[~is_new] = self.values
        return Ragged(joined, self.offsets + torch.arange(len(self) + 1))

    def last(self) -> Tensor:
        """Last value of each row, -1 where a row is empty, shape (R,)."""
        if len(self.values) == 0:
            return torch.full((len(self),), -1)
        last = self.values[(self.offsets[1:] - 1).clamp(min=0)]
        return torch.where(self.lengths > 0, last, -1)

    def steps(self) -> tuple[Tensor, Tensor, Tensor]:
        """Neighbours: each value with another behind it, that one, and their row.

        Returns:
            Row by row, shape (S,) each.
        """
        row = torch.repeat_interleave(self.lengths)
        goes_on = row[1:] == row[:-1]
        return self.values[:-1][goes_on], self.values[1:][goes_on], row[1:][goes_on]

    def pad(self) -> tuple[Tensor, Tensor]:
        """Right-padded matrix of ids shifted up by one.

        Returns:
            ids: `PAD` behind each row's end, else item id + 1, shape (R, L) with L
                the longest row (at least 1).
            lengths: shape (R,).
        """
        width = max(int(self.lengths.max()) if len(self) else 0, 1)
        return pad_aligned(self.values + 1, self.lengths, width), self.lengths


def pad_aligned(values: Tensor, lengths: Tensor, width: int) -> Tensor:
    """Lay values stored end to end out as rows, zero (or False) behind the end.

    Args:
        values: shape (sum of lengths,).
        lengths: shape (R,), none above `width`.
    Returns:
        Shape (R, width), of the dtype of `values`.
    """
    filled = torch.arange(width) < lengths[:, None]  # (R, width)
    padded = torch.zeros(len(lengths), width, dtype=values.dtype)
    padded[filled] = values
    return padded


def row_and_place(sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Of values that lie place by place, the row and the place of each.

    Args:
        sizes: rows that each place still has, none more than the one before.
    Returns:
        Shape (sum of sizes,) each.
    """
    lengths = torch.tensor(sizes)
    place = torch.repeat_interleave(lengths)
    return torch.arange(len(place)) - (lengths.cumsum(0) - lengths)[place], place


def _offsets(lengths: Tensor) -> Tensor:
    return torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
