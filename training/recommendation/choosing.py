"""Settings that validation decides once a model is fitted, without fitting it again."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from models_py.meta.tasks import Tasks
from training.evaluation.metrics import RANKING
from training.fit.job import Job
from training.recommendation.adapting import (
    task_log_likelihoods,
    task_ranks,
    tasks_of,
)
from training.recommendation.asking import all_ranks_of, spread
from training.recommendation.marts import RecommendationMarts

DECIDED_BY = "mrr"
LIKELIHOOD = "log_likelihood"
QUERIES_ASKED = 5_000  # at most so many validation queries decide


@dataclass(frozen=True)
class Choice:
    """What validation decided.

    Args:
        settings: the model's settings with nothing left open.
        tried: each alternative's settings that were open, and its value.
    """

    settings: Any
    tried: list[dict[str, Any]]


def decided(job: Job[RecommendationMarts], model: Any, adapts: bool) -> Choice | None:
    """Let a fitted model take the best of its `choices`; None where it has none.

    They are compared by MRR, or by the log-likelihood of the labels where the model
    names that as its `judge`. Equal values leave it at the first of them. What that
    leaves open is decided next.
    """
    tried: list[dict[str, Any]] = []
    while len(choices := getattr(model, "choices", [])) > 1:
        judge = getattr(model, "judge", DECIDED_BY)
        if judge == LIKELIHOOD:
            values = _log_likelihoods(job, model)
        else:
            ranks = _task_ranks(job, model) if adapts else _pair_ranks(job, model)
            values = [float(RANKING[DECIDED_BY](each).mean()) for each in ranks]
        model.choose(choices[int(np.argmax(values))])
        tried += [
            _open(asdict(choice), [asdict(other) for other in choices]) | {judge: value}
            for choice, value in zip(choices, values, strict=True)
        ]
    return Choice(model.config, tried) if tried else None


def _pair_ranks(job: Job[RecommendationMarts], model: Any) -> list[np.ndarray]:
    rows = spread(job.marts.pairs.rows_of("val"), QUERIES_ASKED)
    queries = job.marts.pairs.queries
    return all_ranks_of(
        job, lambda part: model.score_choices(queries(part)), rows, len(model.choices)
    )


def _task_ranks(job: Job[RecommendationMarts], model: Any) -> list[np.ndarray]:
    tasks = _asked_tasks(job)
    return task_ranks(job, tasks, model.score_task_choices, len(model.choices))


def _log_likelihoods(job: Job[RecommendationMarts], model: Any) -> list[float]:
    tasks = _asked_tasks(job)
    n = len(model.choices)
    return task_log_likelihoods(job, tasks, model.score_task_choices, n)


def _asked_tasks(job: Job[RecommendationMarts]) -> Tasks:
    tasks = tasks_of(job.marts, "val")
    n_tasks = max(QUERIES_ASKED // tasks.query.shape[1], 1)
    return tasks.take(spread(torch.arange(len(tasks)), n_tasks))


def _open(settings: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings in which choices differ, by dotted name."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            inner = _open(value, [other[name] for other in others])
            flat |= {f"{name}.{key}": each for key, each in inner.items()}
        elif any(other[name] != value for other in others):
            flat[name] = value
    return flat
