"""What lists favour, beside how often they are right: formulas and their sources.

Of a list the first ten items count. c(i) is how many events of train users item i has.
NumPy only: the report reads the names and never waits for torch.
"""

import numpy as np
from numpy.typing import NDArray

LISTED = 10  # items of a list that are looked at
FIFTHS = ("most popular", "second", "third", "fourth", "least popular")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def novelty(lists: Ints, counts: Ints) -> Floats:
    """Mean of -log2 of the popularity c(i) / sum of c, in bits (self-information).

    Zhou et al., 2010, "Solving the apparent diversity-accuracy dilemma of recommender
    systems". An item without any train event counts as having one.

    Args:
        lists: item ids, -1 behind the last of a shorter list, shape (Q, K).
        counts: c, shape (n_items,).
    Returns:
        One value a list, shape (Q,); NaN for an empty one, as in the next two.
    """
    share = np.maximum(counts, 1) / max(counts.sum(), 1)
    return _mean(lists, -np.log2(share))


def popularity(lists: Ints, counts: Ints) -> Floats:
    """Mean percentile of c(i) among all items: those below it and half of its equals.

    Lists drawn at random have 0.5 on average (Abdollahpouri et al., 2019, "Managing
    popularity bias in recommender systems with personalized re-ranking", average the
    counts themselves, which no two logs share).
    """
    ordered = np.sort(counts)
    below = np.searchsorted(ordered, counts, "left")
    up_to = np.searchsorted(ordered, counts, "right")
    return _mean(lists, (below + up_to) / 2 / len(counts))


def long_tail(lists: Ints, counts: Ints) -> Floats:
    """Share of listed items outside the fifth of all items with the most train events.

    Abdollahpouri et al., 2019; equal counts stand in the order of item ids.
    """
    return _mean(lists, (fifth_of(counts) > 0).astype(np.float64))


def coverage(listed: Floats) -> Floats:
    """Share of all items that stand in a list (Herlocker et al., 2004, "Evaluating
    collaborative filtering recommender systems").

    Args:
        listed: how many lists each item stands in, shape (..., n_items).
    Returns:
        Shape (...), as in the next one.
    """
    return (listed > 0).mean(-1)


def gini(listed: Floats) -> Floats:
    """How unevenly lists fall on items: 0 if all stand in as many, near 1 if one does.

    sum of (2 j - n - 1) x_j / (n sum of x), x ascending, j from 1 (Fleder and
    Hosanagar, 2009, "Blockbuster culture's next rise or fall").
    """
    ascending = np.sort(listed, -1)
    n = listed.shape[-1]
    weights = 2 * np.arange(1, n + 1) - n - 1
    return (ascending @ weights) / (n * np.maximum(ascending.sum(-1), 1))


def fifth_of(counts: Ints) -> Ints:
    """Which fifth of the items each is in by its train events, 0 the most popular."""
    n = len(counts)
    place = np.empty(n, np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(n)
    return 5 * place // n


def _mean(lists: Ints, values: Floats) -> Floats:
    """Mean of the listed items' values, a list each."""
    is_item = lists >= 0
    total = np.where(is_item, values[lists], 0.0).sum(1)
    with np.errstate(invalid="ignore"):
        return total / is_item.sum(1)
