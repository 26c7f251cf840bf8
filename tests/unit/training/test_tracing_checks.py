"""The checks that stop a run: each sound model passes, each leak is named."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from models_py.tracing.data import Responses
from tests.unit.models_py.made_answers import responses_of, simulated
from training.errors import UserError
from training.tracing import checks
from training.tracing.checks import require_chance_level, require_sound

DATA = simulated(n_users=15).responses


@dataclass(frozen=True)
class Reads:
    """Predicts from the answer that many rows ahead, whoever gave it and when."""

    ahead: int

    def predict(self, responses: Responses) -> Tensor:
        return responses.correct.float().roll(-self.ahead) * 0.8 + 0.1


class ReadsTheRowBefore:
    """The user's row before, though it be of the same second."""

    def predict(self, responses: Responses) -> Tensor:
        is_first = torch.zeros(len(responses), dtype=torch.bool)
        is_first[responses.user_starts[:-1]] = True
        return torch.where(is_first, 0.5, Reads(-1).predict(responses))


class ReadsTheRowAfter:
    """The user's next row of the same second, and nothing of later ones."""

    def predict(self, responses: Responses) -> Tensor:
        is_twin = torch.zeros(len(responses), dtype=torch.bool)
        is_twin[:-1] = (responses.at.diff() == 0) & (responses.user.diff() == 0)
        return torch.where(is_twin, Reads(1).predict(responses), 0.5)


class ReadsNothing:
    """Knows items only."""

    def predict(self, responses: Responses) -> Tensor:
        return responses.item / 100


class ReadsEarlierSeconds:
    """Share of right answers in earlier seconds, as an honest model may."""

    def predict(self, responses: Responses) -> Tensor:
        same = responses.user[:, None] == responses.user
        earlier = same & (responses.at < responses.at[:, None])
        right = (earlier & responses.correct).sum(1)
        return (right + 1) / (earlier.sum(1) + 2)


@pytest.mark.parametrize("model", [ReadsNothing(), ReadsEarlierSeconds()])
def test_a_sound_model_passes(model):
    found = require_sound("sound", model, DATA)
    assert list(found.values()) == [0.0] * 3
    assert len(found) == 3


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (Reads(0), "the answer itself"),
        (Reads(1), "a later response"),
        (ReadsTheRowBefore(), "another row of the same response"),
        (ReadsTheRowAfter(), "another row of the same response"),
    ],
)
def test_a_leak_is_named(model, what):
    with pytest.raises(UserError, match=f"model leaky is broken: .* {what} changes"):
        require_sound("leaky", model, DATA)


def test_a_model_that_gives_no_number_is_no_sound_one():
    class NoNumber:
        def predict(self, responses: Responses) -> Tensor:
            return torch.full((len(responses),), torch.nan)

    with pytest.raises(UserError, match="broken"):
        require_sound("nan", NoNumber(), DATA)


def test_users_of_one_response_can_be_checked():
    few = responses_of([[(1, 0, True)], [(2, 0, False)]])
    assert set(require_sound("sound", ReadsEarlierSeconds(), few).values()) == {0.0}


def test_a_coin_cannot_be_predicted():
    predicted = np.random.default_rng(0).random(800)
    found = require_chance_level({"m": predicted}, seed=3)
    assert abs(found["m"]["auc"] - 0.5) < 4 * found["m"]["standard_error"]


def test_predictions_that_know_the_coins_stop_the_run():
    coins = np.random.default_rng(3).random(800) < 0.5  # those the check draws
    with pytest.raises(UserError, match=r"evaluation is broken: m has an AUC"):
        require_chance_level({"m": coins * 0.2 + 0.4}, seed=3)


def test_an_evaluation_that_is_off_stops_the_run(monkeypatch):
    monkeypatch.setattr(checks, "auc", lambda correct, predicted: 0.8)
    predicted = np.random.default_rng(0).random(100)
    with pytest.raises(UserError, match=r"evaluation is broken: m has an AUC of 0\.8"):
        require_chance_level({"m": predicted}, seed=3)


def test_equal_predictions_are_at_chance_level():
    found = require_chance_level({"m": np.full(800, 0.5)}, seed=3)
    assert found["m"] == {"auc": 0.5, "standard_error": 0.0}


@pytest.mark.parametrize("n_answers", range(1, 21))
def test_few_test_answers_stop_no_sound_run(n_answers):
    """With so few an AUC of 0 or 1 is luck: nothing is said of them."""
    predicted = np.linspace(0.1, 0.9, n_answers)
    for seed in range(100):
        assert require_chance_level({"m": predicted}, seed=seed) == {}


@pytest.mark.parametrize("n_levels", [2, 5, 1000])
def test_the_spread_is_that_of_the_auc_over_many_coins(n_levels):
    rng = np.random.default_rng(1)
    predicted = rng.integers(0, n_levels, 60) / n_levels
    coins = np.random.default_rng(3).random(60) < 0.5  # those the check draws
    drawn = [checks.auc(rng.permutation(coins), predicted) for _ in range(4000)]
    expected = require_chance_level({"m": predicted}, seed=3)["m"]["standard_error"]
    # the standard error of a standard deviation of 4,000 draws is about 1%
    assert np.std(drawn) == pytest.approx(expected, rel=0.05)
