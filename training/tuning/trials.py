"""Settings chosen by trials on validation, the same number for every model.

Akiba et al.: Optuna, KDD 2019; Bergstra et al.: Algorithms for Hyper-Parameter
Optimization, NeurIPS 2011 (the sampler). A trial that lies below the median of those
before it after as many epochs is given up.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
)
from optuna.trial import TrialState

from models_py.fitting import Diverged
from models_py.space import OneOf, Space, with_settings
from training.errors import NoNumber, UserError
from training.files import write_json
from training.fit.job import Job, M, Watched
from training.fit.seeds import derive

optuna.logging.set_verbosity(optuna.logging.WARNING)

DECIDED_BY = "mrr"
DRAWN_BLINDLY = 5  # trials before the sampler learns from those before
EPOCHS_GRANTED = 3  # before a trial can be given up
STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


@dataclass(frozen=True)
class Trial:
    """One try.

    Args:
        values: settings by dotted name; empty for the first trial, which takes them
            as they were given.
        outcome: `complete`, `pruned`, or `diverged`.
        value: validation MRR at the end, None where there was none.
        epochs: validation value after each epoch.
    """

    number: int
    values: dict[str, Any]
    outcome: str
    value: float | None
    epochs: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Tuned:
    """What a model's trials brought.

    Args:
        settings: the best of them.
        best: its trial.
    """

    settings: Any
    best: Trial
    trials: Sequence[Trial]

    def as_json(self) -> dict[str, Any]:
        """What `metrics.json` says of them."""
        outcomes = [trial.outcome for trial in self.trials]
        return {
            "n_trials": len(self.trials),
            "n_pruned": outcomes.count("pruned"),
            "n_diverged": outcomes.count("diverged"),
            "as_given": self.trials[0].value,
            "best": self.best.value,
            "chosen": self.best.values,
        }


def space_of(settings: Any) -> Space:
    """What is searched of a model's settings; empty where nothing is."""
    return getattr(type(settings), "SPACE", {})


def tuned(
    job: Job[M],
    name: str,
    n_trials: int,
    value_of: Callable[[Job[M], str], float],
) -> Tuned:
    """The best settings of a model among `n_trials`; trials done before are kept.

    Args:
        value_of: fits the model of a job and gives its validation MRR.
    Raises:
        UserError: no trial came to its end.
    """
    settings, kept = job.settings[name], job.run.state / "trials" / f"{name}.json"
    trials = _kept_trials(job, kept)
    while len(trials) < n_trials:
        trial = _tried(job, name, settings, trials, value_of)
        trials.append(trial)
        if job.world.is_main:
            write_json(kept, [asdict(each) for each in trials])
    ended = [trial for trial in trials if trial.outcome == "complete"]
    if not ended:
        raise UserError(
            f"--tune {n_trials}: no trial of {name} came to its end; give it other "
            "settings to begin with, such as a smaller learning_rate, or more trials"
        )
    best = max(ended, key=lambda trial: (trial.value, -trial.number))
    return Tuned(with_settings(settings, best.values), best, trials)


def _kept_trials(job: Job[M], path: Any) -> list[Trial]:
    text = path.read_text() if job.world.is_main and path.is_file() else "[]"
    return [
        Trial(**each) for each in json.loads(job.world.broadcast_bytes(text.encode()))
    ]


def _tried(
    job: Job[M],
    name: str,
    settings: Any,
    before: list[Trial],
    value_of: Callable[[Job[M], str], float],
) -> Trial:
    """One more trial: the first takes the settings as they are."""
    number, started = len(before), time.perf_counter()
    asked = _study(job, name, space_of(settings), before)
    values = dict(asked.params) if number else {}
    epochs: list[float] = []

    def watch(value: float) -> None:
        epochs.append(value)
        asked.report(value, len(epochs))
        if number and asked.should_prune():
            raise optuna.TrialPruned

    outcome, value = "complete", None
    watched = Watched(name, f"{name}-trial", watch)
    watched.forget(job)
    try:
        own = {**job.settings, name: with_settings(settings, values)}
        value = value_of(replace(job, settings=own, watched=watched), name)
    except optuna.TrialPruned:
        outcome = "pruned"
    except (NoNumber, Diverged, ValueError):
        outcome = "diverged"
    watched.forget(job)
    seconds = time.perf_counter() - started
    return Trial(number, values, outcome, value, epochs, seconds)


def _study(
    job: Job[M], name: str, space: Space, before: list[Trial]
) -> optuna.trial.Trial:
    """The next trial, drawn from the seed and the trials before alone."""
    seed = derive(job.config.seed, "trial", name, len(before)) % 2**32
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=DRAWN_BLINDLY),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=DRAWN_BLINDLY - 1, n_warmup_steps=EPOCHS_GRANTED
        ),
    )
    drawn = {setting: _distribution(of) for setting, of in space.items()}
    for trial in before:
        if trial.outcome in STATES:
            study.add_trial(
                optuna.trial.create_trial(
                    state=STATES[trial.outcome],
                    params=trial.values,
                    distributions={name: drawn[name] for name in trial.values},
                    value=trial.value if trial.outcome == "complete" else None,
                    intermediate_values=dict(enumerate(trial.epochs, start=1)),
                )
            )
    return study.ask(fixed_distributions=drawn)


def _distribution(of: Any) -> BaseDistribution:
    if isinstance(of, OneOf):
        return CategoricalDistribution(of.values)
    return FloatDistribution(of.low, of.high, log=of.is_log)
