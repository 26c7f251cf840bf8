"""Answers sorted under a key, so that sums over any stretch are looked up."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Grouped:
    """Rows of answers under a key, sorted by key, then row: a key's rows lie together.

    Args:
        key: ascending, shape (K,).
        row: ascending under a key, shape (K,).
        n_rows: all rows are smaller.
    """

    key: np.ndarray
    row: np.ndarray
    n_rows: int

    @classmethod
    def of(cls, key: np.ndarray, row: np.ndarray, n_rows: int) -> "Grouped":
        """Sort rows under their keys."""
        order = np.lexsort((row, key))
        return cls(key[order], row[order], n_rows)

    def places(self, key: np.ndarray, bound: np.ndarray) -> np.ndarray:
        """Where under each key the first row of at least `bound` lies."""
        return np.searchsorted(self._order, key * (self.n_rows + 1) + bound)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of the first k rows' values, by k, shape (K + 1,)."""
        return np.concatenate([[0], np.cumsum(values[self.row])])

    def fading(self, values: np.ndarray, decay: float) -> np.ndarray:
        """Sum of a key's values up to each place, each step back times `decay`.

        By doubling: what 2^k rows hold is what its later and its earlier half hold.

        Args:
            values: by row, shape (n_rows,).
        Returns:
            Shape (K + 1,); the last is 0, for "no row yet".
        """
        total, reach = values[self.row].astype(np.float64), 1
        longest = int(np.unique(self.key, return_counts=True)[1].max(initial=0))
        while reach < longest:
            same = self.key[reach:] == self.key[:-reach]
            earlier = np.where(same, total[:-reach], 0.0) * decay**reach
            total[reach:] = total[reach:] + earlier
            reach *= 2
        return np.append(total, 0.0)

    @cached_property
    def _order(self) -> np.ndarray:
        return self.key * (self.n_rows + 1) + self.row
