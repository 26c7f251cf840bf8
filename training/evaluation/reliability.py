"""What session reliability looks like, and which of its parts it follows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

N_BINS = 20


def describe_reliability(
    reliability: NDArray[np.float64],
    parts: Mapping[str, NDArray[np.float64]],
    tier: NDArray[np.str_],
) -> dict[str, Any]:
    """Distribution, tiers and correlations of the reliability of sessions.

    Args:
        reliability: in [0, 1], shape (S,).
        parts: what it is the weighted mean of, by name, in [0, 1], shape (S,) each.
        tier: `low`, `medium` or `high`, shape (S,).
    Returns:
        `n_sessions`; `histogram` (sessions in bins of equal width over [0, 1]);
        `tiers` (sessions by tier); `correlations` by part: `pearson` and `spearman`
        with reliability, None where one of the two does not vary.
    """
    counts, _ = np.histogram(reliability, bins=N_BINS, range=(0.0, 1.0))
    return {
        "n_sessions": len(reliability),
        "histogram": counts.tolist(),
        "tiers": {
            name: int((tier == name).sum()) for name in ("low", "medium", "high")
        },
        "correlations": {
            name: _correlations(values, reliability) for name, values in parts.items()
        },
    }


def _correlations(
    values: NDArray[np.float64], reliability: NDArray[np.float64]
) -> dict[str, float | None]:
    if np.ptp(values) == 0 or np.ptp(reliability) == 0:
        return {"pearson": None, "spearman": None}
    return {
        "pearson": float(scipy.stats.pearsonr(values, reliability).statistic),
        "spearman": float(scipy.stats.spearmanr(values, reliability).statistic),
    }
