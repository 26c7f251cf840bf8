"""Intervals and paired comparisons that respect that a user's queries hang together.

Queries of one user are not independent, so users are resampled, not queries
(Field and Welsh, 2007, "Bootstrapping clustered data"). A metric is the mean over
queries: a ratio of two sums over users, the values' and the queries'.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

N_RESAMPLES = 2000
LEVEL = 0.95
_CELLS_AT_ONCE = 1 << 21  # resamples x users held in memory at a time

Name = TypeVar("Name", bound=Hashable)
Interval = tuple[float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """One model against another on the same queries.

    Args:
        difference: mean of the model less mean of the reference.
        ci95: bootstrap interval of the difference; None with a single user.
        p: two-sided p value of "no difference" by flipping users' signs.
    """

    difference: float
    ci95: Interval | None
    p: float

    def as_json(self) -> dict[str, Any]:
        """Plain values for `metrics.json`."""
        return asdict(self)


def bootstrap_intervals(
    values: Mapping[Name, ArrayLike],
    users: ArrayLike,
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> dict[Name, Interval | None]:
    """95% percentile interval of the mean of each entry, users resampled.

    All entries share the resamples, so a whole table of models and metrics costs
    little more than one cell.

    Args:
        values: per-query values of each entry, shape (Q,) each.
        users: who asked each query, any sortable ids, shape (Q,).
        seed: same data and seed, same interval.
        n_resamples: how many times the users are drawn anew.
    Returns:
        (low, high) by entry; None where there are fewer than two users, since one
        user says nothing about how users differ.
    Raises:
        ValueError: there is no query, shapes differ, or a value is not finite.
    """
    if not values:
        return {}
    totals, counts = _per_user(values, users)
    if len(counts) < 2:
        return dict.fromkeys(values)
    low, high = _ratio_intervals(totals, counts, seed, n_resamples)
    return {
        name: (float(low[column]), float(high[column]))
        for column, name in enumerate(values)
    }


def resampled_means(
    values: Mapping[Name, ArrayLike], users: ArrayLike, *, seed: int, n: int
) -> Floats | None:
    """Means of each entry with the users drawn anew n times, shape (n, M).

    None where there are fewer than two users.
    """
    totals, counts = _per_user(values, users)
    if len(counts) < 2:
        return None
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, n, _batch(len(counts))):
        size = min(_batch(len(counts)), n - start)
        drawn = rng.integers(0, len(counts), (size, len(counts)))
        parts.append(_ratios(np.column_stack([totals, counts]), drawn))
    return np.vstack(parts)


def paired_comparisons(
    values: Mapping[Name, ArrayLike],
    reference: Mapping[Name, ArrayLike],
    users: ArrayLike,
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> dict[Name, Comparison]:
    """Each entry against the reference's entry of the same name, paired by user.

    Args:
        values: per-query values of each entry, shape (Q,) each.
        reference: the same entries on the same queries, in the same order.
        users: who asked each query, shape (Q,).
        seed: of the bootstrap and of the sign flips.
        n_resamples: bootstrap resamples, and as many sign flips.
    Raises:
        ValueError: an entry has no reference, or as for `bootstrap_intervals`.
    """
    if missing := [name for name in values if name not in reference]:
        raise ValueError(f"no reference values for {missing[0]!r}")
    gaps = {
        name: np.asarray(entry, np.float64) - np.asarray(reference[name], np.float64)
        for name, entry in values.items()
    }
    if not gaps:
        return {}
    totals, counts = _per_user(gaps, users)
    differences = totals.sum(0) / counts.sum()
    p_values = _sign_flip_p_values(totals, seed, n_resamples)
    intervals = bootstrap_intervals(gaps, users, seed=seed, n_resamples=n_resamples)
    return {
        name: Comparison(
            float(differences[column]), intervals[name], float(p_values[column])
        )
        for column, name in enumerate(gaps)
    }


def repeated_splits_interval(differences: ArrayLike, test_to_train: float) -> Interval:
    """95% interval of a mean difference over repeated random splits of the same users.

    Splits share users, so their differences vary less than those of new users would.
    The variance of the mean is s² (1/n + n_test / n_train) instead of s² / n (Nadeau
    and Bengio, 2003, "Inference for the generalization error"), with Student's t of
    n - 1 degrees of freedom.

    Args:
        differences: one a split, shape (n,), n at least 2.
        test_to_train: users tested for each user trained on.
    """
    gaps = np.asarray(differences, np.float64)
    n = len(gaps)
    spread = gaps.std(ddof=1) * np.sqrt(1 / n + test_to_train)
    reach = scipy.stats.t.ppf(0.5 + LEVEL / 2, n - 1) * spread
    return float(gaps.mean() - reach), float(gaps.mean() + reach)


def spread_intervals(
    listed: sparse.csr_array, functions: Mapping[str, Callable[[Floats], Floats]]
) -> dict[str, Interval | None]:
    """95% intervals of what depends on which items are listed at all, by user.

    The bootstrap fails here: a resample has fewer different users, so fewer items are
    in their lists, and nearly all resamples lie to one side of the sample's value.
    Instead the jackknife leaves one user out at a time (Efron and Stein, 1981, "The
    jackknife estimate of variance": too wide rather than too narrow).

    Args:
        listed: how often each item is listed to each user, shape (U, n_items).
        functions: from how often items are listed, shape (b, n_items), to (b,), each in
            [0, 1].
    Returns:
        (low, high) by function; None where there are fewer than two users.
    """
    n_users, n_items = listed.shape
    if n_users < 2:
        return dict.fromkeys(functions)
    total = np.asarray(listed.sum(0))[None]
    without = {name: np.empty(n_users) for name in functions}
    step = _batch(n_items)
    for start in range(0, n_users, step):
        rows = slice(start, start + step)
        others = total - listed[rows].toarray()  # (b, n_items)
        for name, function in functions.items():
            without[name][rows] = function(others)
    far = scipy.stats.t.ppf(0.5 + LEVEL / 2, n_users - 1)
    found: dict[str, Interval | None] = {}
    for name, function in functions.items():
        value = float(function(total)[0])
        reach = far * np.sqrt((n_users - 1) * without[name].var())
        found[name] = (max(value - float(reach), 0.0), min(value + float(reach), 1.0))
    return found


def _per_user(
    values: Mapping[Name, ArrayLike], users: ArrayLike
) -> tuple[Floats, Floats]:
    """Sums of each entry and number of queries by user: (U, M) and (U,)."""
    _, codes = np.unique(np.asarray(users), return_inverse=True)
    columns = []
    for name, entry in values.items():
        column = np.asarray(entry, np.float64)
        if column.shape != codes.shape or not len(codes):
            raise ValueError(
                f"{name!r} has shape {column.shape} for users of shape {codes.shape}"
            )
        if not np.isfinite(column).all():
            raise ValueError(f"{name!r} holds a value that is not finite")
        columns.append(np.bincount(codes, column))
    return np.column_stack(columns), np.bincount(codes).astype(np.float64)


def _ratio_intervals(
    totals: Floats, counts: Floats, seed: int, n_resamples: int
) -> tuple[Floats, Floats]:
    """Bounds of sum(totals) / sum(counts) with users drawn anew, (M,) each."""
    n_users = len(counts)
    table = np.column_stack([totals, counts])  # (U, M + 1)

    def means(drawn: NDArray[np.int64], axis: int) -> Floats:  # (b, U) -> (M, b)
        return _ratios(table, drawn).T

    low, high = scipy.stats.bootstrap(
        (np.arange(n_users),),
        means,
        n_resamples=n_resamples,
        batch=_batch(n_users),
        vectorized=True,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return low, high


def _ratios(table: Floats, drawn: NDArray[np.int64]) -> Floats:
    """Sums of the drawn users' rows over the sum of their last column, (b, M)."""
    n_users = len(table)
    starts = np.arange(0, drawn.size + 1, n_users)
    # a sparse product adds in one order whatever the number of threads
    draws = sparse.csr_array(
        (np.ones(drawn.size), drawn.ravel(), starts), shape=(len(drawn), n_users)
    )
    sums = draws @ table  # (b, M + 1)
    return sums[:, :-1] / sums[:, -1:]


def _sign_flip_p_values(totals: Floats, seed: int, n_resamples: int) -> Floats:
    """Two-sided p values of a zero sum when each user's sign is a fair coin, (M,).

    `scipy.stats.permutation_test` with sign flips gives the same p values, ten
    times slower at 28,000 users. All flips are tried when there are few users;
    else the observed one counts as drawn (Phipson and Smyth, 2010, "Permutation
    p-values should never be zero").
    """
    n_users = len(totals)
    observed = totals.sum(0)
    # sums that are equal on paper may differ in the last bits
    threshold = np.abs(observed) - 1e-12 * np.abs(totals).sum(0)
    is_exact = n_users < 63 and 2**n_users <= n_resamples
    n_flips = 2**n_users if is_exact else n_resamples
    rng = np.random.default_rng(seed)
    n_extreme = np.zeros(totals.shape[1], np.int64)
    for start in range(0, n_flips, _batch(n_users)):
        rows = np.arange(start, min(start + _batch(n_users), n_flips))
        kept = (
            (rows[:, None] >> np.arange(n_users)) & 1
            if is_exact
            else rng.integers(0, 2, (len(rows), n_users), dtype=bool)
        )  # (b, U)
        sums = 2 * (sparse.csr_array(kept.astype(np.float64)) @ totals) - observed
        n_extreme += (np.abs(sums) >= threshold).sum(0)
    drawn = 0 if is_exact else 1
    return (n_extreme + drawn) / (n_flips + drawn)


def _batch(n_users: int) -> int:
    return max(1, _CELLS_AT_ONCE // n_users)
