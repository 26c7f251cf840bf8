"""Causal trials: from marts to effects with honest intervals, and what they rest on."""

from typing import Any

import numpy as np
import pandas as pd

from models_py.causal import summary
from training.causal import scorecard
from training.causal.checks import all_checks
from training.causal.crossfit import CrossFit, cross_fit, require_both_arms
from training.causal.effects import (
    ESTIMANDS,
    Estimates,
    balance,
    estimate,
    observed,
    overlap,
    subgroups,
    why_no_estimate,
)
from training.causal.marts import CausalMarts, TrialTable
from training.errors import UserError
from training.evaluation.effects import Estimand, Observed
from training.files import appearing_whole, data_dir, write_json
from training.fit.job import Job
from training.truth import true_effects

CAUSAL_COLUMNS = {"fold", "treatment", "outcome", "censored", "minutes_before"}
CAUTION = (
    "Clicks are not randomised: people who click were readier to buy before they "
    "clicked. These numbers are what a click does only if the recorded history "
    "shows all that makes people both click and buy."
)
FEW_USERS = 40  # clustered intervals are too short below a few dozen clusters


def check(marts: CausalMarts) -> None:
    """Refuse trials that no effect can be estimated from.

    Raises:
        UserError: says what is missing.
    """
    whole, used = marts.table, marts.table.uncensored()
    if len(used) == 0:
        raise UserError(
            f"mart {marts.mart}: all {len(whole):,} trials are censored, the log ends "
            "before their outcome is known; add a later part of it or choose a "
            "smaller outcome_horizon_sec in datasets.csv"
        )
    treatment, outcome = used.trials.treatment, used.trials.outcome
    for value, words in ((1, "no trial is clicked"), (0, "every trial is clicked")):
        if not (treatment == value).any():
            raise UserError(
                f"mart {marts.mart}: {words} ({len(used):,} trials), so there is "
                "nothing to compare; check the click events of the raw log"
                + _unknown_types(marts)
            )
    if not (outcome == 1).any():
        raise UserError(
            f"mart {marts.mart}: no purchase follows any of {len(used):,} trials, so "
            "there is no effect to estimate; check the purchase events of the raw log"
            + _unknown_types(marts)
        )
    require_both_arms(treatment.numpy(), used.fold)


def _unknown_types(marts: CausalMarts) -> str:
    """Event types that were not used: a click may be among them by another name."""
    names = [row["names"] for row in marts.audit if row["names"]]
    return f" (unknown event types: {', '.join(names)})" if names else ""


def evaluate(job: Job[CausalMarts]) -> dict[str, Any]:
    """Cross-fit every nuisance model and estimate the effects by each.

    Writes `effects.json` and `predictions.parquet`.
    """
    marts = job.marts
    used = marts.table.uncensored()
    fits = {name: cross_fit(job, name, used.trials, used.fold) for name in job.lineup()}
    if not job.world.is_main:
        return {}
    seen, trim = observed(used), job.config.trim
    by_nuisance = _estimates(marts.mart, seen, fits, trim)
    models = scorecard.models_block(used, fits, job.config.seed)
    chosen = scorecard.best({name: models[name] for name in by_nuisance})
    effects = _effects(job, used, fits, by_nuisance, chosen)
    with appearing_whole(job.run.path / "predictions.parquet") as scratch:
        _predictions(used, fits).to_parquet(scratch, index=False)
    write_json(job.run.path / "effects.json", effects)
    return {
        "n_items": used.trials.n_items,
        "n_trials": effects["n_trials"],
        "n_users": effects["n_users"],
        "best_nuisance": chosen,
        "models": models,
        "effects": effects,
        "data_summary": marts.summary,
        "funnel": marts.funnel,
    }


def _estimates(
    mart: str, seen: Observed, fits: dict[str, CrossFit], trim: float
) -> dict[str, Estimates]:
    """Estimates of every model whose propensities leave something to compare.

    Raises:
        UserError: there is no such model.
    """
    made = {name: estimate(seen, fit.nuisances, trim) for name, fit in fits.items()}
    found = {name: one for name, one in made.items() if one}
    if not found:
        reasons = "; ".join(
            f"{name}: {why_no_estimate(seen, fit.nuisances, trim)}"
            for name, fit in fits.items()
        )
        raise UserError(
            f"mart {mart}: nothing can be compared within trim={trim:g} ({reasons}); "
            "take a smaller one with --set trim=, or add data"
        )
    return found


def _effects(
    job: Job[CausalMarts],
    used: TrialTable,
    fits: dict[str, CrossFit],
    by_nuisance: dict[str, Estimates],
    chosen: str,
) -> dict[str, Any]:
    """The content of `effects.json`."""
    seen, trim = observed(used), job.config.trim
    reasons = {
        name: why_no_estimate(seen, fit.nuisances, trim)
        for name, fit in fits.items()
        if name not in by_nuisance
    }
    found = by_nuisance[chosen]
    kept = used.take(np.flatnonzero(found.kept))
    features = summary.features(kept.trials)
    imbalance = balance(features, found)
    shown = overlap(seen, fits[chosen].nuisances, found, trim)
    whole = job.marts.table
    checks = all_checks(kept, found, imbalance, shown["trimmed_share"], job.config.seed)
    return {
        "estimand": "ATE",
        **job.marts.rules,
        "caution": CAUTION,
        "nuisance": chosen,
        "n_trials": len(used),
        "n_trials_kept": len(kept),
        "n_users": len(np.unique(seen.user)),
        "n_treated": int(seen.treatment.sum()),
        "n_censored": int(whole.is_censored.sum()),
        "outcome_rate": float(seen.outcome.mean()),
        "estimates": _by_estimator(found, "ATE"),
        "estimates_att": _by_estimator(found, "ATT"),
        "by_nuisance": {
            name: {
                "n_trimmed": int((~one.kept).sum()),
                **{estimand: _by_estimator(one, estimand) for estimand in ESTIMANDS},
            }
            for name, one in by_nuisance.items()
        },
        "subgroups": subgroups(kept.trials, found),
        "overlap": shown,
        "balance": imbalance,
        "checks": checks,
        "truth": _truth(job.marts, kept),
        "warnings": [
            *_warnings(job.marts, used, seen),
            *(f"{name} has no estimates: {why}." for name, why in reasons.items()),
        ],
    }


def _by_estimator(found: Estimates, estimand: Estimand) -> dict[str, Any]:
    return {name: effect.as_json() for name, effect in found.effects[estimand].items()}


def _truth(marts: CausalMarts, kept: TrialTable) -> dict[str, float] | None:
    """The true effects on the kept trials, where the data were simulated."""
    effects = true_effects(
        data_dir(),
        marts.dataset,
        user_ids=kept.user_ids[kept.trials.user.numpy()],
        index_at=kept.trials.index_at.numpy(),
    )
    if effects is None:
        return None
    is_treated = kept.trials.treatment.numpy() == 1
    return {"ATE": float(effects.mean()), "ATT": float(effects[is_treated].mean())}


def _warnings(marts: CausalMarts, used: TrialTable, seen: Observed) -> list[str]:
    """What a reader of the numbers must know, one sentence each, all counted."""
    found = []
    n_censored = int(marts.table.is_censored.sum())
    if n_censored:
        found.append(
            f"{n_censored:,} of {len(marts.table):,} trials are censored (the log ends "
            "before their outcome is known) and left out."
        )
    for row in marts.audit:
        if row["is_warning"]:
            names = f" ({row['names']})" if row["names"] else ""
            found.append(_sentence(f"{row['finding']}{names}: {row['n_rows']:,}."))
    n_users = len(np.unique(seen.user))
    if n_users < FEW_USERS:
        found.append(f"Only {n_users} users: the intervals tend to be too short.")
    for value, arm in ((1, "clicked"), (0, "unclicked")):
        outcome = seen.outcome[seen.treatment == value]
        if outcome.min() == outcome.max():
            what = "all" if outcome.max() else "none"
            found.append(
                f"{_sentence(what)} of the {len(outcome):,} {arm} trials "
                "end in a purchase: the interval does not show how unsure that is."
            )
    for fold in np.unique(used.fold).tolist():
        treated = seen.treatment[used.fold == fold]
        if treated.min() == treated.max():
            arm = "clicked" if treated.max() else "unclicked"
            found.append(f"All {len(treated):,} trials of fold {fold} are {arm}.")
    return found


def _sentence(words: str) -> str:
    """The words with a capital letter in front, names inside them as they are."""
    return words[:1].upper() + words[1:]


def _predictions(used: TrialTable, fits: dict[str, CrossFit]) -> pd.DataFrame:
    """One row a model and trial; every estimate follows from it."""
    frames = [
        pd.DataFrame(
            {
                "model": name,
                "trial_id": used.trial_id,
                "user_id": used.user_ids[used.trials.user.numpy()],
                "fold": used.fold,
                "treatment": used.trials.treatment.numpy().astype(bool),
                "outcome": used.trials.outcome.numpy().astype(bool),
                "propensity": fit.probabilities[:, 0],
                "outcome_if_control": fit.probabilities[:, 1],
                "outcome_if_treated": fit.probabilities[:, 2],
            }
        )
        for name, fit in fits.items()
    ]
    return pd.concat(frames, ignore_index=True)
