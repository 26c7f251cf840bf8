"""Recommenders: from marts to the recommendation part of a run folder."""

from typing import Any

import numpy as np

from training.config import TrainConfig
from training.errors import UserError
from training.files import appearing_whole, data_dir, write_json
from training.fit.job import Job
from training.recommendation import scorecard, searching
from training.recommendation.advice import on_few_users
from training.recommendation.candidates import Candidates
from training.recommendation.lineup import (
    answer,
    check_negatives,
    gradient_orders,
    questions_of,
)
from training.recommendation.lineup import check as check_lineup
from training.recommendation.marts import RecommendationMarts
from training.recommendation.resplit import repeat_splits
from training.recommendation.scorecard import Scorecard
from training.recommendation.searching import check_tuning, repeat_seeds, tune
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
    if config.tune:
        check_tuning(marts, settings, config.tune)


def evaluate(job: Job[RecommendationMarts]) -> dict[str, Any]:
    """Fit and rank with every model of the line-up.

    Writes `predictions.parquet`, `vocab.json` and, after tuning, `trials.parquet`.
    """
    marts, config = job.marts, job.config
    questions = questions_of(marts)
    job, tuning = tune(job) if config.tune else (job, None)
    answers = {name: answer(job, name, questions) for name in job.lineup()}
    splits = repeat_splits(job, config.repeat_splits) if config.repeat_splits else None
    seeds = repeat_seeds(job, answers, questions) if config.seeds > 1 else None
    orders = gradient_orders(job, list(answers))
    if not job.world.is_main:
        return {}
    optimum = _optimum(marts, questions["test"].pair.numpy())
    informed = optimum_given_support(data_dir(), marts.dataset, marts.mart, optimum)
    candidates = Candidates.of(job)
    card = Scorecard(marts, questions, answers, config.seed, candidates, informed)
    with appearing_whole(job.run.path / "predictions.parquet") as scratch:
        card.predictions().to_parquet(scratch, index=False)
    write_json(job.run.path / "vocab.json", marts.item_keys)
    return {
        **card.metrics(),
        "bayes_optimal": optimum,
        "bayes_optimal_given_support": informed,
        "gradient_orders": orders,
        "repeat_splits": splits,
        "tuning": tuning,
        "seeds": seeds,
    }


def tables(metrics: dict[str, Any]) -> str:
    """The line-up, and the repeated splits where there are any, as text tables."""
    found = [scorecard.table(metrics)]
    if metrics["repeat_splits"]:
        found.append(scorecard.repeated_table(metrics))
    if metrics.get("tuning"):
        found.append(searching.tuning_table(metrics))
    if metrics.get("seeds"):
        found.append(searching.seeds_table(metrics))
    if advice := on_few_users(metrics):
        found.append(advice)
    return "\n\n".join(found)


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
