"""Full-ranking metrics of a label among every candidate item."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Metric = Callable[[ArrayLike], NDArray[np.float64]]

NO_EXCLUSION = -1


def label_ranks(scores: Tensor, labels: Tensor, excluded: Tensor) -> Tensor:
    """Pessimistic rank of each label: candidates that score at least as high.

    Ties count against the model, so equal scores for all items give the worst
    rank, not one that depends on item ids. The label counts itself: best is 1.

    Args:
        scores: higher is better, column i is item i, shape (B, n_items).
        labels: item ids, shape (B,).
        excluded: the one item that is no candidate, or -1 for none, shape (B,).
    Returns:
        Ranks in 1..n_items, int64, shape (B,), on the device of `scores`.
    Raises:
        ValueError: a score is NaN, an id is out of range, or a label is excluded.
    """
    _check(scores, labels, excluded)
    label_score = scores.gather(1, labels[:, None])  # (B, 1)
    at_least = (scores >= label_score).sum(1)  # (B,)
    excluded_score = scores.gather(1, excluded.clamp(min=0)[:, None])  # (B, 1)
    excluded_counted = (excluded_score >= label_score).squeeze(1)
    return at_least - (excluded_counted & (excluded != NO_EXCLUSION)).long()


def _check(scores: Tensor, labels: Tensor, excluded: Tensor) -> None:
    n_items = scores.shape[1]
    if torch.isnan(scores).any():
        n_bad = int(torch.isnan(scores).any(1).sum())
        raise ValueError(f"scores of {n_bad} of {len(scores)} queries hold NaN")
    if ((labels < 0) | (labels >= n_items)).any():
        raise ValueError(f"a label is not in 0..{n_items - 1}")
    if ((excluded < NO_EXCLUSION) | (excluded >= n_items)).any():
        raise ValueError(f"an excluded item is neither -1 nor in 0..{n_items - 1}")
    if (labels == excluded).any():
        raise ValueError("a label is excluded from its own candidates")


def hits_within(k: int) -> Metric:
    """Whether the label is among the best k; with one label this is recall@k."""

    def hits(ranks: ArrayLike) -> NDArray[np.float64]:
        return (_as_float(ranks) <= k).astype(np.float64)

    return hits


def ndcg_within(k: int) -> Metric:
    """Normalised discounted cumulative gain at k with one relevant item.

    The ideal gain is 1, so it is 1 / log2(1 + rank) within the best k, else 0
    (Järvelin and Kekäläinen, 2002, "Cumulated gain-based evaluation").
    """

    def gain(ranks: ArrayLike) -> NDArray[np.float64]:
        rank = _as_float(ranks)
        return np.where(rank <= k, 1.0 / np.log2(1.0 + rank), 0.0)

    return gain


def reciprocal_rank(ranks: ArrayLike) -> NDArray[np.float64]:
    """1 / rank, in (0, 1]; its mean is MRR over the whole vocabulary."""
    return 1.0 / _as_float(ranks)


def _as_float(ranks: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(ranks, dtype=np.float64)


# Name -> per-query values from ranks, both of shape (Q,); the mean is the metric.
METRICS: dict[str, Metric] = {
    "accuracy@1": hits_within(1),
    "recall@5": hits_within(5),
    "recall@10": hits_within(10),
    "ndcg@10": ndcg_within(10),
    "mrr": reciprocal_rank,
}


def means(ranks: NDArray[np.int64]) -> dict[str, float | None]:
    """Mean of each metric; None where nothing was asked."""
    return {
        metric: float(of(ranks).mean()) if len(ranks) else None
        for metric, of in METRICS.items()
    }
