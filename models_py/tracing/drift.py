"""Items whose difficulty changes over time."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from models_py.tracing.irt import (
    LARGEST_STEP,
    N_STEPS,
    Abilities,
    ItemEstimates,
    score,
)


@dataclass(frozen=True)
class Drift:
    """Difficulty of items by period, for items with answers in two periods or more.

    Rows are sorted by item, then period.

    Args:
        item, period: period counts from 0; shape (R,).
        difficulty: in that period, shape (R,).
        drift: difficulty less that of the item's first period, shape (R,).
        drift_error: its standard error, 0 for the first period itself, shape (R,).
        p_value: of "the item's difficulty is the same in all periods", (R,).
        is_flagged: whether p passes the false discovery rate, shape (R,).
    """

    item: np.ndarray
    period: np.ndarray
    difficulty: np.ndarray
    drift: np.ndarray
    drift_error: np.ndarray
    p_value: np.ndarray
    is_flagged: np.ndarray


def find_drift(
    item: Tensor,
    correct: Tensor,
    period: Tensor,
    abilities: Abilities,
    items: ItemEstimates,
    *,
    min_responses: int,
    false_discovery_rate: float,
) -> Drift:
    """Difficulty by period, and which items' difficulty changes over time.

    Each item's difficulty is estimated anew in each period, its discrimination and
    guessing held. A shift that most items share cannot be told from a change of all
    abilities, so the median shift of a period is taken off. Equality of an item's
    periods is tested by the weighted sum of squares (Cochran's Q, chi-squared with
    one degree of freedom less than periods), and the items' p values by Benjamini
    and Hochberg: Controlling the False Discovery Rate, JRSS B 57, 1995.

    Args:
        period: of each answer, from 0, shape (N,).
        min_responses: fewest answers that a period of an item counts with.
        false_discovery_rate: expected share of false ones among the flagged.
    """
    n_items, n_periods = len(items.values), int(period.max()) + 1
    cell = item * n_periods + period
    counts = torch.bincount(cell, minlength=n_items * n_periods).numpy()
    shift, error = _shifts(cell, correct, abilities, items, n_periods)
    used = (counts >= min_responses).reshape(n_items, n_periods)
    shift = np.where(used, shift, np.nan)
    used &= (used.sum(1) >= 2)[:, None]
    for number in range(n_periods):
        if used[:, number].any():
            shift[:, number] -= np.median(shift[used[:, number], number])
    p_values = _equality_p_values(shift, error, used)
    tested = used.any(1)
    flagged = np.zeros(n_items, dtype=bool)
    if tested.any():
        adjusted = stats.false_discovery_control(p_values[tested], method="bh")
        flagged[tested] = adjusted <= false_discovery_rate
    rows, columns = np.nonzero(used)
    first = used.argmax(1)[rows]
    # periods share no answers: their errors add up as squares
    drift_error = np.hypot(error[rows, columns], error[rows, first])
    difficulty = items.values[:, 0].numpy()[:, None] + shift
    return Drift(
        item=rows,
        period=columns,
        difficulty=difficulty[rows, columns],
        drift=difficulty[rows, columns] - difficulty[rows, first],
        drift_error=np.where(columns == first, 0.0, drift_error),
        p_value=p_values[rows],
        is_flagged=flagged[rows],
    )


def _shifts(
    cell: Tensor,
    correct: Tensor,
    abilities: Abilities,
    items: ItemEstimates,
    n_periods: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Change of difficulty of each item and period with its error, (I, P) each."""
    y = correct.double()
    mean, spread = abilities.mean.double(), abilities.spread.double()
    values = items.values.repeat_interleave(n_periods, dim=0)  # (I · P, 3)
    start = values[:, 0].clone()
    weak = 1 / 9.0  # a prior of spread 3 keeps all-right and all-wrong cells finite
    for _ in range(N_STEPS):
        slope, information = score(cell, y, mean, spread, values)
        slope = slope[:, 0] - weak * (values[:, 0] - start)
        step = (slope / (information[:, 0, 0] + weak)).clamp(
            -LARGEST_STEP, LARGEST_STEP
        )
        values[:, 0] += step
        if float(step.abs().max()) < 1e-6:
            break
    _, information = score(cell, y, mean, spread, values)
    error = (information[:, 0, 0] + weak).rsqrt()
    shape = (-1, n_periods)
    return (
        (values[:, 0] - start).reshape(shape).numpy(),
        error.reshape(shape).numpy(),
    )


def _equality_p_values(
    shift: np.ndarray, error: np.ndarray, used: np.ndarray
) -> np.ndarray:
    """p value of "all used periods are alike" by item, 1 where none is used, (I,)."""
    weight = np.where(used, 1 / error**2, 0.0)
    total = np.maximum(weight.sum(1, keepdims=True), 1e-300)
    shift = np.where(used, shift, 0.0)
    centre = (weight * shift).sum(1, keepdims=True) / total
    statistic = (weight * (shift - centre) ** 2).sum(1)
    freedom = np.maximum(used.sum(1) - 1, 1)
    return np.where(used.any(1), stats.chi2.sf(statistic, freedom), 1.0)
