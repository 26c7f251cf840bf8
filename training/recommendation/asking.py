"""Ranks of labels among all candidates."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.evaluation.ranking import label_ranks
from training.fit.job import Job
from training.recommendation.candidates import Candidates
from training.recommendation.marts import RecommendationMarts

SCORES_HELD = 2**26  # scores held at a time; changes no result


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

    A pair that several episodes ask is scored once.

    Args:
        score: from pair ids to `n_scorings` times the scores of all items.
    """
    pairs, candidates = job.marts.pairs, Candidates.of(job)
    distinct, place = rows.unique(return_inverse=True)
    ranks = torch.zeros(n_scorings, len(distinct), dtype=torch.int64)
    own = job.world.share(torch.arange(len(distinct)))
    n_together = min(job.config.score_chunk, max(SCORES_HELD // job.marts.n_items, 1))
    for chunk in own.split(n_together) if len(own) else ():
        part = distinct[chunk]
        left_out = candidates.left_out(pairs.prefixes.take(part))
        for number, scores in enumerate(score(part)):
            ranks[number, chunk] = label_ranks(scores, pairs.label[part], left_out)
    return list(job.world.all_reduce(ranks)[:, place].numpy())
