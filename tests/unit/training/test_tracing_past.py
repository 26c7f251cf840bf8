"""What a user had shown before, counted in Python, and what that uncovers."""

from dataclasses import replace
from math import inf, log, log1p, nan

import numpy as np
import pytest
import torch
from hypothesis import given

from models_py.tracing.data import Responses
from tests.unit.models_py.made_answers import responses_of, skills_of, users
from training.errors import UserError
from training.tracing.marts import FEATURES
from training.tracing.past import recounted, require_past_only


def told_of(responses: Responses, row: int) -> list[float]:
    """The features of one row, straight from their definition."""

    def rate(chosen: list[int]) -> float:
        return (sum(right[i] for i in chosen) + 1) / (len(chosen) + 2)

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else nan

    right, item = responses.correct.tolist(), responses.item.tolist()
    same_user = (responses.user == responses.user[row]) & (
        responses.at < responses.at[row]
    )
    before = same_user.nonzero().squeeze(1).tolist()
    on_item = [i for i in before if item[i] == item[row]]
    on_skills = [
        [i for i in before if skill in skills_of(item[i])]
        for skill in skills_of(item[row])
    ]
    latencies = responses.behaviour[before, 1].double().expm1()
    last = int(responses.at[before].max()) if before else nan
    odds = [rate(before), mean([rate(s) for s in on_skills]), rate(on_item)]
    odds[1] = odds[1] if on_skills else 0.5
    odds = [log(p / (1 - p)) for p in odds]
    n_skills = mean([float(len(s)) for s in on_skills]) if on_skills else 0.0
    return [
        *(log1p(len(before)), odds[0], log1p(n_skills), odds[1]),
        *(log1p(len(on_item)), odds[2], log1p(int(responses.at[row]) - last)),
        mean(responses.behaviour[before, 0].tolist()),
        log1p(mean(latencies[~latencies.isnan()].tolist())),
    ]


@given(users)
def test_features_are_what_their_definition_says(answers):
    responses = responses_of(answers)
    found = recounted(responses).history.numpy()
    expected = [told_of(responses, row) for row in range(len(responses))]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_past_by_hand():
    """Items 3 (skills 0 and 3) and 4 (skill 0); the last two in one second."""
    responses = recounted(
        responses_of([[(3, 0, True), (4, 9, False), (3, 5, True), (3, 0, False)]])
    )
    history = responses.history.double()
    columns = dict(zip(FEATURES, history.T.tolist(), strict=True))
    assert np.exp(columns["prior_n"]) - 1 == pytest.approx([0, 1, 2, 2])
    rates = 1 / (1 + np.exp(-np.array(columns["prior_correct_rate"])))
    assert rates == pytest.approx([1 / 2, 2 / 3, 2 / 4, 2 / 4])
    # skill 0 was met twice, once right; skill 3 once, right
    skills = 1 / (1 + np.exp(-np.array(columns["skill_prior_correct_rate"])))
    assert skills[2] == pytest.approx((2 / 4 + 2 / 3) / 2)
    gaps = np.exp(columns["seconds_since_previous"]) - 1
    assert gaps[1:] == pytest.approx([9, 5, 5])
    assert np.isnan(gaps[0])


def leaking(responses: Responses, feature: str) -> Responses:
    """A feature that knows the answer."""
    history = responses.history.clone()
    history[:, list(FEATURES).index(feature)] += responses.correct.float()
    return replace(responses, history=history)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_that_knows_the_answer_is_named(feature):
    sound = recounted(responses_of([[(1, 0, True), (2, 7, True), (1, 3, False)]]))
    require_past_only(sound)
    with pytest.raises(UserError, match=f"response_features is broken: {feature} of"):
        require_past_only(leaking(sound, feature))


def test_an_infinite_feature_is_no_sound_one():
    sound = recounted(responses_of([[(1, 0, True), (2, 7, True)]]))
    broken = replace(sound, history=torch.full_like(sound.history, inf))
    with pytest.raises(UserError, match="response_features is broken"):
        require_past_only(broken)
