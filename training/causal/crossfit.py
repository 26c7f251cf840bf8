"""Nuisances for every trial from models that never saw its user."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models_py import registry
from models_py.causal.protocol import NuisanceNetwork, OptimiseNuisances
from models_py.causal.trials import Trials
from models_py.fitting import Batch, FitLog
from training.errors import UserError
from training.evaluation.effects import Nuisances
from training.fit import checkpoints
from training.fit.job import Job
from training.fit.seeds import derive
from training.marts.opening import Marts

HELD_OUT = 0.15  # of the training users: when to stop is decided on them
QUICK_MODEL = "summary_logistic"
MONITOR = "negative log loss"


@dataclass(frozen=True)
class CrossFit:
    """One kind of nuisance model, fitted once for each fold of users.

    Args:
        probabilities: of treatment and of the outcome without and with it, each by the
            model that did not see the trial's fold, shape (R, 3).
        logs: how each fold's fit went; None where there is no optimiser.
        n_parameters: of all folds' models together.
    """

    probabilities: NDArray[np.float64]
    logs: list[FitLog | None]
    n_parameters: int
    train_seconds: float
    eval_seconds: float

    @property
    def nuisances(self) -> Nuisances:
        """The same as the estimators take them."""
        propensity, control, treated = self.probabilities.T
        return Nuisances(propensity, control, treated)


def cross_fit(
    job: Job[Marts], name: str, trials: Trials, fold: NDArray[np.int64]
) -> CrossFit:
    """Fit a model without each fold in turn and let it predict that fold.

    Each fold's model is kept as `checkpoints/<name>.fold<k>.safetensors`.

    Raises:
        UserError: without some fold an arm is empty, or a fit fails.
    """
    require_both_arms(trials.treatment.numpy(), fold)
    settings = job.settings[name]
    probabilities = np.empty((len(trials), 3))
    logs, n_parameters, fitting, predicting = [], 0, 0.0, 0.0
    for held in np.unique(fold).tolist():
        part = f"{name}.fold{held}"
        model = registry.create(name, config=settings, n_items=trials.n_items)
        started = time.perf_counter()
        train = trials.take(_rows(fold != held))
        logs.append(model.fit(train, _optimise(job, part, settings)))
        fitted = time.perf_counter()
        asked = _rows(fold == held)
        probabilities[asked.numpy()] = model.predict(trials.take(asked)).numpy()
        sizes = {"n_items": trials.n_items}
        if job.world.is_main:
            path = job.run.checkpoint(part)
            checkpoints.save_model(path, name, model, settings, sizes)
        n_parameters += model.n_parameters
        fitting += fitted - started
        predicting += time.perf_counter() - fitted
    return CrossFit(probabilities, logs, n_parameters, fitting, predicting)


def quick_cross_fit(trials: Trials, fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities (R, 3) by a model that is fitted at once, for the checks."""
    probabilities = np.empty((len(trials), 3))
    for held in np.unique(fold).tolist():
        fitted = registry.create(QUICK_MODEL, n_items=trials.n_items)
        fitted.fit(trials.take(_rows(fold != held)), _no_optimiser)
        asked = _rows(fold == held)
        probabilities[asked.numpy()] = fitted.predict(trials.take(asked)).numpy()
    return probabilities


def require_both_arms(treatment: NDArray[np.float64], fold: NDArray[np.int64]) -> None:
    """Refuse folds without which nobody, or everybody, is treated.

    Raises:
        UserError: names the first such fold, or says that there is only one.
    """
    folds = np.unique(fold)
    if len(folds) < 2:
        raise UserError(
            f"all trials are of fold {folds[0]}: cross-fitting needs users in two "
            "folds or more; add users"
        )
    for held in folds.tolist():
        others = treatment[fold != held]
        for value, arm in ((1, "clicked"), (0, "unclicked")):
            if not (others == value).any():
                raise UserError(
                    f"without fold {held} there is no {arm} trial to learn from: "
                    "the clicks are of too few users; add data"
                )


def has_both_arms(treatment: NDArray[np.float64], fold: NDArray[np.int64]) -> bool:
    """Whether without any one fold there are clicked and unclicked trials left."""
    folds = np.unique(fold)
    return len(folds) > 1 and all(
        len(np.unique(treatment[fold != held])) == 2 for held in folds
    )


def held_out_users(user: Tensor, seed: int) -> Tensor:
    """True for the trials of the users that decide when to stop, shape (R,)."""
    users = user.unique()
    generator = torch.Generator().manual_seed(seed)
    n_held = max(round(HELD_OUT * len(users)), 1)
    held = users[torch.randperm(len(users), generator=generator)[:n_held]]
    return torch.isin(user, held)


def _optimise(job: Job[Marts], part: str, settings: Any) -> OptimiseNuisances:
    """Hand a network to the training loop, stopped by users it does not learn from."""

    def optimise(model: NuisanceNetwork[Batch], train: Trials, /) -> FitLog:
        is_held = held_out_users(train.user, derive(job.config.seed, part))
        if is_held.all():
            raise UserError(
                f"{part}: there is one user to learn from, and none to say when to "
                "stop; add users or leave the model out with --model"
            )
        held = train.take(_rows(is_held.numpy()))
        fit = job.optimise(part, settings, lambda: -model.log_loss(held), MONITOR)
        return fit(model, train.take(_rows(~is_held.numpy())))

    return optimise


def _no_optimiser(module: Any, train: Any) -> FitLog:
    raise ValueError(f"{type(module).__name__} is no quick model")


def _rows(chosen: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.flatnonzero(chosen))
