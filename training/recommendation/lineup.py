"""Fit every model of a line-up and rank the labels of its questions."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py import registry
from models_py.fitting import FitLog
from training.errors import UserError
from training.evaluation.ranking import METRICS, NO_EXCLUSION, label_ranks
from training.job import Job
from training.recommendation.marts import RecommendationMarts


@dataclass(frozen=True)
class Question:
    """Queries of one split's episodes, one row a query.

    Args:
        episode: episode id, shape (N,).
        pair: pair id, shape (N,).
        user: index of the user, shape (N,).
    """

    episode: np.ndarray
    pair: Tensor
    user: np.ndarray


@dataclass(frozen=True)
class Answer:
    """One fitted model and how it ranked the labels.

    Args:
        log: how the fit went; None for models that only count.
        ranks: rank of each label by split, aligned with the split's `Question`.
    """

    log: FitLog | None
    n_parameters: int
    ranks: dict[str, np.ndarray]
    train_seconds: float
    eval_seconds: float


def answer(
    job: Job, name: str, settings: Any, questions: dict[str, Question]
) -> Answer:
    """Fit one model, keep its checkpoint and rank all questions' labels."""
    n_items = job.marts.n_items
    model = registry.create(name, config=settings, n_items=n_items)
    started = time.perf_counter()
    log = _fit(job, name, model, settings)
    fitted = time.perf_counter()
    job.keep(name, model, settings, n_items=n_items)
    ranks = {split: ranks_of(job, model, q.pair) for split, q in questions.items()}
    return Answer(
        log=log,
        n_parameters=model.n_parameters,
        ranks=ranks,
        train_seconds=log.train_seconds if log else fitted - started,
        eval_seconds=time.perf_counter() - fitted,
    )


def ranks_of(job: Job, model: Any, rows: Tensor) -> np.ndarray:
    """Rank of each pair's label in the whole vocabulary, shape (len(rows),).

    A pair that several episodes ask is scored once.
    """
    pairs = job.marts.pairs
    distinct, place = rows.unique(return_inverse=True)
    ranks = [torch.empty(0, dtype=torch.int64)]
    for part in distinct.split(job.config.score_chunk):
        queries = pairs.queries(part)
        last = queries.prefixes.last()
        excluded = (
            last
            if job.config.exclude_last_item
            else torch.full_like(last, NO_EXCLUSION)
        )
        ranks.append(label_ranks(model.score(queries), pairs.label[part], excluded))
    return torch.cat(ranks)[place].numpy()


def _fit(job: Job, name: str, model: Any, settings: Any) -> FitLog | None:
    pairs = job.marts.pairs
    train = pairs.train_sequences(pairs.rows_of("train"), job.marts.n_items)
    val_rows = pairs.rows_of("val")

    def validate() -> float:
        return float(METRICS["mrr"](ranks_of(job, model, val_rows)).mean())

    return model.fit(train, job.optimise(name, settings, validate, "mrr"))


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
        questions[split] = Question(episode, pair, marts.pairs.user[pair.numpy()])
    if len(questions["test"].pair) == 0:
        raise UserError(
            f"mart {marts.mart} has no test episodes of data set {marts.dataset}: "
            "no test user has enough pairs; choose a mart of shorter episodes "
            "or add data"
        )
    return questions
