"""Tasks in batches, and in parts of alike length within a batch.

A part is so small that weights which learners have for themselves stay in the
processor's cache, and of alike length: a long prefix costs the short ones nothing.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models_py.fitting import TrainingBatch
from models_py.meta.tasks import TaskBatch, Tasks

# on one core 32 learners of a 128-wide GRU together took 1.6 times as long
PART = 8
COMMON_PART = 64  # of learners that share their weights


@dataclass(frozen=True)
class MetaBatch(TrainingBatch):
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

    @property
    def weight(self) -> float:
        """What the mean over these tasks counts beside that over others."""
        return float(self.weights().sum())


def drawn_groups(
    n_tasks: int, n_batches: int, batch_size: int, generator: torch.Generator
) -> list[Tensor]:
    """Numbers of tasks in batches, each drawn once before any comes again."""
    if n_tasks == 0:
        return []
    n_drawn = n_batches * batch_size
    rounds = -(-n_drawn // n_tasks)
    drawn = [torch.randperm(n_tasks, generator=generator) for _ in range(rounds)]
    return list(torch.cat(drawn)[:n_drawn].split(batch_size))


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
