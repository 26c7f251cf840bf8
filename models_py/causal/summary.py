"""What a trial's history comes to: counts, recencies, the clock, the product.

Everything is computed from the history up to the index impression and nothing else:
no other trial, no user, no statistic of the data set.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models_py.causal.trials import FIRST_PRODUCT, IMPRESSION, Trials

DAY = 86_400.0
SHORT, LONG = 5.0, 30.0  # minutes that count as just now and as a while
NEVER = 1440.0  # minutes since what has not happened, a day

FEATURES = (
    "auctions",
    "impressions",
    "log_auctions",
    "log_impressions",
    "log_events",
    "log_products",
    "log_times_shown",
    "is_unknown_product",
    "log_minutes_in_session",
    "log_minutes_since_event",
    "log_minutes_since_impression",
    "log_minutes_since_shown",
    "log_mean_gap",
    "events_last_5_min",
    "events_last_30_min",
    "hour_sine",
    "hour_cosine",
)

Floats = NDArray[np.float64]


def features(trials: Trials) -> Floats:
    """Summary features of each trial, in the order of `FEATURES`, shape (R, F)."""
    row, lengths = _rows(trials)
    is_impression = trials.events.values == IMPRESSION
    is_product = trials.items >= FIRST_PRODUCT  # unknown ones are not one product
    is_shown = is_impression & is_product & (trials.items == trials.item[row])
    is_before = _is_before(trials)
    count = _Counts(row, len(trials))
    impressions = count(is_impression)
    auctions = count(~is_impression)
    minutes = trials.minutes.numpy()
    age = _least(trials, -minutes, np.ones_like(minutes, bool), 0.0)
    recency = [
        _least(trials, minutes, (is_before & chosen).numpy(), NEVER)
        for chosen in (torch.ones_like(is_before), is_impression, is_shown)
    ]
    hour = trials.index_at.numpy() % DAY / DAY * 2 * np.pi
    columns = (
        auctions,
        impressions,
        np.log1p(auctions),
        np.log1p(impressions),
        np.log1p(lengths),
        np.log1p(_distinct(trials, row)),
        np.log1p(count(is_shown & is_before)),
        (trials.item < FIRST_PRODUCT).numpy().astype(np.float64),
        np.log1p(-age),
        *(np.log1p(minutes_ago) for minutes_ago in recency),
        np.log1p(-age / np.maximum(lengths - 1, 1)),
        np.log1p(count(trials.minutes <= SHORT)),
        np.log1p(count(trials.minutes <= LONG)),
        np.sin(hour),
        np.cos(hour),
    )
    return np.column_stack(columns) if len(trials) else np.empty((0, len(FEATURES)))


class _Counts:
    """Counts entries by trial."""

    def __init__(self, row: Tensor, n_rows: int) -> None:
        self.row, self.n_rows = row.numpy(), n_rows

    def __call__(self, chosen: Tensor) -> Floats:
        counts = np.bincount(self.row[chosen.numpy()], minlength=self.n_rows)
        return counts.astype(np.float64)


def _rows(trials: Trials) -> tuple[Tensor, Floats]:
    """Trial of each entry, shape (N,), and entries of each trial, shape (R,)."""
    lengths = trials.events.lengths
    row = torch.repeat_interleave(torch.arange(len(trials)), lengths)
    return row, lengths.numpy().astype(np.float64)


def _is_before(trials: Trials) -> Tensor:
    """All entries but each trial's last, the index impression itself, shape (N,)."""
    is_before = torch.ones(len(trials.items), dtype=torch.bool)
    is_before[trials.events.offsets[1:] - 1] = False
    return is_before


def _distinct(trials: Trials, row: Tensor) -> Floats:
    """Different products in each history, shape (R,)."""
    is_product = trials.items >= FIRST_PRODUCT
    pairs = torch.unique(row[is_product] * trials.n_items + trials.items[is_product])
    counts = np.bincount((pairs // trials.n_items).numpy(), minlength=len(trials))
    return counts.astype(np.float64)


def _least(
    trials: Trials, values: Floats, chosen: NDArray[np.bool_], otherwise: float
) -> Floats:
    """Least chosen value of each trial, shape (R,); `otherwise` where there is none."""
    if not len(trials):
        return np.empty(0)
    starts = trials.events.offsets[:-1].numpy()
    least = np.minimum.reduceat(np.where(chosen, values, np.inf), starts)
    return np.where(np.isfinite(least), least, otherwise)
