"""Recommenders: from marts to the recommendation part of a run folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.config import TrainConfig
from training.errors import UserError
from training.files import appearing_whole, data_dir, write_json
from training.fit.job import Job
from training.recommendation import searching
from training.recommendation.advice import on_few_users
from training.recommendation.by_time import (
    by_time_table,
    check_by_time,
    compared,
    job_by_time,
)
from training.recommendation.candidates import Candidates
from training.recommendation.lineup import Answer, answer, gradient_orders
from training.recommendation.marts import RecommendationMarts
from training.recommendation.questions import Question, check_negatives, questions_of
from training.recommendation.questions import check as check_lineup
from training.recommendation.resplit import repeat_splits
from training.recommendation.scorecard import Scorecard
from training.recommendation.searching import check_tuning, repeat_seeds, tune
from training.recommendation.tables import repeated_table, table
from training.truth import bayes_optimum, optimum_given_support


def check(marts: RecommendationMarts, config: TrainConfig) -> None:
    """Whether the marts have what a run needs.

    Raises:
        UserError: they do not; the message says what is missing.
    """
    settings = config.settings("recommendation")
    check_lineup(marts, config.lineup)
    check_negatives(marts.n_items, settings)
    if config.repeat_splits and marts.split_times:
        raise UserError(
            f"--repeat-splits {config.repeat_splits}: data set {marts.dataset} is "
            "split by time, and there is but one such split; leave the option out"
        )
    if config.also_by_time:
        check_by_time(marts)
    if config.tune:
        check_tuning(marts, settings, config.tune)


@dataclass(frozen=True)
class Fitted:
    """A line-up that was fitted and asked on one split.

    Args:
        job: with the settings that trials chose, if any.
        tuning, seeds: what trials and seeds brought, if they were asked for.
    """

    job: Job[RecommendationMarts]
    questions: dict[str, Question]
    answers: dict[str, Answer]
    tuning: dict[str, Any] | None
    seeds: dict[str, Any] | None

    def card(self, informed: dict[str, float] | None = None) -> Scorecard:
        """What was reached."""
        marts, seed = self.job.marts, self.job.config.seed
        candidates = Candidates.of(self.job)
        return Scorecard(
            marts, self.questions, self.answers, seed, candidates, informed
        )


def evaluate(job: Job[RecommendationMarts]) -> dict[str, Any]:
    """Fit and rank with every model of the line-up.

    Writes `predictions.parquet`, `vocab.json` and, after tuning, `trials.parquet`; with
    a split by time beside that by user also `predictions_by_time.parquet` and
    `trials_by_time.parquet`.
    """
    marts, config = job.marts, job.config
    later = job_by_time(job) if config.also_by_time else None
    # first what may find that the raw files are others than those of the marts
    n_splits = config.repeat_splits
    splits = repeat_splits(job, n_splits) if n_splits else None
    path = job.run.path
    fitted = _fitted(job, path / "trials.parquet")
    fitted_later = _fitted(later, path / "trials_by_time.parquet") if later else None
    orders = gradient_orders(fitted.job, list(fitted.answers))
    if not job.world.is_main:
        return {}
    optimum = _optimum(marts, fitted.questions["test"].pair.numpy())
    informed = optimum_given_support(data_dir(), marts.dataset, marts.mart, optimum)
    card = fitted.card(informed)
    _write_predictions(job, card, "predictions.parquet")
    write_json(job.run.path / "vocab.json", marts.item_keys)
    return {
        **card.metrics(),
        "bayes_optimal": optimum,
        "bayes_optimal_given_support": informed,
        "gradient_orders": orders,
        "repeat_splits": splits,
        "tuning": fitted.tuning,
        "seeds": fitted.seeds,
        "by_time": _by_time(job, card, fitted_later) if fitted_later else None,
    }


def _fitted(job: Job[RecommendationMarts], trials: Path) -> Fitted:
    questions = questions_of(job.marts)
    job, tuning = tune(job, trials) if job.config.tune else (job, None)
    answers = {name: answer(job, name, questions) for name in job.lineup()}
    seeds = repeat_seeds(job, answers, questions) if job.config.seeds > 1 else None
    return Fitted(job, questions, answers, tuning, seeds)


def _by_time(
    job: Job[RecommendationMarts], by_user: Scorecard, later: Fitted
) -> dict[str, Any]:
    card = later.card()
    _write_predictions(job, card, "predictions_by_time.parquet")
    optimum = _optimum(later.job.marts, later.questions["test"].pair.numpy())
    found = compared(by_user, card, optimum)
    return {**found, "tuning": later.tuning, "seeds": later.seeds}


def _write_predictions(
    job: Job[RecommendationMarts], card: Scorecard, name: str
) -> None:
    with appearing_whole(job.run.path / name) as scratch:
        card.predictions().to_parquet(scratch, index=False)


def tables(metrics: dict[str, Any]) -> str:
    """The line-up, and what else the run was asked for, as text tables."""
    found = [table(metrics), *_searched(metrics)]
    if later := metrics.get("by_time"):
        found += [by_time_table(metrics), table(later), *_searched(later)]
    if metrics["repeat_splits"]:
        found.append(repeated_table(metrics))
    if advice := on_few_users(metrics):
        found.append(advice)
    return "\n\n".join(found)


def _searched(metrics: dict[str, Any]) -> list[str]:
    """What trials and seeds brought, where they were asked for."""
    found = []
    if metrics.get("tuning"):
        found.append(searching.tuning_table(metrics))
    if metrics.get("seeds"):
        found.append(searching.seeds_table(metrics))
    return found


def _optimum(marts: RecommendationMarts, asked: np.ndarray) -> dict[str, Any] | None:
    """The Bayes optimum of the asked pairs, where the data were simulated."""
    pairs = marts.pairs
    return bayes_optimum(
        data_dir(),
        marts.dataset,
        user_ids=pairs.user_ids[pairs.user[asked]],
        label_at=pairs.label_at.numpy()[asked],
        labels=[marts.item_keys[i] for i in pairs.label.numpy()[asked]],
    )
