"""Trials of settings: chosen by validation, taken up where they stood."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from models_py.meta.best import BestConfig
from models_py.recommendation.gru import GRUConfig
from models_py.space import Between, OneOf, with_settings
from training.config import TrainConfig
from training.errors import NoNumber, UserError
from training.evaluation.seed_spread import seed_spreads
from training.fit.job import Job
from training.runs import Run
from training.tuning.seeds import over_seeds
from training.tuning.trials import space_of, tuned

BEST_RATE = 5e-3


def job_in(path) -> Job:
    settings = {"gru": GRUConfig()}
    config = TrainConfig(mart="episodes_k2_q3", lineup=("gru",))
    return Job(config, settings, None, Run(path), torch.device("cpu"), progress=False)


def goodness(job: Job, name: str) -> float:
    """Best at one learning rate, whatever else is set."""
    rate = job.settings[name].optimiser.learning_rate
    value = math.exp(-abs(math.log(rate / BEST_RATE)))
    for _ in range(5):  # epochs, all alike
        job.watched.look(value)
    return value


def values_of(found) -> list:
    return [(trial.values, trial.outcome, trial.value) for trial in found.trials]


def test_the_best_trial_is_taken_and_the_first_takes_settings_as_given(tmp_path):
    found = tuned(job_in(tmp_path), "gru", 12, goodness)
    as_given = found.trials[0]
    assert (as_given.values, as_given.outcome) == ({}, "complete")
    assert as_given.value == pytest.approx(3e-3 / BEST_RATE)
    ended = [trial.value for trial in found.trials if trial.outcome == "complete"]
    assert found.best.value == max(ended) > as_given.value
    assert found.settings == with_settings(GRUConfig(), found.best.values)
    space = space_of(GRUConfig())
    for trial in found.trials[1:]:
        for name, of in space.items():
            value = trial.values[name]
            if isinstance(of, OneOf):
                assert value in of.values
            else:
                assert isinstance(of, Between) and of.low <= value <= of.high
    # those below the median of the others are given up
    assert any(trial.outcome == "pruned" for trial in found.trials)


def test_interrupted_tuning_goes_on_to_the_same_trials(tmp_path):
    whole = tuned(job_in(tmp_path / "whole"), "gru", 7, goodness)
    n_done = 0

    def stopped(job: Job, name: str) -> float:
        nonlocal n_done
        n_done += 1
        if n_done == 4:
            raise KeyboardInterrupt
        return goodness(job, name)

    with pytest.raises(KeyboardInterrupt):
        tuned(job_in(tmp_path / "cut"), "gru", 7, stopped)
    resumed = tuned(job_in(tmp_path / "cut"), "gru", 7, stopped)
    assert values_of(resumed) == values_of(whole)
    assert n_done == 8  # three trials were not done again


def test_a_trial_that_diverges_is_counted_and_not_fatal(tmp_path):
    def fragile(job: Job, name: str) -> float:
        if job.settings[name] != GRUConfig():
            raise NoNumber("loss is nan")
        return goodness(job, name)

    found = tuned(job_in(tmp_path / "one"), "gru", 3, fragile)
    assert found.settings == GRUConfig()
    assert found.as_json()["n_diverged"] == 2

    def never(job: Job, name: str) -> float:
        raise NoNumber("loss is nan")

    with pytest.raises(UserError, match="no trial of gru came to its end"):
        tuned(job_in(tmp_path / "none"), "gru", 2, never)


def test_seeds_reach_settings_but_not_those_that_name_another(tmp_path):
    job = job_in(tmp_path)
    seed = job.config.seed

    def seeds_of(one: Job, name: str) -> np.ndarray:
        return np.array([one.config.seed, one.settings[name].seed])

    own = replace(job, settings={"gru": GRUConfig(seed=seed)})
    found = over_seeds(own, 3, seeds_of)
    assert [each.tolist() for each in found["gru"]] == [[seed + n] * 2 for n in (1, 2)]
    # kept: nothing is computed again
    assert over_seeds(own, 3, lambda *_: None).keys() == found.keys()

    def seeds_of_parts(one: Job, name: str) -> np.ndarray:
        settings = one.settings[name]
        return np.array([settings.seed, settings.kinds.seed])

    parts = job_in(tmp_path / "parts")
    parts = replace(parts, settings={"gru": BestConfig()})
    assert over_seeds(parts, 2, seeds_of_parts)["gru"][0].tolist() == [seed + 1] * 2
    pinned = job_in(tmp_path / "pinned")
    pinned = replace(pinned, settings={"gru": GRUConfig(seed=7)})
    assert over_seeds(pinned, 2, seeds_of)["gru"][0].tolist() == [seed + 1, 7]


def test_the_interval_covers_users_and_seeds():
    users = np.arange(400)
    hits = (users % 2 == 0).astype(float)
    same = seed_spreads({"m": np.stack([hits, hits])}, users, seed=1)["m"]
    low, high = same["ci95"]  # users alone: 1.96 x sqrt(.25 / 400) to either side
    assert same["sd"] == 0
    assert (same["mean"] - low, high - same["mean"]) == pytest.approx(
        (0.049, 0.049), abs=0.006
    )
    moved = np.stack([np.full(400, 0.4), np.full(400, 0.6)])
    found = seed_spreads({"m": moved}, users, seed=1)["m"]
    # seeds alone: t(1) = 12.706, sd .1414, two of them
    assert found["sd"] == pytest.approx(0.1414, abs=1e-4)
    assert found["ci95"][1] - 0.5 == pytest.approx(12.706 * 0.1, abs=1e-3)
    (one,) = seed_spreads({"m": hits[None]}, users, seed=1).values()
    assert (one["sd"], one["ci95"]) == (None, None)
