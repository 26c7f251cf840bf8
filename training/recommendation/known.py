"""Today's marts as a finished run knows them, which may never have seen some items."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from models_py.data import Queries
from models_py.meta.blocks import Blocks
from models_py.meta.tasks import PairRows
from models_py.ragged import Ragged
from models_py.recommendation.session_knn import UNKNOWN
from training.recommendation.pair_table import Pairs


@dataclass(frozen=True)
class KnownItems:
    """The items of today's marts as those of a run.

    Args:
        to_run: the run's id of each of the marts' items, -1 where it has none.
        is_of_run: whether the marts' pairs are those that the run learned from.
    """

    to_run: Tensor
    is_of_run: bool = False

    @classmethod
    def of_keys(
        cls, of_run: list[str], of_marts: list[str], *, is_of_run: bool = False
    ) -> Self:
        """By the publisher's ids of the run's and of the marts' items."""
        ids = {key: number for number, key in enumerate(of_run)}
        to_run = [ids.get(key, -1) for key in of_marts]
        return cls(torch.tensor(to_run, dtype=torch.int64), is_of_run)

    def rows(self, rows: Ragged) -> Ragged:
        """Rows without the items that are unknown; repeats that this brings collapse.

        Args:
            rows: ids of the marts.
        """
        return self._left(rows, self._stays(rows))

    def _left(self, rows: Ragged, stays: Tensor) -> Ragged:
        """What stays of rows, in the run's ids."""
        owner = torch.repeat_interleave(rows.lengths)[stays]
        lengths = torch.bincount(owner, minlength=len(rows))
        return Ragged.of_lengths(self.to_run[rows.values[stays]], lengths)

    def _stays(self, rows: Ragged) -> Tensor:
        """Which items of rows are known, and not the known one before once more."""
        owner, items = torch.repeat_interleave(rows.lengths), self.to_run[rows.values]
        known = (items >= 0).nonzero().squeeze(1)
        is_new = torch.ones_like(known, dtype=torch.bool)
        is_new[1:] = (items[known].diff() != 0) | (owner[known].diff() != 0)
        return torch.zeros_like(items, dtype=torch.bool).index_fill(
            0, known[is_new], True
        )

    @staticmethod
    def _lengths(pairs: Pairs, support: Ragged, given: Ragged, stays: Tensor) -> Tensor:
        """Lengths of prefixes without unknown items, before any cut, shape (N,).

        The first of a sequence counts what its own cut prefix lost; each next one grows
        by the known ones among the items since. What a cut prefix loses at its front
        would not say how many those are.

        Args:
            given: the prefixes of the support, of which `stays` says what is known.
        """
        whole, sequence = (
            each[support.values] for each in (pairs.prefix_len, pairs.sequence)
        )
        owner, row = (torch.repeat_interleave(r.lengths) for r in (support, given))
        n_stay = torch.bincount(row[stays], minlength=len(given))
        since = whole.diff(prepend=whole[:1])
        is_since = given.offsets[1:][row] - torch.arange(len(row)) <= since[row]
        newer = torch.bincount(row[stays & is_since], minlength=len(given))
        # where some of them are cut off nobody knows how many: no row goes on there
        newer = torch.where((since < 0) | (since > given.lengths), since, newer)
        begins = torch.ones_like(whole, dtype=torch.bool)
        begins[1:] = (sequence.diff() != 0) | (owner.diff() != 0)
        grown = torch.where(begins, 0, newer).cumsum(0)
        at_first = (whole - given.lengths + n_stay - grown)[begins]
        return at_first[begins.long().cumsum(0) - 1] + grown

    def sequences(self, sequence: Tensor) -> Tensor:
        """Numbers of sequences, none of them one of the run's unless the pairs are.

        Equal ones stay equal, since what a query continues may be among its support.
        """
        return sequence if self.is_of_run else UNKNOWN - 1 - sequence

    def with_support(self, pairs: Pairs, support: Ragged, queries: Queries) -> Blocks:
        """Queries behind their learners' pairs, one a task, in the run's ids.

        A pair whose prefix or label the run does not know supports nothing.

        Args:
            pairs: of the marts.
            support: rows of `pairs`, a learner a row.
            queries: of the same learners, as the run knows them.
        """
        given = pairs.prefixes.take(support.values)
        stays, labels = self._stays(given), self.to_run[pairs.label[support.values]]
        prefixes = self._left(given, stays)
        is_known = (prefixes.lengths > 0) & (labels >= 0) & (labels != prefixes.last())
        rows = is_known.nonzero().squeeze(1)
        owner = torch.repeat_interleave(support.lengths)[rows]
        n_own = torch.bincount(owner, minlength=len(queries))
        lengths = self._lengths(pairs, support, given, stays)
        kept, n = support.values[rows], len(queries)
        asked = queries.prefixes
        both = Ragged.of_lengths(
            torch.cat([prefixes.take(rows).values, asked.values]),
            torch.cat([prefixes.lengths[rows], asked.lengths]),
        )
        table = PairRows(
            prefixes=both,
            prefix_len=torch.cat([lengths[rows], asked.lengths]),
            sequence=torch.cat(
                [self.sequences(pairs.sequence[kept]), queries.sequence]
            ),
            label=torch.cat([labels[rows], torch.zeros(n, dtype=torch.int64)]),
            reliability=torch.cat(
                [torch.from_numpy(pairs.reliability)[kept].float(), torch.ones(n)]
            ),
        )
        ones = torch.ones(n, dtype=torch.int64)
        return Blocks(
            pairs=table,
            support=Ragged.of_lengths(torch.arange(len(rows)), n_own),
            query=Ragged.of_lengths(torch.arange(n) + len(rows), ones),
        )
