"""Test responses by how they came about: time taken, help, attempts, session."""

from typing import Any

import numpy as np
import pandas as pd

from training.evaluation.intervals import bootstrap_intervals
from training.evaluation.probabilities import auc
from training.evaluation.tracing import resampled

N_RESAMPLES = 1000

# Name -> smallest value of the slice, ascending; a slice ends where the next begins.
LATENCIES: dict[str, float] = {
    "under 10 s": 0,
    "10-30 s": 10,
    "30 s-2 min": 30,
    "2-10 min": 120,
    "10 min or more": 600,
}
ATTEMPTS: dict[str, float] = {"first": 1, "second": 2, "third or later": 3}
TIERS = ("low", "medium", "high")
UNKNOWN = "unknown"


def behaviour_slices(
    table: pd.DataFrame,
    correct: np.ndarray,
    predictions: dict[str, np.ndarray],
    *,
    seed: int,
    has_sessions: bool = True,
) -> dict[str, list[dict[str, Any]]]:
    """Share of right answers and each model's AUC in parts of the test responses.

    Args:
        table: rows as `TracingMarts.table`, N of them.
        correct: shape (N,).
        predictions: by model, shape (N,) each.
        has_sessions: whether times are real, so that sessions mean anything.
    Returns:
        By kind (`latency`, `help`, `attempt`, `reliability_tier`) rows of `slice`,
        `n`, `n_users`, `correct` with `correct_ci95`, and `models`: by name
        `predicted` (mean), `auc` and `ci95`. Empty slices are left out.
    """
    labels = {
        "latency": _cut(table["latency_sec"], LATENCIES),
        "help": np.where(table["help_before"], "help asked for", "no help"),
        "attempt": _cut(table["attempt"], ATTEMPTS),
        "reliability_tier": table["reliability_tier"].fillna(UNKNOWN).to_numpy(),
    }
    order = {
        "latency": [*LATENCIES, UNKNOWN],
        "help": ["no help", "help asked for"],
        "attempt": list(ATTEMPTS),
        "reliability_tier": [*TIERS, UNKNOWN],
    }
    if not has_sessions:
        del labels["reliability_tier"]
    users = table["user_id"].to_numpy()
    return {
        kind: [
            _row(name, of_row == name, users, correct, predictions, seed)
            for name in order[kind]
            if (of_row == name).any()
        ]
        for kind, of_row in labels.items()
    }


def _row(
    name: str,
    inside: np.ndarray,
    users: np.ndarray,
    correct: np.ndarray,
    predictions: dict[str, np.ndarray],
    seed: int,
) -> dict[str, Any]:
    users, correct = users[inside], correct[inside]
    of_slice = {model: found[inside] for model, found in predictions.items()}
    results = resampled(correct, of_slice, users, seed=seed, n_resamples=N_RESAMPLES)
    share = bootstrap_intervals({"correct": correct}, users, seed=seed)
    return {
        "slice": name,
        "n": int(inside.sum()),
        "n_users": len(np.unique(users)),
        "correct": float(correct.mean()),
        "correct_ci95": share["correct"],
        "models": {
            model: {
                "predicted": float(of_slice[model].mean()),
                "auc": auc(correct, of_slice[model]),
                "ci95": result.interval("auc"),
            }
            for model, result in results.items()
        },
    }


def _cut(values: pd.Series, slices: dict[str, float]) -> np.ndarray:
    """Name of the slice that each value lies in."""
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    names = np.array([*slices, UNKNOWN], dtype=object)
    place = np.searchsorted(list(slices.values()), numbers, side="right") - 1
    return names[np.where(np.isnan(numbers), len(slices), place)]
