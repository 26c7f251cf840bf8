"""How far seeds move a result, and an interval that covers users and seeds.

A mean over K seeds is uncertain for two reasons that add up: other users would have
been asked, and other seeds would have been drawn.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from training.evaluation.intervals import LEVEL, Interval, bootstrap_intervals


def seed_spreads(
    values: Mapping[str, NDArray[np.float64]], users: ArrayLike, *, seed: int
) -> dict[str, dict[str, Any]]:
    """Mean over seeds and queries of each entry, and how sure it is.

    Args:
        values: by entry, a row a seed, a column a query, shape (K, Q).
        users: who asked each query, shape (Q,).
        seed: of the bootstrap.
    Returns:
        By entry `mean`, `sd` (over seeds, n - 1; None with one) and `ci95`, whose half
        widths are the root of the sum of the squares of those over users (bootstrap of
        the mean over seeds) and over seeds (Student's t); None where either is unknown.
    """
    of_users = bootstrap_intervals(
        {name: each.mean(0) for name, each in values.items()}, users, seed=seed
    )
    found = {}
    for name, each in values.items():
        by_seed = each.mean(1)
        sd = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None
        mean = float(by_seed.mean())
        interval = _widened(mean, of_users[name], sd, len(by_seed))
        found[name] = {"mean": mean, "sd": sd, "ci95": interval}
    return found


def _widened(
    mean: float, of_users: Interval | None, sd: float | None, n_seeds: int
) -> Interval | None:
    if of_users is None or sd is None:
        return None
    reach = scipy.stats.t.ppf((1 + LEVEL) / 2, n_seeds - 1) * sd / np.sqrt(n_seeds)
    low, high = (float(np.hypot(edge - mean, reach)) for edge in of_users)
    return mean - low, mean + high
