"""Models that read a learner's support pairs: what they learn from and are asked."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py.fitting import Diverged
from models_py.meta.tasks import PairRows, Tasks, TrainTasks
from models_py.ragged import Ragged
from training.evaluation.ranking import NO_EXCLUSION, label_ranks
from training.fit.job import Job
from training.recommendation.marts import RecommendationMarts

SUPPORT_SIZES = (1, 3, 5)
CURVE_STEPS = (0, 1, 3, 5, 10, 20)
SCORED_TASKS = 256  # tasks whose scores are held at a time; changes no result


@dataclass(frozen=True)
class Adaptation:
    """Ranks of the test queries under other amounts of adaptation, shape (N,) each.

    Args:
        zero_shot: without any support.
        by_support: by number of support pairs, the latest ones.
        by_steps: by number of inner steps, where there are any to choose; without
            those at which the inner loop diverged.
    """

    zero_shot: np.ndarray
    by_support: dict[int, np.ndarray]
    by_steps: dict[int, np.ndarray]


def tasks_of(marts: RecommendationMarts, split: str) -> Tasks:
    """The episodes of a split, in the order of their ids."""
    pairs, episodes = marts.pairs, marts.episodes
    chosen = episodes.rows_of(split)
    return Tasks(
        pairs=PairRows(
            pairs.prefixes,
            pairs.prefix_len,
            pairs.sequence,
            pairs.label,
            torch.from_numpy(pairs.reliability),
        ),
        support=episodes.support[chosen],
        query=episodes.query[chosen],
        reliability=torch.from_numpy(episodes.reliability[chosen.numpy()]).float(),
    )


def train_tasks_of(marts: RecommendationMarts) -> TrainTasks:
    """Train users' sequences, episodes, and all their pairs in time order."""
    pairs = marts.pairs
    train = pairs.rows_of("train")
    rows = train.numpy()
    rows = rows[np.lexsort((rows, pairs.label_at.numpy()[rows], pairs.user[rows]))]
    _, lengths = np.unique(pairs.user[rows], return_counts=True)
    histories = Ragged.of_lengths(torch.from_numpy(rows), torch.from_numpy(lengths))
    sequences = pairs.train_sequences(train, marts.n_items)
    return TrainTasks(sequences, tasks_of(marts, "train"), histories)


def task_ranks(
    job: Job,
    tasks: Tasks,
    score: Callable[[Tasks], Iterable[Tensor]],
    n_scorings: int = 1,
) -> list[np.ndarray]:
    """Ranks of all query labels, task by task, of each scoring that `score` gives.

    The tasks are dealt out to the processes.

    Args:
        score: `n_scorings` times scores of the queries, shape (t, Q, n_items) each.
    Returns:
        Shape (T x Q,) each.
    Raises:
        Diverged: in every process, where it befell one.
    """
    ranks = torch.zeros(n_scorings, *tasks.query.shape, dtype=torch.int64)
    own = job.world.share(torch.arange(len(tasks)))
    failed = None
    try:
        for rows in own.split(SCORED_TASKS) if len(own) else ():
            part = tasks.take(rows)
            for number, scores in enumerate(score(part)):
                ranks[number, rows] = _ranks_of_labels(job, part, scores)
    except Diverged as error:
        failed = error
    n_failed = int(job.world.all_reduce(torch.tensor(int(failed is not None))))
    if n_failed:
        raise failed or Diverged(f"the inner loop diverged in {n_failed} processes")
    return list(job.world.all_reduce(ranks).flatten(1).numpy())


def _ranks_of_labels(job: Job, tasks: Tasks, scores: Tensor) -> Tensor:
    """Rank of each query's label, (T, Q, n_items) → (T, Q)."""
    asked = tasks.query.flatten()
    last = tasks.pairs.prefixes.take(asked).last()
    if not job.config.exclude_last_item:
        last = torch.full_like(last, NO_EXCLUSION)
    labels = tasks.pairs.label[asked]
    ranks = label_ranks(scores.flatten(0, 1), labels, last)
    return ranks.view(tasks.query.shape)


def adaptation_of(job: Job, model: Any, with_all: np.ndarray) -> Adaptation:
    """How the test queries are ranked with less support or other numbers of steps.

    Args:
        with_all: ranks with the whole support, shape (N,).
    """
    tasks = tasks_of(job.marts, "test")
    n_support = tasks.support.shape[1]
    sizes = [size for size in SUPPORT_SIZES if size < n_support]
    none, *others = task_ranks(
        job,
        tasks,
        lambda part: (
            model.score_tasks(part.with_support(size)) for size in (0, *sizes)
        ),
        1 + len(sizes),
    )
    by_support = dict(zip(sizes, others, strict=True))
    curve = _curve(job, model, tasks) if model.has_steps else {}
    return Adaptation(none, {**by_support, n_support: with_all}, curve)


def _curve(job: Job, model: Any, tasks: Tasks) -> dict[int, np.ndarray]:
    """Ranks by number of steps, as far as the inner loop does not diverge."""
    for n in range(len(CURVE_STEPS), 0, -1):
        steps = CURVE_STEPS[:n]
        # more steps than were learned for may diverge: fewer are tried then
        with suppress(Diverged):
            ranks = task_ranks(
                job, tasks, partial(model.score_tasks_after, steps=steps), n
            )
            return dict(zip(steps, ranks, strict=True))
    return {}
