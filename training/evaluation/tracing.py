"""Metrics of predicted probabilities of a right answer on resamples of the users.

Every one of them is a function of sums over users, so a resample of users needs
nothing but those sums weighted by how often each user was drawn. AUC needs the counts
of right and wrong answers by score, which are put into bins of equal size; the bins
serve its interval only, the value itself is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from training.evaluation.metrics import TRACING
from training.evaluation.probabilities import (
    N_CALIBRATION_BINS,
    calibration_bin,
    checked,
    surprises,
)

N_RESAMPLES = 2000
LEVEL = 0.95
N_SCORE_BINS = 512  # an AUC of binned scores is within about 1e-5 of the exact one
CELLS_AT_ONCE = 1 << 22  # resamples x users held in memory at a time
BIASED_UPWARDS = frozenset({"ece"})  # when resampled

Floats = NDArray[np.float64]
Interval = tuple[float, float]


def metrics_of(correct: ArrayLike, predicted: ArrayLike) -> dict[str, float | None]:
    """Every metric; None each where there is no answer."""
    if len(np.asarray(correct)) == 0:
        return dict.fromkeys(TRACING)
    return {name: metric(correct, predicted) for name, metric in TRACING.items()}


@dataclass(frozen=True)
class Resampled:
    """A metric of one model on each resample of the users.

    Args:
        values: the metric on the data themselves.
        draws: the metric on each resample, NaN where a resample has none, by name,
            shape (R,) each; empty with a single user.
    """

    values: dict[str, float | None]
    draws: dict[str, Floats]

    def interval(self, metric: str) -> Interval | None:
        """95% percentile interval; None with a single user or without a value.

        Absolute differences grow with noise, so resamples of the calibration error
        lie above it; their mean excess is taken off.
        """
        value, draws = self.values[metric], self.draws.get(metric)
        if value is None or draws is None:
            return None
        if metric in BIASED_UPWARDS:
            draws = (draws - (draws.mean() - value)).clip(0.0)
        return _interval(draws)

    def less(self, other: "Resampled", metric: str) -> dict[str, Any] | None:
        """This model less another on the same resamples.

        Returns:
            `difference`, `ci95` and `p`: twice the share of resamples on the other
            side of zero, the data counted among them; None where either has none.
        """
        ours, theirs = self.values[metric], other.values[metric]
        if ours is None or theirs is None or not self.draws:
            return None
        gaps = self.draws[metric] - other.draws[metric]
        gaps = gaps[np.isfinite(gaps)]
        beyond = min((gaps <= 0).sum(), (gaps >= 0).sum())
        return {
            "difference": ours - theirs,
            "ci95": _interval(gaps),
            "p": float(min(1.0, 2 * (beyond + 1) / (len(gaps) + 1))),
        }


def resampled(
    correct: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    users: ArrayLike,
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, Resampled]:
    """Every metric of every model with its resamples, users drawn with replacement.

    All models share the resamples, so their differences can be taken draw by draw.

    Args:
        correct: whether each answer was right, shape (N,).
        predictions: by model, shape (N,) each.
        users: who answered, any sortable ids, shape (N,).
        seed: same data and seed, same draws.
    """
    _, user = np.unique(np.asarray(users), return_inverse=True)
    n_users = int(user.max()) + 1 if len(user) else 0
    sums = {
        name: _UserSums.of(*checked(correct, predicted), user, n_users)
        for name, predicted in predictions.items()
    }
    parts: dict[str, list[dict[str, Floats]]] = {name: [] for name in sums}
    if n_users > 1:
        rng = np.random.default_rng(seed)
        at_once = max(1, CELLS_AT_ONCE // n_users)
        for start in range(0, n_resamples, at_once):
            n_rows = min(at_once, n_resamples - start)
            drawn = rng.integers(0, n_users, (n_rows, n_users))
            cells = (np.arange(n_rows)[:, None] * n_users + drawn).ravel()
            counted = np.bincount(cells, minlength=n_rows * n_users)
            weights = counted.reshape(n_rows, n_users).astype(np.float64)
            for name, of_users in sums.items():
                parts[name].append(of_users.metrics(weights))
    return {
        name: Resampled(
            metrics_of(correct, predictions[name]),
            {
                metric: np.concatenate([part[metric] for part in found])
                for metric in (TRACING if found else ())
            },
        )
        for name, found in parts.items()
    }


@dataclass(frozen=True)
class _UserSums:
    """What each user adds to every metric, one row a user.

    Args:
        counts: whole numbers: right and wrong answers by score bin, then answers
            predicted on the right side, then all; shape (U, 2 · bins + 2).
        amounts: log loss, squared error, then by calibration bin the sum of
            prediction less answer; shape (U, 2 + calibration bins).
    """

    counts: Floats
    amounts: sparse.csc_array

    @classmethod
    def of(
        cls, correct: NDArray[np.bool_], predicted: Floats, user: NDArray, n_users: int
    ) -> "_UserSums":
        score = _equal_bins(predicted)
        is_hit = (predicted >= 0.5) == correct
        width = 2 * N_SCORE_BINS + 2
        column = score + N_SCORE_BINS * ~correct
        answers = np.bincount(user * width + column, minlength=n_users * width)
        counts = answers.reshape(n_users, width).astype(np.float64)
        counts[:, -2] = np.bincount(user, is_hit, n_users)
        counts[:, -1] = np.bincount(user, minlength=n_users)
        bins = calibration_bin(predicted)
        n_columns = 2 + N_CALIBRATION_BINS
        gaps = np.zeros((n_users, n_columns))
        gaps[:, 0] = np.bincount(user, surprises(correct, predicted), n_users)
        gaps[:, 1] = np.bincount(user, (predicted - correct) ** 2, n_users)
        np.add.at(gaps, (user, 2 + bins), predicted - correct)
        return cls(counts, sparse.csc_array(gaps))

    def metrics(self, weights: Floats) -> dict[str, Floats]:
        """Every metric with users counted `weights` times, (R, U) -> (R,) each."""
        # whole numbers add up exactly in any order; the rest is added sparsely, which
        # goes in one order however many threads there are
        counts = weights @ self.counts
        amounts = (self.amounts.T @ weights.T).T
        right = counts[:, :N_SCORE_BINS]
        wrong = counts[:, N_SCORE_BINS : 2 * N_SCORE_BINS]
        below = wrong.cumsum(1) - wrong / 2
        pairs = right.sum(1) * wrong.sum(1)
        total = counts[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            area = (right * below).sum(1) / pairs
        return {
            "auc": area,
            "accuracy": counts[:, -2] / total,
            "log_loss": amounts[:, 0] / total,
            "brier": amounts[:, 1] / total,
            "ece": np.abs(amounts[:, 2:]).sum(1) / total,
        }


def _equal_bins(predicted: Floats) -> NDArray[np.int64]:
    """Bin of each score: bins of about equal size, equal scores in one bin."""
    ranks = scipy.stats.rankdata(predicted, method="min") - 1
    return (ranks * N_SCORE_BINS // max(len(predicted), 1)).astype(np.int64)


def _interval(draws: Floats) -> Interval | None:
    draws = draws[np.isfinite(draws)]
    if len(draws) == 0:
        return None
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
