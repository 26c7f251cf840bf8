"""Every estimate that one kind of nuisances gives, and what it rests on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_py.causal import summary
from models_py.causal.trials import FIRST_PRODUCT, Trials
from training.causal.marts import TrialTable
from training.evaluation.effects import (
    ESTIMATORS,
    Effect,
    Estimand,
    Nuisances,
    Observed,
    effective_size,
    raw_difference,
    standardised_differences,
    untrimmed,
    weights,
    within,
)

ESTIMANDS: tuple[Estimand, ...] = ("ATE", "ATT")
N_BINS = 20  # of the propensity histogram
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
HOUR = 3600
MIN_GROUP = 30  # trials of either arm below which a group is counted only
SLICES = {
    "history_length": ((0, 3, "up to 3"), (3, 8, "4 to 8"), (8, np.inf, "9 or more")),
    "minutes_in_session": (
        (-1, 2, "up to 2"),
        (2, 10, "2 to 10"),
        (10, np.inf, "more than 10"),
    ),
    "hour_utc": (
        (-1, 5, "0 to 5"),
        (5, 11, "6 to 11"),
        (11, 17, "12 to 17"),
        (17, 23, "18 to 23"),
    ),
}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimates:
    """What one kind of nuisances says of the trials that have counterparts.

    Args:
        kept: True for the trials inside the trimming bound, shape (R,).
        seen: those trials, K of them.
        nuisances: theirs.
        effects: by estimand and estimator.
    """

    kept: NDArray[np.bool_]
    seen: Observed
    nuisances: Nuisances
    effects: dict[Estimand, dict[str, Effect]]

    @property
    def main(self) -> Effect:
        """The estimate that the run speaks of: AIPW of the average effect."""
        return self.effects["ATE"]["aipw"]


def observed(table: TrialTable) -> Observed:
    """Treatment and outcome as the estimators take them."""
    trials = table.trials
    return Observed(
        trials.outcome.numpy(), trials.treatment.numpy(), trials.user.numpy()
    )


def estimate(seen: Observed, nuisances: Nuisances, trim: float) -> Estimates | None:
    """Every estimator on the trials whose propensity leaves them a counterpart.

    Args:
        trim: trials with a propensity below it or above 1 - trim are left out.
    Returns:
        None where trimming leaves an arm empty.
    """
    kept = untrimmed(nuisances.propensity, trim)
    if len(np.unique(seen.treatment[kept])) < 2:
        return None
    raw = raw_difference(seen)
    seen, nuisances = seen.take(kept), nuisances.take(kept)
    effects = {
        estimand: {
            "raw": raw,
            **{name: of(seen, nuisances, estimand) for name, of in ESTIMATORS.items()},
        }
        for estimand in ESTIMANDS
    }
    return Estimates(kept, seen, nuisances, effects)


def why_no_estimate(seen: Observed, nuisances: Nuisances, trim: float) -> str:
    """What trimming by a model's propensities leaves, for a model without estimates."""
    kept = untrimmed(nuisances.propensity, trim)
    low, high = nuisances.propensity.min(), nuisances.propensity.max()
    n_treated = int((seen.treatment[kept] == 1).sum())
    return (
        f"propensities in [{low:.4f}, {high:.4f}], {1 - kept.mean():.1%} of the trials "
        f"trimmed, {n_treated:,} clicked and {kept.sum() - n_treated:,} unclicked left"
    )


def overlap(seen: Observed, nuisances: Nuisances, found: Estimates, trim: float) -> Any:
    """Who has counterparts: propensities by arm, trimmed trials, effective sizes."""
    edges = np.linspace(0, 1, N_BINS + 1)
    arms = {}
    weight = weights(found.seen.treatment, found.nuisances.propensity, "ATE")
    for name, value, of_arm in zip(("treated", "control"), (1, 0), weight, strict=True):
        is_arm = seen.treatment == value
        chance = nuisances.propensity[is_arm]
        arms[name] = {
            "n": int(is_arm.sum()),
            "n_trimmed": int((is_arm & ~found.kept).sum()),
            "effective_n": effective_size(of_arm),
            "quantiles": dict(
                zip(
                    map(str, QUANTILES),
                    np.quantile(chance, QUANTILES).tolist(),
                    strict=True,
                )
            ),
            "histogram": np.histogram(chance, edges)[0].tolist(),
        }
    return {
        "trim": trim,
        "n_trimmed": int((~found.kept).sum()),
        "trimmed_share": float((~found.kept).mean()),
        "bin_edges": edges.tolist(),
        **arms,
    }


def balance(features: Floats, found: Estimates) -> dict[str, dict[str, float]]:
    """Standardised mean differences of the summary features, by feature.

    Args:
        features: of the kept trials, shape (K, F).
    """
    treatment = found.seen.treatment
    before = standardised_differences(features, treatment, 1 - treatment)
    on_arms = weights(treatment, found.nuisances.propensity, "ATE")
    after = standardised_differences(features, *on_arms)
    return {
        name: {"before": float(was), "after": float(now)}
        for name, was, now in zip(summary.FEATURES, before, after, strict=True)
    }


def subgroups(trials: Trials, found: Estimates) -> dict[str, list[dict[str, Any]]]:
    """AIPW among trials of one kind; a group too small is only counted.

    Args:
        trials: the kept trials.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for kind, rows in _groups(trials).items():
        groups[kind] = []
        for label, chosen in rows.items():
            treated = found.seen.treatment[chosen]
            entry = {
                "group": label,
                "n_trials": len(treated),
                "n_treated": int(treated.sum()),
            }
            if min(treated.sum(), (1 - treated).sum()) >= MIN_GROUP:
                user = found.seen.user
                entry |= within(found.main, user, chosen).as_json()
            groups[kind].append(entry)
    return groups


def _groups(trials: Trials) -> dict[str, dict[str, NDArray[np.bool_]]]:
    starts = trials.events.offsets[:-1]
    measures = {
        "history_length": trials.events.lengths.numpy(),
        "minutes_in_session": trials.minutes[starts].numpy(),
        "hour_utc": (trials.index_at // HOUR % 24).numpy(),
    }
    found = {
        kind: {
            label: (measures[kind] > low) & (measures[kind] <= high)
            for low, high, label in bounds
        }
        for kind, bounds in SLICES.items()
    }
    found["product_shown"] = _by_popularity(trials)
    return found


def _by_popularity(trials: Trials) -> dict[str, NDArray[np.bool_]]:
    """Thirds of the trials by how often their product is shown among them."""
    item = trials.item.numpy()
    shown = np.bincount(item)[item]
    is_known = item >= FIRST_PRODUCT
    low, high = (
        np.quantile(shown[is_known], (1 / 3, 2 / 3)) if is_known.any() else (0, 0)
    )
    return {
        "rarely": is_known & (shown <= low),
        "sometimes": is_known & (shown > low) & (shown <= high),
        "often": is_known & (shown > high),
        "not by training users": ~is_known,
    }
