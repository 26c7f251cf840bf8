"""Whether two evaluations order the same models alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from training.evaluation.intervals import (
    LEVEL,
    N_RESAMPLES,
    Interval,
    resampled_means,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """What every model reached on the queries of one evaluation.

    Args:
        values: a value a query, by model, shape (Q,) each.
        users: who asked each query, shape (Q,).
    """

    values: Mapping[str, ArrayLike]
    users: ArrayLike

    def means(self) -> dict[str, float]:
        """The mean over queries, by model."""
        values = {n: np.asarray(each, np.float64) for n, each in self.values.items()}
        return {name: float(each.mean()) for name, each in values.items()}


def rank_correlation(
    one: Asked, other: Asked, *, seed: int, n_resamples: int = N_RESAMPLES
) -> tuple[float | None, Interval | None]:
    """Spearman's correlation of the models' means, and its 95% interval over users.

    The users of each evaluation are drawn anew, by themselves: the two may have some
    in common, and then the interval is a little too wide.

    Args:
        one, other: the same models in the same order.
    Returns:
        None for the correlation where fewer than two models differ; None for the
        interval where an evaluation has fewer than two users.
    """
    found = _spearman(
        *(np.array([list(each.means().values())]) for each in (one, other))
    )
    drawn = [
        resampled_means(each.values, each.users, seed=seed + number, n=n_resamples)
        for number, each in enumerate((one, other))
    ]
    if np.isnan(found[0]):
        return None, None
    if drawn[0] is None or drawn[1] is None:
        return float(found[0]), None
    spread = _spearman(drawn[0], drawn[1])
    edges = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(spread[~np.isnan(spread)], edges)
    return float(found[0]), (float(low), float(high))


def changed_places(
    one: Mapping[str, float], other: Mapping[str, float]
) -> list[tuple[str, str]]:
    """Pairs of models of which the first leads in one and trails in the other."""
    return [
        (ahead, behind)
        for a, b in combinations(one, 2)
        for ahead, behind in ([(a, b)] if one[a] > one[b] else [(b, a)])
        if one[ahead] > one[behind] and other[ahead] < other[behind]
    ]


def _spearman(one: Floats, other: Floats) -> Floats:
    """Of each row of two tables (b, M): (b,), NaN where all of a row are equal."""
    ranks = [scipy.stats.rankdata(table, axis=1) for table in (one, other)]
    first, second = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    spread = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    with np.errstate(invalid="ignore"):
        return (first * second).sum(1) / spread
