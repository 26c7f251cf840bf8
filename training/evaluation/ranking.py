"""The rank of a label among every candidate item."""

import torch
from torch import Tensor

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
