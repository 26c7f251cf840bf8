"""What models' lists favour, with intervals, and the table that shows it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from tabulate import tabulate

from training.evaluation.intervals import bootstrap_intervals, spread_intervals
from training.evaluation.metrics import LISTED, LISTS, SPREAD


def beyond_accuracy(
    lists: Mapping[str, np.ndarray], counts: np.ndarray, users: np.ndarray, seed: int
) -> dict[str, dict[str, Any]]:
    """Each model's metrics of lists, and their intervals as `ci95`.

    Args:
        lists: item ids of each query's list by model, -1 behind the last, (Q, K) each.
        counts: train events of each item, shape (n_items,).
        users: who asked each query, shape (Q,).
    Returns:
        By model; a metric is None where every list is empty.
    """
    found = {}
    for name, of_model in lists.items():
        asked = (of_model >= 0).any(1)
        own, by = of_model[asked], users[asked]
        if len(own) == 0:
            nothing = dict.fromkeys(LISTS)
            found[name] = {**nothing, "ci95": nothing}
            continue
        values = {metric: of(own, counts) for metric, of in LISTED.items()}
        listed = _times_listed(own, by, len(counts))
        times = np.asarray(listed.sum(0), dtype=np.float64)
        intervals = bootstrap_intervals(values, by, seed=seed)
        spread = spread_intervals(listed, SPREAD)
        found[name] = {
            **{metric: float(of(times)) for metric, of in SPREAD.items()},
            **{metric: float(each.mean()) for metric, each in values.items()},
            "ci95": spread | intervals,
        }
    return found


def _times_listed(
    lists: np.ndarray, users: np.ndarray, n_items: int
) -> sparse.csr_array:
    """In how many of each user's lists each item stands, shape (U, n_items)."""
    known, user = np.unique(users, return_inverse=True)
    row, place = np.nonzero(lists >= 0)
    entries = (np.ones(len(row)), (user[row], lists[row, place]))
    return sparse.csr_array(entries, shape=(len(known), n_items))


def table(metrics: dict[str, Any]) -> str:
    """The line-up's lists as a text table: each metric with its interval below."""
    rows = []
    for name, model in metrics["models"].items():
        found = model["lists"]
        cells = [_cell(found[metric], found["ci95"][metric]) for metric in LISTS]
        rows.append([f"{model['title']}\n({name})", *cells])
    header = ["lists of ten", *LISTS]
    return tabulate(rows, header, tablefmt="simple", disable_numparse=True)


def _cell(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "—"
    bounds = "[{:.4f}, {:.4f}]".format(*interval) if interval else "[one user]"
    return f"{value:.4f}\n{bounds}"
