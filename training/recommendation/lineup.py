"""Fit every model of a line-up and rank the labels of its questions."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py import registry
from models_py.fitting import Diverged, FitLog
from models_py.meta.orders import compare_orders
from training.errors import UserError
from training.evaluation.metrics import RANKING
from training.evaluation.ranking import NO_EXCLUSION, label_ranks
from training.fit.job import Job
from training.recommendation.adapting import (
    Adaptation,
    adaptation_of,
    task_ranks,
    tasks_of,
    train_tasks_of,
)
from training.recommendation.marts import RecommendationMarts

COMPARED_TASKS = 64


@dataclass(frozen=True)
class Question:
    """Queries of one split's episodes, one row a query.

    Args:
        split: whose episodes they are.
        episode: episode id, shape (N,).
        pair: pair id, shape (N,).
        user: index of the user, shape (N,).
    """

    split: str
    episode: np.ndarray
    pair: Tensor
    user: np.ndarray


@dataclass(frozen=True)
class Answer:
    """One fitted model and how it ranked the labels.

    Args:
        log: how the fit went; None for models that only count.
        ranks: rank of each label by split, aligned with the split's `Question`.
        adaptation: what adapting brought; None for models that do not adapt.
    """

    log: FitLog | None
    n_parameters: int
    ranks: dict[str, np.ndarray]
    train_seconds: float
    eval_seconds: float
    adaptation: Adaptation | None = None


def answer(
    job: Job,
    name: str,
    questions: dict[str, Question],
    *,
    only_ranks: bool = False,
) -> Answer:
    """Fit one model, keep its checkpoint and rank all questions' labels.

    Args:
        only_ranks: do not look at what other amounts of adaptation would bring.
    """
    entry, n_items = registry.MODELS[name], job.marts.n_items
    settings = job.settings[name]
    wrapped = _wrapped(job, entry, settings)
    started = time.perf_counter()
    model = registry.create(name, config=settings, n_items=n_items, **wrapped)
    log = _fit(job, name, model, settings)
    fitted = time.perf_counter()
    base_settings = job.settings[settings.base] if wrapped else None
    job.keep(name, model, settings, base_settings, n_items=n_items)
    try:
        ranks = {split: _ranks(job, entry, model, q) for split, q in questions.items()}
    except Diverged as error:
        raise Diverged(f"{name}: {error}") from error
    ranked = time.perf_counter()
    shows_adaptation = entry.adapts and not only_ranks
    return Answer(
        log=log,
        n_parameters=model.n_parameters,
        ranks=ranks,
        train_seconds=log.train_seconds if log else fitted - started,
        eval_seconds=ranked - fitted,
        adaptation=adaptation_of(job, model, ranks["test"])
        if shows_adaptation
        else None,
    )


def ranks_of(job: Job, model: Any, rows: Tensor) -> np.ndarray:
    """Rank of each pair's label in the whole vocabulary, shape (len(rows),).

    A pair that several episodes ask is scored once.
    """
    pairs = job.marts.pairs
    distinct, place = rows.unique(return_inverse=True)
    ranks = torch.zeros_like(distinct)
    own = job.world.share(torch.arange(len(distinct)))
    for chunk in own.split(job.config.score_chunk) if len(own) else ():
        part = distinct[chunk]
        queries = pairs.queries(part)
        last = queries.prefixes.last()
        excluded = (
            last
            if job.config.exclude_last_item
            else torch.full_like(last, NO_EXCLUSION)
        )
        ranks[chunk] = label_ranks(model.score(queries), pairs.label[part], excluded)
    return job.world.all_reduce(ranks)[place].numpy()


def trained_network(job: Job, name: str) -> Any:
    """A baseline fitted in this job; fitted but once, since its state is kept."""
    settings = job.settings[name]
    model = registry.create(name, config=settings, n_items=job.marts.n_items)
    _fit(job, name, model, settings)
    return model


def gradient_orders(job: Job, lineup: list[str]) -> dict[str, float] | None:
    """How far first- and second-order meta-gradients of MAML lie apart.

    Both are taken at the trained base network and with the settings of the first MAML
    of the line-up, over train episodes from all over the mart; None where there is no
    MAML.
    """
    mamls = [n for n in lineup if registry.MODELS[n].method in ("maml", "fomaml")]
    if not mamls:
        return None
    settings = job.settings[mamls[0]]
    network = trained_network(job, settings.base)
    tasks = tasks_of(job.marts, "train")
    n = min(len(tasks), COMPARED_TASKS)
    # evenly spaced: neighbours are of one user and share most of their pairs
    tasks = tasks.take(torch.arange(n) * len(tasks) // n)
    return compare_orders(network, tasks, settings)


def _wrapped(job: Job, entry: registry.Entry, settings: Any) -> dict[str, Any]:
    """The network that a model adapts, where it adapts one."""
    if entry.wraps is None:
        return {}
    if entry.wraps == "trained":
        return {"network": trained_network(job, settings.base)}
    return {
        "network": registry.create(
            settings.base,
            config=job.settings[settings.base],
            n_items=job.marts.n_items,
        )
    }


def _ranks(job: Job, entry: registry.Entry, model: Any, asked: Question) -> np.ndarray:
    if not entry.adapts:
        return ranks_of(job, model, asked.pair)
    tasks = tasks_of(job.marts, asked.split)
    (ranks,) = task_ranks(job, tasks, lambda part: [model.score_tasks(part)])
    return ranks


def _fit(job: Job, name: str, model: Any, settings: Any) -> FitLog | None:
    if registry.MODELS[name].adapts:
        return _fit_to_episodes(job, name, model, settings)
    pairs = job.marts.pairs
    train = pairs.train_sequences(pairs.rows_of("train"), job.marts.n_items)
    val_rows = pairs.rows_of("val")

    def validate() -> float:
        return float(RANKING["mrr"](ranks_of(job, model, val_rows)).mean())

    return model.fit(train, job.optimise(name, settings, validate, "mrr"))


def _fit_to_episodes(job: Job, name: str, model: Any, settings: Any) -> FitLog | None:
    tasks, monitor = tasks_of(job.marts, "val"), model.monitor

    def validate() -> float:
        (ranks,) = task_ranks(job, tasks, lambda part: [model.score_tasks(part)])
        return float(RANKING[monitor](ranks).mean())

    optimise = job.optimise(name, settings, validate, monitor)
    return model.fit(train_tasks_of(job.marts), optimise)


def check(marts: RecommendationMarts, lineup: Sequence[str]) -> None:
    """Whether every model of a line-up has what it learns from and is asked.

    Raises:
        UserError: as for `questions_of`, or models that adapt have no episodes to
            learn from or to be chosen by.
    """
    questions_of(marts)
    adapting = [name for name in lineup if registry.MODELS[name].adapts]
    for split, purpose in (("train", "learn from"), ("val", "be chosen by")):
        if adapting and not len(marts.episodes.rows_of(split)):
            raise UserError(
                f"mart {marts.mart} has no {split} episodes of data set "
                f"{marts.dataset} for {adapting[0]} to {purpose}; name models that do "
                "not adapt with --model, use a mart of shorter episodes or add data"
            )


def questions_of(marts: RecommendationMarts) -> dict[str, Question]:
    """The queries of the val and test episodes.

    Raises:
        UserError: there is nothing to train on, to validate with or to ask.
    """
    for split, purpose in (("train", "learn from"), ("val", "stop training by")):
        if len(marts.pairs.rows_of(split)) == 0:
            raise UserError(
                f"data set {marts.dataset} has no {split} pairs to {purpose}: "
                "it has too few users; add data or try another split_seed"
            )
    questions = {}
    for split in ("val", "test"):
        episode, pair = marts.episodes.queries_of(split)
        user = marts.pairs.user[pair.numpy()]
        questions[split] = Question(split, episode, pair, user)
    if len(questions["test"].pair) == 0:
        raise UserError(
            f"mart {marts.mart} has no test episodes of data set {marts.dataset}: "
            "no test user has enough pairs; choose a mart of shorter episodes "
            "or add data"
        )
    return questions
