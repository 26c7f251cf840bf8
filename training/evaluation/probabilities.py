"""How good predicted probabilities of a yes are: values, and what they are made of."""

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

N_CALIBRATION_BINS = 10
SMALLEST_CHANCE = 1e-7  # a sure and wrong prediction costs 16 nats, not infinity

Floats = NDArray[np.float64]


def auc(correct: ArrayLike, predicted: ArrayLike) -> float | None:
    """Chance that a yes (a right answer) was predicted above a no, ties half.

    The Mann-Whitney statistic divided by its number of pairs (Hanley and McNeil,
    1982). None where all are alike.
    """
    correct, predicted = checked(correct, predicted)
    n_right = int(correct.sum())
    n_wrong = len(correct) - n_right
    if n_right == 0 or n_wrong == 0:
        return None
    ranks = scipy.stats.rankdata(predicted)
    above = ranks[correct].sum() - n_right * (n_right + 1) / 2
    return float(above / (n_right * n_wrong))


def accuracy(correct: ArrayLike, predicted: ArrayLike) -> float:
    """Share of answers on the side of 1/2 they were predicted on."""
    correct, predicted = checked(correct, predicted)
    return float(((predicted >= 0.5) == correct).mean())


def log_loss(correct: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of -log of the probability given to what happened, in nats."""
    return float(surprises(*checked(correct, predicted)).mean())


def brier(correct: ArrayLike, predicted: ArrayLike) -> float:
    """Mean squared distance of probability and answer (Brier, 1950)."""
    correct, predicted = checked(correct, predicted)
    return float(((predicted - correct) ** 2).mean())


def calibration_error(correct: ArrayLike, predicted: ArrayLike) -> float:
    """Expected calibration error over ten bins of equal width.

    Mean distance, weighted by answers, of a bin's mean prediction and its share of
    right answers (Naeini, Cooper, Hauskrecht, AAAI 2015).
    """
    rows = calibration(correct, predicted)
    gaps = [row["n"] * abs(row["predicted"] - row["actual"]) for row in rows]
    return float(sum(gaps) / sum(row["n"] for row in rows))


def calibration(correct: ArrayLike, predicted: ArrayLike) -> list[dict[str, Any]]:
    """What was predicted and what happened, by bin of the prediction.

    Returns:
        A row a bin that is not empty: `low`, `high` (its bounds), `n`, `predicted`
        (mean) and `actual` (share of right answers).
    """
    correct, predicted = checked(correct, predicted)
    bins = calibration_bin(predicted)
    n, total, right = (
        np.bincount(bins, weights, N_CALIBRATION_BINS)
        for weights in (np.ones(len(bins)), predicted, correct)
    )
    width = 1 / N_CALIBRATION_BINS
    return [
        {
            "low": float(b * width),
            "high": float((b + 1) * width),
            "n": int(n[b]),
            "predicted": float(total[b] / n[b]),
            "actual": float(right[b] / n[b]),
        }
        for b in np.flatnonzero(n)
    ]


def calibration_bin(predicted: Floats) -> NDArray[np.int64]:
    """Number of the bin that each prediction lies in, bins of equal width."""
    bins = (predicted * N_CALIBRATION_BINS).astype(np.int64)
    return bins.clip(0, N_CALIBRATION_BINS - 1)


def surprises(correct: NDArray[np.bool_], predicted: Floats) -> Floats:
    """-log of the probability given to what happened, in nats, one value a row."""
    given = np.where(correct, predicted, 1 - predicted)
    return -np.log(given.clip(SMALLEST_CHANCE))


def checked(
    correct: ArrayLike, predicted: ArrayLike
) -> tuple[NDArray[np.bool_], Floats]:
    """Both as arrays.

    Raises:
        ValueError: shapes differ, or a prediction is no number in [0, 1].
    """
    correct = np.asarray(correct, dtype=bool)
    predicted = np.asarray(predicted, dtype=np.float64)
    if correct.shape != predicted.shape:
        raise ValueError(f"{predicted.shape} predictions for {correct.shape} answers")
    if not ((predicted >= 0) & (predicted <= 1)).all():
        raise ValueError("a prediction is no number between 0 and 1")
    return correct, predicted
