"""Recall@10 of parts of the test queries: by prefix length, reliability, popularity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from training.evaluation.intervals import bootstrap_intervals
from training.evaluation.lists import FIFTHS
from training.evaluation.metrics import RANKING

METRIC = "recall@10"

# Name -> smallest value of the slice, ascending; a slice ends where the next begins.
PREFIX_LENGTHS: dict[str, float] = {
    "1": 1,
    "2": 2,
    "3-4": 3,
    "5-9": 5,
    "10-19": 10,
    "20+": 20,
}
RELIABILITY_TIERS: dict[str, float] = {"low": 0.0, "medium": 0.33, "high": 0.66}
POPULARITY_FIFTHS: dict[str, float] = {name: n for n, name in enumerate(FIFTHS)}


def recall_by_slice(
    ranks: Mapping[str, ArrayLike],
    users: ArrayLike,
    measure: ArrayLike,
    slices: Mapping[str, float],
    *,
    seed: int,
) -> dict[str, list[dict[str, Any]]]:
    """Recall@10 of each model in each slice, with a user-clustered 95% interval.

    Args:
        ranks: ranks of each model's test queries, shape (Q,) each.
        users: who asked each query, shape (Q,).
        measure: what the slices cut, e.g. uncapped prefix lengths, shape (Q,).
        slices: `PREFIX_LENGTHS`, `RELIABILITY_TIERS` or the like.
        seed: of the bootstrap.
    Returns:
        By model, in the slices' order and without empty ones: rows of `slice`,
        `n_queries`, `n_users`, `recall@10` and `ci95` (None with a single user).
    Raises:
        ValueError: a measure is NaN or below the first slice.
    """
    users, measure = np.asarray(users), np.asarray(measure, np.float64)
    if not (measure >= next(iter(slices.values()))).all():
        raise ValueError("a query lies below the first slice or has no measure")
    hits = {name: RANKING[METRIC](ranks_of) for name, ranks_of in ranks.items()}
    number = np.searchsorted(list(slices.values()), measure, side="right") - 1  # (Q,)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ranks}
    for index, label in enumerate(slices):
        inside = number == index
        if not inside.any():
            continue
        of_slice = {name: values[inside] for name, values in hits.items()}
        intervals = bootstrap_intervals(of_slice, users[inside], seed=seed)
        size = {
            "slice": label,
            "n_queries": int(inside.sum()),
            "n_users": len(np.unique(users[inside])),
        }
        for name, values in of_slice.items():
            recall = {METRIC: float(values.mean()), "ci95": intervals[name]}
            rows[name].append(size | recall)
    return rows
