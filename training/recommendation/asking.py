"""Ranks of labels among all candidates."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py.fitting import Diverged
from training.evaluation.ranking import NotANumber, best_items, label_ranks
from training.fit.job import Job
from training.recommendation.candidates import Candidates
from training.recommendation.marts import RecommendationMarts

# scores at a time, 16 MiB: a block above 32 the C library takes from the system and
# gives back each time, which takes longer than most sums over it; changes no result
SCORES_HELD = 2**22
VALIDATED = 50_000  # at most so many validation queries stop a fit


def ranks_of(job: Job[RecommendationMarts], model: Any, rows: Tensor) -> np.ndarray:
    """Rank of each pair's label in the whole vocabulary, shape (len(rows),)."""
    queries = job.marts.pairs.queries
    (ranks,) = all_ranks_of(job, lambda part: [model.score(queries(part))], rows)
    return ranks


def all_ranks_of(
    job: Job[RecommendationMarts],
    score: Callable[[Tensor], Iterable[Tensor]],
    rows: Tensor,
    n_scorings: int = 1,
) -> list[np.ndarray]:
    """Ranks of each pair's label by each scoring that `score` gives, (len(rows),) each.

    Args:
        score: from pair ids to `n_scorings` times the scores of all items.
    """
    return [found[:, 0] for found in answers_of(job, score, rows, n_scorings)]


def answers_of(
    job: Job[RecommendationMarts],
    score: Callable[[Tensor], Iterable[Tensor]],
    rows: Tensor,
    n_scorings: int = 1,
    n_listed: int = 0,
) -> list[np.ndarray]:
    """The same with the best items behind each rank, (len(rows), 1 + n_listed) each.

    A pair that several episodes ask is scored once.
    """
    pairs, candidates = job.marts.pairs, Candidates.of(job)
    distinct, place = rows.unique(return_inverse=True)
    found = torch.zeros(n_scorings, len(distinct), 1 + n_listed, dtype=torch.int64)
    own = job.world.share(torch.arange(len(distinct)))
    n_together = min(job.config.score_chunk, max(SCORES_HELD // job.marts.n_items, 1))
    for chunk in own.split(n_together) if len(own) else ():
        part = distinct[chunk]
        left_out = candidates.left_out(pairs.prefixes.take(part))
        for number, scores in enumerate(score(part)):
            found[number, chunk] = answered(
                scores, pairs.label[part], left_out, n_listed
            )
    return list(job.world.all_reduce(found)[:, place].numpy())


def spread(rows: Tensor, n: int) -> Tensor:
    """At most n of the rows, evenly spaced: neighbours are of one user."""
    n = min(n, len(rows))
    return rows[torch.arange(n) * len(rows) // max(n, 1)]


def answered(scores: Tensor, labels: Tensor, left_out: Tensor, n_listed: int) -> Tensor:
    """Rank of each label and the best items, -1 behind the last, (B, 1 + n_listed).

    Raises:
        Diverged: scores are no numbers.
    """
    found = torch.full((len(scores), 1 + n_listed), -1)
    try:
        found[:, 0] = label_ranks(scores, labels, left_out)
    except NotANumber as error:
        raise Diverged(str(error)) from error
    if n_listed:
        row, item = left_out
        nothing = torch.tensor(-torch.inf)
        items, _ = best_items(scores.index_put((row, item), nothing), n_listed)
        found[:, 1 : 1 + items.shape[1]] = items
    return found
