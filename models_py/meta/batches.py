"""Tasks in batches, and in parts of alike length within a batch.

A part is so small that weights which learners have for themselves stay in the
processor's cache, and of alike length: a long prefix costs the short ones nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from models_py.meta.tasks import TaskBatch, Tasks, lay_out

# on one core 32 learners of a 128-wide GRU together took 1.6 times as long
PART = 8
COMMON_PART = 64  # of learners that share their weights


@dataclass(frozen=True)
class MetaBatch:
    """The tasks of one outer step, in parts that go through a network together."""

    parts: list[TaskBatch]

    @property
    def n_targets(self) -> int:
        """How many query pairs the batch asks."""
        return sum(part.query.labels.numel() for part in self.parts)

    def to(self, device: torch.device) -> "MetaBatch":
        """The same batch on another device."""
        return MetaBatch([part.to(device) for part in self.parts])


@dataclass(frozen=True)
class MetaBatches:
    """Batches of tasks, laid out while they are iterated over.

    Args:
        groups: rows of `tasks` of each batch.
    """

    tasks: Tasks
    groups: list[Tensor]
    max_length: int
    part_size: int

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[MetaBatch]:
        for rows in self.groups:
            tasks = self.tasks.take(rows)
            yield MetaBatch(
                [
                    lay_out(tasks.take(part), self.max_length)
                    for part in in_parts(tasks, self.part_size)
                ]
            )


def drawn_batches(
    tasks: Tasks,
    n_batches: int,
    batch_size: int,
    max_length: int,
    part_size: int,
    generator: torch.Generator,
) -> MetaBatches:
    """Draw tasks into batches, each task once before any comes again."""
    if len(tasks) == 0:
        return MetaBatches(tasks, [], max_length, part_size)
    n_tasks = n_batches * batch_size
    rounds = -(-n_tasks // len(tasks))
    drawn = [torch.randperm(len(tasks), generator=generator) for _ in range(rounds)]
    groups = torch.cat(drawn)[:n_tasks].split(batch_size)
    return MetaBatches(tasks, list(groups), max_length, part_size)


def in_parts(tasks: Tasks, part_size: int) -> tuple[Tensor, ...]:
    """Rows of the tasks in parts of alike length, of the support above all.

    The support is gone through at every step, the queries once.
    """
    order = _longest(tasks, tasks.query).argsort(stable=True)
    support = _longest(tasks, tasks.support)[order]
    return order[support.argsort(stable=True)].split(part_size)


def _longest(tasks: Tasks, chosen: Tensor) -> Tensor:
    """Longest prefix of each task's chosen pairs, 0 where there are none, (T,)."""
    if chosen.shape[1] == 0:
        return torch.zeros(len(chosen), dtype=torch.int64)
    return tasks.pairs.prefixes.lengths[chosen].amax(1)
