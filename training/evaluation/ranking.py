"""Full-ranking metrics of a label among every candidate item."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Metric = Callable[[ArrayLike], NDArray[np.float64]]


def label_ranks(scores: Tensor, labels: Tensor, left_out: Tensor) -> Tensor:
    """Pessimistic rank of each label: candidates that score at least as high.

    Ties count against the model, so equal scores for all items give the worst
    rank, not one that depends on item ids. The label counts itself: best is 1.
    A label that is left out cannot be found: its rank is n_items.

    Args:
        scores: higher is better, column i is item i, shape (B, n_items).
        labels: item ids, shape (B,).
        left_out: row and item of each that is no candidate, shape (2, N).
    Returns:
        Ranks in 1..n_items, int64, shape (B,), on the device of `scores`.
    Raises:
        ValueError: a score is NaN, or an id is out of range.
    """
    _check(scores, labels, left_out)
    n_items = scores.shape[1]
    label_score = scores.gather(1, labels[:, None])  # (B, 1)
    at_least = (scores >= label_score).sum(1)  # (B,)
    row, item = left_out.to(scores.device).unique(dim=1)
    counted = scores[row, item] >= label_score[row, 0]
    at_least -= torch.bincount(row[counted], minlength=len(scores))
    at_least[row[item == labels[row]]] = n_items
    return at_least


def _check(scores: Tensor, labels: Tensor, left_out: Tensor) -> None:
    n_items = scores.shape[1]
    if torch.isnan(scores).any():
        n_bad = int(torch.isnan(scores).any(1).sum())
        raise ValueError(f"scores of {n_bad} of {len(scores)} queries hold NaN")
    for what, ids in (("a label", labels), ("an item left out", left_out[1])):
        if ((ids < 0) | (ids >= n_items)).any():
            raise ValueError(f"{what} is not in 0..{n_items - 1}")


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
