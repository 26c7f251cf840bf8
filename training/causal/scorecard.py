"""How well the nuisance models predict, and what a run prints."""

from typing import Any

import numpy as np
from tabulate import tabulate

from models_py import registry
from training.causal.crossfit import CrossFit
from training.causal.effects import observed
from training.causal.marts import TrialTable
from training.evaluation.intervals import bootstrap_intervals, paired_comparisons
from training.evaluation.metrics import NUISANCES, leader_of
from training.fit.cut_short import named

SELECTED_BY = leader_of(NUISANCES)
TITLES = {
    "raw": "raw difference",
    "outcome_regression": "outcome regression",
    "ipw": "IPW",
    "aipw": "AIPW",
}


def models_block(
    table: TrialTable, fits: dict[str, CrossFit], seed: int
) -> dict[str, Any]:
    """Each nuisance model's loss on users it did not see, with intervals by user.

    Every trial is predicted by a model that did not see its user, so all of them are
    test trials.
    """
    seen, user = observed(table), table.trials.user.numpy()
    values = {
        name: {m: metric(seen, fit.nuisances) for m, metric in NUISANCES.items()}
        for name, fit in fits.items()
    }
    losses = {
        name: {m: value for m, value in found.items() if isinstance(value, np.ndarray)}
        for name, found in values.items()
    }
    cells = {(n, m): v for n, by in losses.items() for m, v in by.items()}
    intervals = bootstrap_intervals(cells, user, seed=seed)
    baselines = [name for name in fits if registry.MODELS[name].is_baseline]
    means = {name: float(losses[name][SELECTED_BY].mean()) for name in fits}
    reference = min(baselines, key=means.__getitem__) if baselines else None
    blocks = {}
    for name, fit in fits.items():
        blocks[name] = {
            **named(name, *fit.logs),
            "test": {
                metric: float(value.mean()) if metric in losses[name] else value
                for metric, value in values[name].items()
            },
            "ci95": {metric: intervals[name, metric] for metric in losses[name]},
            "n_parameters": fit.n_parameters,
            "train_seconds": fit.train_seconds,
            "eval_seconds": fit.eval_seconds,
            "best_epochs": [log.best_epoch if log else None for log in fit.logs],
            "vs_best_baseline": None,
        }
        if reference and name != reference:
            compared = paired_comparisons(
                losses[name], losses[reference], user, seed=seed
            )
            blocks[name]["vs_best_baseline"] = {
                "baseline": reference,
                **{metric: result.as_json() for metric, result in compared.items()},
            }
    return blocks


def best(models: dict[str, Any]) -> str:
    """The model of the lowest loss; the effects themselves have no say in it."""
    return min(models, key=lambda name: models[name]["test"][SELECTED_BY])


def table(metrics: dict[str, Any]) -> str:
    """The caution, the estimates by estimator and nuisance, and the checks' verdict."""
    effects = metrics["effects"]
    rows = [["raw difference", "", *_cells(effects["by_nuisance"], None, "raw")]]
    rows += [
        [TITLES[estimator], _named(metrics, name), *_cells(by, name, estimator)]
        for name in effects["by_nuisance"]
        for by in (effects["by_nuisance"],)
        for estimator in list(TITLES)[1:]
    ]
    header = ["estimator", "nuisances", "ATE [95% interval]", "ATT [95% interval]"]
    parts = [
        f"! {effects['caution']}",
        *(f"! {warning}" for warning in effects["warnings"]),
        _counts(effects),
        tabulate(rows, header, tablefmt="simple", disable_numparse=True),
    ]
    if truth := effects["truth"]:
        parts.append(
            f"True effects (simulated): ATE {truth['ATE']:+.4f}, "
            f"ATT {truth['ATT']:+.4f}"
        )
    return "\n\n".join([*parts, _verdict(effects["checks"])])


def _named(metrics: dict[str, Any], name: str) -> str:
    is_cut_short = metrics["models"][name].get("is_cut_short")
    shown = f"{name} (cut short)" if is_cut_short else name
    return f"{shown} *" if name == metrics["best_nuisance"] else shown


def _cells(by_nuisance: dict[str, Any], name: str | None, estimator: str) -> list[str]:
    of_model = by_nuisance[name or next(iter(by_nuisance))]
    return [_cell(of_model[estimand][estimator]) for estimand in ("ATE", "ATT")]


def _cell(effect: dict[str, Any]) -> str:
    if effect["ci95"] is None:
        return f"{effect['estimate']:+.4f} [one user]"
    low, high = effect["ci95"]
    return f"{effect['estimate']:+.4f} [{low:+.4f}, {high:+.4f}]"


def _counts(effects: dict[str, Any]) -> str:
    return (
        f"{effects['n_trials']:,} trials of {effects['n_users']:,} users, "
        f"{effects['n_treated']:,} clicked; {effects['n_trials_kept']:,} with a "
        "counterpart. * nuisances that predict best, and that the checks are made on."
    )


def _verdict(checks: dict[str, Any]) -> str:
    word = {True: "passed", False: "FAILED", None: "not made"}
    failed = [name for name, check in checks.items() if check["passed"] is False]
    lines = [
        f"{word[check['passed']]:8}  {name}: {check['words']}"
        for name, check in checks.items()
    ]
    title = f"Checks: {len(failed)} of {len(checks)} failed"
    return "\n".join([f"{title}: {', '.join(failed)}" if failed else title, *lines])
