"""Users' histories cut at random into what is known and what is asked."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models_py.config import OptimiserConfig
from models_py.data import Queries
from models_py.fitting import Batch, Batches
from models_py.meta.tasks import PairRows, Tasks, TrainTasks
from models_py.ragged import Ragged

FULL_SUPPORT = 0.7  # share of blocks that see all of their support
# queries that share a support in long histories: where episodes ask fewer, most of the
# time would go into reading it again and again
LEAST_QUERIES = 6
LONG = 2 * LEAST_QUERIES  # pairs; in a short history many queries would see no support


@dataclass(frozen=True)
class Blocks:
    """Tasks of varying size.

    Args:
        support, query: rows of `pairs`, one ragged row a task.
    """

    pairs: PairRows
    support: Ragged
    query: Ragged

    def __len__(self) -> int:
        return len(self.query)

    def take(self, rows: Tensor) -> "Blocks":
        """The chosen tasks, in the order asked for."""
        return Blocks(self.pairs, self.support.take(rows), self.query.take(rows))

    def queries(self) -> Queries:
        """What is asked, block by block."""
        asked = self.query.values
        return Queries(self.pairs.prefixes.take(asked), self.pairs.sequence[asked])

    def lengths(self) -> Tensor:
        """Longest prefix of each task, shape (T,)."""
        longest = torch.zeros(len(self), dtype=torch.int64)
        for part in (self.support, self.query):
            owner = torch.repeat_interleave(part.lengths)
            lengths = self.pairs.prefixes.lengths[part.values]
            longest.scatter_reduce_(0, owner, lengths, "amax")
        return longest

    @classmethod
    def of_queries(cls, queries: Queries) -> "Blocks":
        """Queries of learners of whom nothing else is known, one a task."""
        n = len(queries)
        pairs = PairRows(
            prefixes=queries.prefixes,
            prefix_len=queries.prefixes.lengths,
            sequence=queries.sequence,
            label=torch.zeros(n, dtype=torch.int64),
            reliability=torch.zeros(n),
        )
        rows, one = torch.arange(n), torch.ones(n, dtype=torch.int64)
        nothing = Ragged.of_lengths(rows[:0], torch.zeros_like(one))
        return cls(pairs, nothing, Ragged.of_lengths(rows, one))

    @classmethod
    def of_tasks(cls, tasks: Tasks) -> "Blocks":
        """Tasks of one size as tasks of varying size."""
        support, query = (
            Ragged.of_lengths(part.flatten(), torch.full((len(part),), part.shape[1]))
            for part in (tasks.support, tasks.query)
        )
        return cls(tasks.pairs, support, query)


def cut_into_blocks(
    pairs: PairRows,
    histories: Ragged,
    n_support: int,
    n_query: int,
    generator: torch.Generator,
) -> Blocks:
    """Cut each history at random into blocks of queries; what precedes supports them.

    The first block of a history has random size, so the cuts fall elsewhere each time.
    Most blocks see their `n_support` latest pairs, the others fewer, down to none.

    Args:
        histories: rows of `pairs`, each user's in time order.
        n_query: size of all blocks but a history's first and last; in those of `LONG`
            pairs or more `LEAST_QUERIES` at least.
    """
    lengths = histories.lengths
    user = torch.repeat_interleave(lengths)
    place = torch.arange(len(user)) - histories.offsets[user]
    full = torch.full_like(lengths, n_query)
    first = torch.randint(0, n_query, full.shape, generator=generator)
    if n_query < LEAST_QUERIES:
        is_long = lengths >= LONG
        later = torch.randint(0, LEAST_QUERIES, full.shape, generator=generator)
        full[is_long], first[is_long] = LEAST_QUERIES, later[is_long]
    full, first = full[user], first[user]
    number = torch.where(place < first, 0, 1 + (place - first) // full)
    _, size = torch.unique_consecutive(
        torch.stack([user, number]), dim=1, return_counts=True
    )
    start = size.cumsum(0) - size
    wanted = torch.randint(0, n_support + 1, size.shape, generator=generator)
    is_full = torch.rand(size.shape, generator=generator) < FULL_SUPPORT
    wanted = torch.where(is_full, n_support, wanted)
    n_before = torch.minimum(wanted, place[start])
    # the support of a block is the end of all that lies before it
    back = Ragged.of_lengths(torch.arange(int(n_before.sum())), n_before)
    at = back.values + torch.repeat_interleave(
        start - n_before - back.offsets[:-1], n_before
    )
    support = Ragged.of_lengths(histories.values[at], n_before)
    return Blocks(pairs, support, Ragged.of_lengths(histories.values, size))


def block_batches(
    train: TrainTasks,
    settings: OptimiserConfig,
    generator: torch.Generator,
    lay_out: Callable[[Blocks], Batch],
) -> Batches[Batch]:
    """Train users' histories cut into blocks, every pair asked once an epoch.

    A step has about as many queries as the settings say.
    """
    episodes = train.episodes
    n_support, n_query = episodes.support.shape[1], episodes.query.shape[1]
    blocks = cut_into_blocks(
        episodes.pairs, train.histories, n_support, n_query, generator
    )
    if len(blocks) == 0:
        return Batches([], lambda rows: lay_out(blocks.take(rows)))
    n_targets = settings.targets_per_step(len(blocks.query.values))
    order = torch.randperm(len(blocks), generator=generator)
    sizes = blocks.query.lengths[order]
    counts = torch.bincount((sizes.cumsum(0) - sizes) // n_targets)
    groups = order.split(counts[counts > 0].tolist())
    return Batches(groups, lambda rows: lay_out(blocks.take(rows)))
