"""Models that read a learner's support pairs: what they learn from and are asked."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py.fitting import Diverged
from models_py.meta.blocks import Blocks
from models_py.meta.tasks import PairRows, Tasks, TrainTasks
from models_py.ragged import Ragged
from training.fit.job import Job
from training.recommendation.asking import SCORES_HELD, answered
from training.recommendation.candidates import Candidates
from training.recommendation.marts import RecommendationMarts
from training.recommendation.pair_table import Pairs

SUPPORT_SIZES = (1, 3, 5)
CURVE_STEPS = (0, 1, 3, 5, 10, 20)
SCORED_TASKS = 256  # tasks scored together, fewer in a large vocabulary; changes none


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
        pairs=_pair_rows(pairs),
        support=episodes.support[chosen],
        query=episodes.query[chosen],
        reliability=torch.from_numpy(episodes.reliability[chosen.numpy()]).float(),
    )


def _pair_rows(pairs: Pairs) -> PairRows:
    return PairRows(
        pairs.prefixes,
        pairs.prefix_len,
        pairs.sequence,
        pairs.label,
        torch.from_numpy(pairs.reliability),
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


def pairs_with_support(marts: RecommendationMarts, asked: Tensor) -> Blocks:
    """Pairs, one a task, each behind its learner's pairs of earlier seconds.

    Where time is split, those may be of an earlier split, as an episode's support, and
    at most as many.

    Args:
        asked: pair ids, shape (T,).
    """
    pairs = marts.pairs
    is_learner = np.zeros(len(pairs.user_ids), dtype=bool)
    is_learner[pairs.user[asked.numpy()]] = True
    rows = np.flatnonzero(is_learner[pairs.user])
    user, at = pairs.user[rows], pairs.label_at.numpy()[rows]
    order = np.lexsort((rows, at, user))
    rows, user, at = rows[order], user[order], at[order]
    place = np.arange(len(rows))
    of_user = np.searchsorted(user, user)  # where the learner's pairs begin
    is_later = np.ones(len(rows), dtype=bool)
    is_later[1:] = (at[1:] != at[:-1]) | (user[1:] != user[:-1])
    end = np.maximum.accumulate(np.where(is_later, place, 0))
    n_support = np.minimum(end - of_user, marts.episodes.support.shape[1])
    sizes, ends = torch.from_numpy(n_support), torch.from_numpy(end)
    back = Ragged.of_lengths(torch.arange(int(sizes.sum())), sizes)
    start = torch.repeat_interleave(ends - sizes - back.offsets[:-1], sizes)
    query = torch.from_numpy(rows)
    support = Ragged.of_lengths(query[start + back.values], sizes)
    ones = torch.ones(len(rows), dtype=torch.int64)
    blocks = Blocks(_pair_rows(pairs), support, Ragged.of_lengths(query, ones))
    by_pair = query.argsort()
    return blocks.take(by_pair[torch.searchsorted(query[by_pair], asked)])


def task_ranks(
    job: Job[RecommendationMarts],
    tasks: Tasks,
    score: Callable[[Tasks], Iterable[Tensor]],
    n_scorings: int = 1,
) -> list[np.ndarray]:
    """Ranks of all query labels, task by task, of each scoring that `score` gives.

    Args:
        score: `n_scorings` times scores of the queries, shape (t, Q, n_items) each.
    Returns:
        Shape (T x Q,) each.
    Raises:
        Diverged: in every process, where it befell one.
    """
    return [found[:, 0] for found in task_answers(job, tasks, score, n_scorings)]


def task_answers(
    job: Job[RecommendationMarts],
    tasks: Tasks,
    score: Callable[[Tasks], Iterable[Tensor]],
    n_scorings: int = 1,
    n_listed: int = 0,
) -> list[np.ndarray]:
    """The same with the best items behind each rank, (T x Q, 1 + n_listed) each.

    The tasks are dealt out to the processes.
    """
    shape = (n_scorings, *tasks.query.shape, 1 + n_listed)
    answers = torch.zeros(shape, dtype=torch.int64)
    failed = None
    try:
        for rows in _dealt_out(job, tasks):
            part = tasks.take(rows)
            for number, scores in enumerate(score(part)):
                found = _answers_to(job, part, scores, n_listed)
                answers[number, rows] = found
    except Diverged as error:
        failed = error
    n_failed = int(job.world.all_reduce(torch.tensor(int(failed is not None))))
    if n_failed:
        raise failed or Diverged(f"the inner loop diverged in {n_failed} processes")
    return list(job.world.all_reduce(answers).flatten(1, 2).numpy())


def task_log_likelihoods(
    job: Job[RecommendationMarts],
    tasks: Tasks,
    score: Callable[[Tasks], Iterable[Tensor]],
    n_scorings: int,
) -> list[float]:
    """Mean log-probability of the labels among their candidates by each scoring.

    Args:
        score: `n_scorings` times log-probabilities of the queries, but for a constant
            of each query, shape (t, Q, n_items) each.
    """
    total = torch.zeros(n_scorings, dtype=torch.float64)
    for rows in _dealt_out(job, tasks):
        part = tasks.take(rows)
        asked = part.query.flatten()
        row, item = Candidates.of(job).left_out(part.pairs.prefixes.take(asked))
        labels = part.pairs.label[asked][:, None]
        for number, scores in enumerate(score(part)):
            among = (
                scores.flatten(0, 1)
                .double()
                .index_put((row, item), torch.tensor(-torch.inf, dtype=torch.float64))
            )
            of_labels = among.log_softmax(-1).gather(1, labels)
            # a label that is no candidate is as unlikely by all
            total[number] += of_labels[of_labels.isfinite()].sum()
    return (job.world.all_reduce(total) / tasks.query.numel()).tolist()


def _dealt_out(job: Job[RecommendationMarts], tasks: Tasks) -> Sequence[Tensor]:
    """The tasks of this process, those that are scored together."""
    own = job.world.share(torch.arange(len(tasks)))
    n_scores = tasks.query.shape[1] * job.marts.n_items  # of a task
    n_together = min(SCORED_TASKS, max(SCORES_HELD // n_scores, 1))
    return own.split(n_together) if len(own) else ()


def _answers_to(
    job: Job[RecommendationMarts], tasks: Tasks, scores: Tensor, n_listed: int
) -> Tensor:
    """What `answered` says of each query, (T, Q, n_items) → (T, Q, 1 + n_listed)."""
    asked = tasks.query.flatten()
    left_out = Candidates.of(job).left_out(tasks.pairs.prefixes.take(asked))
    labels = tasks.pairs.label[asked]
    found = answered(scores.flatten(0, 1), labels, left_out, n_listed)
    return found.unflatten(0, tasks.query.shape)


def adaptation_of(
    job: Job[RecommendationMarts], model: Any, with_all: np.ndarray
) -> Adaptation:
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


def _curve(
    job: Job[RecommendationMarts], model: Any, tasks: Tasks
) -> dict[int, np.ndarray]:
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
