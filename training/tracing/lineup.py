"""Fit one model of a line-up and ask it for every response."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py import registry
from models_py.fitting import FitLog
from models_py.ragged import Ragged
from models_py.tracing.data import Responses
from training.evaluation.probabilities import auc
from training.fit.job import Job
from training.tracing.marts import TracingMarts


@dataclass(frozen=True)
class Answer:
    """One fitted model and what it predicted.

    Args:
        model: the fitted model.
        log: how the fit went; None for models that need no optimiser.
        predicted: probability of each response, in the marts' order, shape (N,).
    """

    model: Any
    log: FitLog | None
    predicted: np.ndarray
    train_seconds: float
    eval_seconds: float


def answer(job: Job[TracingMarts], name: str, others: dict[str, Answer]) -> Answer:
    """Fit one model, keep its checkpoint and predict every response once.

    Args:
        others: of the line-up so far; a model that mixes others takes them from there.
    """
    marts, settings = job.marts, job.settings[name]
    if members := registry.MODELS[name].members:
        return _mixed(job, name, {each: others[each] for each in members})
    started = time.perf_counter()
    model, log = fitted(job, name)
    fitted_at = time.perf_counter()
    job.keep(name, model, settings, **marts.sizes)
    predicted = predicted_by(job, model, marts.responses).numpy()
    return Answer(
        model=model,
        log=log,
        predicted=predicted,
        train_seconds=log.train_seconds if log else fitted_at - started,
        eval_seconds=time.perf_counter() - fitted_at,
    )


def fitted(job: Job[TracingMarts], name: str) -> tuple[Any, FitLog | None]:
    """One model that mixes no others, fitted to train users."""
    marts, settings = job.marts, job.settings[name]
    model = registry.create(name, config=settings, **marts.sizes)
    train = marts.responses.take(marts.rows_of("train"))
    val = marts.responses.take(marts.rows_of("val"))

    def validate() -> float:
        found = auc(val.correct.numpy(), predicted_by(job, model, val).numpy())
        return math.nan if found is None else found  # the loop refuses it

    return model, model.fit(train, val, job.optimise(name, settings, validate, "auc"))


def _mixed(job: Job[TracingMarts], name: str, members: dict[str, Answer]) -> Answer:
    """Weigh what the members have answered already."""
    marts = job.marts
    model = registry.create(name, config=job.settings[name], **marts.sizes)
    started = time.perf_counter()
    model.members = {each: found.model for each, found in members.items()}
    answers = [torch.from_numpy(found.predicted) for found in members.values()]
    chances = torch.stack(answers, dim=1)
    val = marts.rows_of("val")
    model.weigh(chances[val], marts.responses.correct[val])
    fitted = time.perf_counter()
    job.keep(name, model, job.settings[name], **marts.sizes)
    return Answer(
        model=model,
        log=None,
        predicted=model.mixed(chances).numpy(),
        train_seconds=fitted - started,
        eval_seconds=time.perf_counter() - fitted,
    )


def predicted_by(job: Job[TracingMarts], model: Any, responses: Responses) -> Tensor:
    """Each response's probability, users dealt out to the processes, (N,)."""
    users = Ragged(torch.arange(len(responses)), responses.user_starts)
    own = users.take(job.world.share(torch.arange(len(users)))).values
    found = torch.zeros(len(responses))
    if len(own):
        found[own] = model.predict(responses.take(own))
    return job.world.all_reduce(found)
