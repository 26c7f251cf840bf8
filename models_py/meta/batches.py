"""Tasks in batches, and in parts of alike length within a batch.

A part is so small that weights which learners have for themselves stay in the
processor's cache, and of alike length: a long prefix costs the short ones nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models_py.meta.tasks import TaskBatch, Tasks, lay_out
from models_py.parts import Dealt, Part

# on one core 32 learners of a 128-wide GRU together took 1.6 times as long
PART = 8
COMMON_PART = 64  # of learners that share their weights


@dataclass(frozen=True)
class MetaBatch:
    """The tasks of one outer step, in parts that go through a network together.

    Args:
        by_reliability: whether the mean loss weighs tasks by their reliability.
    """

    parts: list[TaskBatch]
    by_reliability: bool = False

    @property
    def n_targets(self) -> int:
        """How many query pairs the batch asks."""
        return sum(part.query.labels.numel() for part in self.parts)

    def to(self, device: torch.device) -> "MetaBatch":
        """The same batch on another device."""
        return replace(self, parts=[part.to(device) for part in self.parts])

    def weights(self) -> Tensor:
        """How much each task's loss counts, shape (T,)."""
        reliability = torch.cat([part.reliability for part in self.parts])
        return reliability if self.by_reliability else torch.ones_like(reliability)

    def deal(self, part: Part) -> Dealt:
        """The part's tasks of each of the batch's parts; nothing here is noisy."""
        dealt = [tasks.deal(part) for tasks in self.parts]
        own = replace(self, parts=[tasks for tasks in dealt if len(tasks.reliability)])
        if not own.parts:
            return Dealt(own, 0.0, {})
        total = float(self.weights().sum())
        share = float(own.weights().sum()) / total if total else 0.0
        return Dealt(own, share, {})


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
    by_reliability: bool = False

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[MetaBatch]:
        for rows in self.groups:
            tasks = self.tasks.take(rows)
            yield MetaBatch(
                [
                    lay_out(tasks.take(part), self.max_length)
                    for part in in_parts(tasks, self.part_size)
                ],
                self.by_reliability,
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
