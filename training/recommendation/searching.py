"""Recommenders with settings chosen by trials, and from several seeds."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from models_py import registry
from training.errors import UserError
from training.evaluation.metrics import RANKING
from training.evaluation.seed_spread import seed_spreads
from training.files import appearing_whole
from training.fit.job import Job
from training.progress import progress_bar
from training.recommendation.lineup import Answer, answer, value_of
from training.recommendation.marts import RecommendationMarts
from training.recommendation.questions import Question
from training.recommendation.scorecard import best_baseline
from training.tuning.seeds import over_seeds
from training.tuning.trials import Tuned, space_of, tuned

FEWEST_USERS = 10  # of validation: fewer cannot tell settings apart
SHOWN = ("recall@10", "mrr")


def check_tuning(
    marts: RecommendationMarts, settings: dict[str, Any], n_trials: int
) -> None:
    """Whether there is something to search, and somebody to search by.

    Raises:
        UserError: no model has a search space, or validation has too few users.
    """
    if not any(space_of(each) for each in settings.values()):
        known = [
            name
            for name in registry.names("recommendation")
            if space_of(registry.CONFIGS[name]())
        ]
        raise UserError(
            f"--tune {n_trials}: {', '.join(settings)} has no search space; "
            f"models that have one: {', '.join(known)}"
        )
    pairs = marts.pairs
    n_users = len(np.unique(pairs.user[pairs.rows_of("val").numpy()]))
    if n_users < FEWEST_USERS:
        raise UserError(
            f"--tune {n_trials}: {n_users} validation users of data set "
            f"{marts.dataset} cannot rank settings, {FEWEST_USERS} are needed; add "
            "data or leave --tune out"
        )


def tune(job: Job[RecommendationMarts], kept_in: Path) -> tuple[Job, dict[str, Any]]:
    """The job with settings that trials chose, and what they brought.

    A model that adapts a network has the tuned one, whichever is named first.

    Args:
        kept_in: the Parquet file of trials to write.
    """
    found: dict[str, Tuned] = {}
    in_turn = sorted(job.config.lineup, key=lambda n: bool(registry.MODELS[n].wraps))
    for name in progress_bar(in_turn, "tuning", is_shown=job.progress):
        if space_of(job.settings[name]):
            found[name] = tuned(job, name, job.config.tune, value_of)
            job = replace(job, settings={**job.settings, name: found[name].settings})
    if job.world.is_main:
        with appearing_whole(kept_in) as scratch:
            _trials(found).to_parquet(scratch, index=False)
    return job, {name: each.as_json() for name, each in found.items()}


def _trials(found: dict[str, Tuned]) -> pd.DataFrame:
    """One row a trial."""
    return pd.DataFrame(
        [
            {
                "model": name,
                "trial": trial.number,
                "outcome": trial.outcome,
                "val_mrr": trial.value,
                "n_epochs": len(trial.epochs),
                "seconds": trial.seconds,
                "settings": json.dumps(trial.values),
                "is_chosen": trial.number == each.best.number,
            }
            for name, each in found.items()
            for trial in each.trials
        ]
    ).astype({"val_mrr": "float64"})


def repeat_seeds(
    job: Job[RecommendationMarts],
    answers: dict[str, Answer],
    questions: dict[str, Question],
) -> dict[str, Any]:
    """Mean and spread over seeds of every model, the job's own seed among them.

    Returns:
        `n`, `seeds`, and by model and metric `mean`, `sd` and `ci95` (users and seeds);
        the same of the difference to the best baseline as `less_best`, with
        `is_difference`: whether the interval leaves out 0. A model without a seed has
        the same ranks each time.
    """
    n_seeds = job.config.seeds

    def test_ranks(one: Job, name: str) -> np.ndarray:
        return answer(one, name, questions, only_ranks=True).ranks["test"]

    others = over_seeds(job, n_seeds, test_ranks)
    ranks = {
        name: np.stack(
            [own.ranks["test"], *others.get(name, [own.ranks["test"]] * (n_seeds - 1))]
        )
        for name, own in answers.items()
    }
    best = best_baseline(answers)
    return {
        "n": n_seeds,
        "seeds": [job.config.seed + number for number in range(n_seeds)],
        "best_baseline": best,
        "models": {
            name: _spread(name, ranks, best, questions["test"].user, job.config.seed)
            for name in ranks
        },
    }


def _spread(
    name: str, ranks: dict[str, np.ndarray], best: str | None, users: Any, seed: int
) -> dict[str, Any]:
    values = {metric: of(ranks[name]) for metric, of in RANKING.items()}
    found = seed_spreads(values, users, seed=seed)
    if best is None or name == best:
        return {m: {**each, "less_best": None} for m, each in found.items()}
    gaps = {m: each - RANKING[m](ranks[best]) for m, each in values.items()}
    less = seed_spreads(gaps, users, seed=seed)
    return {
        metric: {
            **each,
            "less_best": {
                **less[metric],
                "is_difference": _leaves_out_zero(less[metric]["ci95"]),
            },
        }
        for metric, each in found.items()
    }


def _leaves_out_zero(interval: tuple[float, float] | None) -> bool:
    return interval is not None and not interval[0] <= 0 <= interval[1]


def tuning_table(metrics: dict[str, Any]) -> str:
    """What the trials brought, a row a model."""
    rows = [
        [
            name,
            f"{each['n_trials']} ({each['n_pruned']}, {each['n_diverged']})",
            _number(each["as_given"]),
            _number(each["best"]),
            ", ".join(f"{k}={_short(v)}" for k, v in each["chosen"].items())
            or "as given",
        ]
        for name, each in metrics["tuning"].items()
    ]
    header = ["tuned", "trials (pruned, diverged)", "val mrr", "best", "chosen"]
    return tabulate(rows, header, tablefmt="simple", disable_numparse=True)


def seeds_table(metrics: dict[str, Any]) -> str:
    """Mean and spread over seeds; a difference is called one if its interval is."""
    seeds = metrics["seeds"]
    rows = []
    for name, found in seeds["models"].items():
        less = found[SHOWN[0]]["less_best"]
        verdict = "—"
        if less:
            sure = "" if less["is_difference"] else "  no difference"
            verdict = f"{less['mean']:+.4f}{sure}"
        spreads = (f"{found[m]['mean']:.4f} ± {found[m]['sd']:.4f}" for m in SHOWN)
        rows.append([name, *spreads, verdict])
    header = [
        f"{seeds['n']} seeds",
        *SHOWN,
        f"{SHOWN[0]} less {seeds['best_baseline'] or 'the best baseline'}",
    ]
    return tabulate(rows, header, tablefmt="simple", disable_numparse=True)


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
