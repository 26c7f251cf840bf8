"""Fit every model of a line-up and rank the labels of its questions."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models_py import registry
from models_py.fitting import Diverged, FitLog
from models_py.meta.orders import compare_orders
from models_py.meta.tasks import Tasks
from training.evaluation.lists import LISTED
from training.evaluation.metrics import RANKING
from training.fit.job import Job
from training.recommendation.adapting import (
    Adaptation,
    adaptation_of,
    pairs_with_support,
    task_answers,
    task_ranks,
    tasks_of,
    train_tasks_of,
)
from training.recommendation.asking import (
    VALIDATED,
    all_ranks_of,
    answers_of,
    ranks_of,
    spread,
)
from training.recommendation.choosing import Choice, decided
from training.recommendation.marts import RecommendationMarts
from training.recommendation.questions import Question

COMPARED_TASKS = 64


@dataclass(frozen=True)
class Answer:
    """One fitted model and how it ranked the labels.

    Args:
        log: how the fit went; None for models that only count.
        network_log: how that of the trained network went that it adapts, if it does.
        ranks: rank of each label by split, aligned with the split's `Question`.
        lists: the best items of each test query, aligned with its `Question`, -1 behind
            the last, shape (N, 10); None if not looked at.
        all_pairs: rank of every test pair's label, by pair id; None if not looked at.
        adaptation: what adapting brought; None for models that do not adapt.
        chosen: what validation decided; None where nothing was left to it.
    """

    log: FitLog | None
    n_parameters: int
    ranks: dict[str, np.ndarray]
    train_seconds: float
    eval_seconds: float
    adaptation: Adaptation | None = None
    chosen: Choice | None = None
    all_pairs: np.ndarray | None = None
    lists: np.ndarray | None = None
    network_log: FitLog | None = None


def answer(
    job: Job[RecommendationMarts],
    name: str,
    questions: dict[str, Question],
    *,
    only_ranks: bool = False,
) -> Answer:
    """Fit one model, keep its checkpoint and rank all questions' labels.

    Args:
        only_ranks: look neither at all pairs nor at other amounts of adaptation.
    """
    entry, settings = registry.MODELS[name], job.settings[name]
    model, network_log = _made(job, name)
    base_settings = model.network.config if entry.wraps else None
    started = time.perf_counter()
    log = _fit(job, name, model)
    chosen = decided(job, model, entry.adapts)
    decided_at = time.perf_counter()
    if chosen:
        settings = chosen.settings
    job.keep(name, model, settings, base_settings, n_items=job.marts.n_items)
    try:
        found = {
            split: _answers(job, entry, model, asked, 0 if only_ranks else LISTED)
            for split, asked in questions.items()
        }
        ranks = {split: of_split[:, 0] for split, of_split in found.items()}
        all_pairs = None if only_ranks else _ranks_of_all_pairs(job, name, model)
        ranked = time.perf_counter()
        shows_adaptation = entry.adapts and not only_ranks
        gains = adaptation_of(job, model, ranks["test"]) if shows_adaptation else None
    except Diverged as error:
        raise Diverged(f"{name}: {error}") from error
    return Answer(
        log=log,
        n_parameters=model.n_parameters,
        ranks=ranks,
        train_seconds=log.train_seconds if log else decided_at - started,
        eval_seconds=ranked - decided_at,
        adaptation=gains,
        chosen=chosen,
        all_pairs=all_pairs,
        lists=None if only_ranks else found["test"][:, 1:],
        network_log=network_log,
    )


def value_of(job: Job[RecommendationMarts], name: str) -> float:
    """Validation MRR of a model fitted as the job's settings say; nothing is kept."""
    entry = registry.MODELS[name]
    model, _ = fitted(job, name)
    decided(job, model, entry.adapts)
    if entry.adapts:
        ranks = _task_ranks(job, model, _validated_tasks(job))
    else:
        ranks = _validated(job, model)
    return float(RANKING["mrr"](ranks).mean())


def fitted(job: Job[RecommendationMarts], name: str) -> tuple[Any, FitLog | None]:
    """One model, fitted to train users; what it adapts is fitted before.

    A network is fitted but once in a job, since its state is kept.
    """
    model, _ = _made(job, name)
    return model, _fit(job, name, model)


def gradient_orders(
    job: Job[RecommendationMarts], lineup: list[str]
) -> dict[str, float] | None:
    """How far first- and second-order meta-gradients of MAML lie apart.

    Both are taken at the trained base network and with the settings of the first MAML
    of the line-up, over train episodes from all over the mart; None where there is no
    MAML.
    """
    mamls = [n for n in lineup if registry.MODELS[n].method in ("maml", "fomaml")]
    if not mamls:
        return None
    settings = job.settings[mamls[0]]
    network, _ = fitted(job, settings.base)
    tasks = tasks_of(job.marts, "train")
    # episodes that are neighbours share most of their pairs
    tasks = tasks.take(spread(torch.arange(len(tasks)), COMPARED_TASKS))
    return compare_orders(network, tasks, settings)


def _made(job: Job[RecommendationMarts], name: str) -> tuple[Any, FitLog | None]:
    """An unfitted model, and how the network was fitted that it adapts, if one was."""
    settings, wraps = job.settings[name], registry.MODELS[name].wraps
    wrapped, log = {}, None
    if wraps == "trained":
        wrapped["network"], log = fitted(job, settings.base)
        decided(job, wrapped["network"], adapts=False)
    elif wraps == "fresh":
        wrapped["network"], _ = _made(job, settings.base)
    n_items = job.marts.n_items
    return registry.create(name, config=settings, n_items=n_items, **wrapped), log


def _answers(
    job: Job[RecommendationMarts],
    entry: registry.Entry,
    model: Any,
    asked: Question,
    n_listed: int,
) -> np.ndarray:
    """Rank and best items of each query, shape (N, 1 + n_listed)."""
    if entry.adapts:
        tasks, score = tasks_of(job.marts, asked.split), model.score_tasks
        (found,) = task_answers(job, tasks, lambda t: [score(t)], n_listed=n_listed)
        return found
    queries = job.marts.pairs.queries
    (found,) = answers_of(
        job,
        lambda part: [model.score(queries(part))],
        asked.pair,
        n_listed=n_listed,
    )
    return found


def _validated(job: Job[RecommendationMarts], model: Any) -> np.ndarray:
    """Ranks of the labels that stop a fit."""
    return ranks_of(job, model, spread(job.marts.pairs.rows_of("val"), VALIDATED))


def _validated_tasks(job: Job[RecommendationMarts]) -> Tasks:
    """The episodes that stop a fit."""
    tasks = tasks_of(job.marts, "val")
    n_tasks = max(VALIDATED // tasks.query.shape[1], 1)
    return tasks.take(spread(torch.arange(len(tasks)), n_tasks))


def _task_ranks(job: Job[RecommendationMarts], model: Any, tasks: Tasks) -> np.ndarray:
    (ranks,) = task_ranks(job, tasks, lambda part: [model.score_tasks(part)])
    return ranks


def _ranks_of_all_pairs(
    job: Job[RecommendationMarts], name: str, model: Any
) -> np.ndarray:
    """Rank of every test pair's label, whether or not an episode asks it.

    Models that read support of any size have the learner's earlier pairs, as many as
    an episode's; others that adapt have none.
    """
    rows = job.marts.pairs.rows_of("test")
    if not registry.reads_any_support(name):
        return ranks_of(job, model, rows)
    blocks = pairs_with_support(job.marts, rows)
    (ranks,) = all_ranks_of(
        job,
        lambda part: [model.score_blocks(blocks.take(torch.searchsorted(rows, part)))],
        rows,
    )
    return ranks


def _fit(job: Job[RecommendationMarts], name: str, model: Any) -> FitLog | None:
    settings = job.settings[name]
    if registry.MODELS[name].adapts:
        return _fit_to_episodes(job, name, model, settings)
    pairs = job.marts.pairs
    train = pairs.train_sequences(pairs.rows_of("train"), job.marts.n_items)

    def validate() -> float:
        return float(RANKING["mrr"](_validated(job, model)).mean())

    return model.fit(train, job.optimise(name, settings, validate, "mrr"))


def _fit_to_episodes(
    job: Job[RecommendationMarts], name: str, model: Any, settings: Any
) -> FitLog | None:
    tasks, monitor = _validated_tasks(job), model.monitor

    def validate() -> float:
        return float(RANKING[monitor](_task_ranks(job, model, tasks)).mean())

    optimise = job.optimise(name, settings, validate, monitor)
    return model.fit(train_tasks_of(job.marts), optimise)
