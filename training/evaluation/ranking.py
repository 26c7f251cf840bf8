"""The rank of a label among every candidate item."""

import torch
from torch import Tensor


class NotANumber(ValueError):
    """Scores hold NaN."""


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
    row, item = left_out.to(scores.device)
    cell = (row * n_items + item).unique()  # of pairs it would take many times as long
    row, item = cell // n_items, cell % n_items
    counted = scores[row, item] >= label_score[row, 0]
    at_least -= torch.bincount(row[counted], minlength=len(scores))
    at_least[row[item == labels[row]]] = n_items
    return at_least


def _check(scores: Tensor, labels: Tensor, left_out: Tensor) -> None:
    n_items = scores.shape[1]
    if torch.isnan(scores).any():
        n_bad = int(torch.isnan(scores).any(1).sum())
        raise NotANumber(f"scores of {n_bad} of {len(scores)} queries hold NaN")
    for what, ids in (("a label", labels), ("an item left out", left_out[1])):
        if ((ids < 0) | (ids >= n_items)).any():
            raise ValueError(f"{what} is not in 0..{n_items - 1}")


def best_items(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n items with the highest scores; equal scores in the order of their ids.

    Args:
        scores: -inf for what is no candidate, shape (B, n_items).
    Returns:
        Item ids, -1 behind the last candidate, and their scores, both of shape
        (B, min(n, n_items)).
    Raises:
        ValueError: a score is NaN.
    """
    if torch.isnan(scores).any():
        raise ValueError("scores hold NaN")
    n = min(n, scores.shape[1])
    values, items = scores.topk(n)
    # which of equal scores come first is left open there: they are put in order, and
    # where the last of the list has equals outside it the whole row is
    items, by_id = items.sort()
    values, by_score = values.gather(1, by_id).sort(descending=True, stable=True)
    items = items.gather(1, by_score)
    last = values[:, -1:]
    goes_on = (scores == last).sum(1) > (values == last).sum(1)
    rows = (goes_on & (last[:, 0] > -torch.inf)).nonzero().squeeze(1)
    if len(rows):
        every = scores[rows].sort(descending=True, stable=True)
        items[rows], values[rows] = every.indices[:, :n], every.values[:, :n]
    return items.masked_fill(values == -torch.inf, -1), values
