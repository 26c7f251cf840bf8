"""What a user had shown before, counted in Python, and what that uncovers."""

from dataclasses import replace
from functools import partial
from math import inf, isnan, log, log1p, nan

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py.tracing.columns import ColumnsAfter, columns_of
from models_py.tracing.data import Probes, Responses
from models_py.tracing.rates import Rates
from models_py.tracing.shown import FEATURES
from tests.unit.models_py.made_answers import responses_of, skills_of
from training.errors import UserError
from training.tracing.past import recounted, require_past_only


def told_of(responses: Responses, row: int) -> dict[str, float]:
    """The features of one row, straight from their definition."""
    right, item = responses.correct.tolist(), responses.item.tolist()
    at = responses.at.tolist()
    now = at[row]

    def odds(chosen: list[int]) -> float:
        n_right = sum(right[i] for i in chosen)
        return log((n_right + 1) / (len(chosen) - n_right + 1))

    def mean_odds(lists: list[list[int]]) -> float:
        rates = [(sum(right[i] for i in s) + 1) / (len(s) + 2) for s in lists]
        rate = mean(rates) if lists else 0.5
        return log(rate / (1 - rate))

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else nan

    def since(chosen: list[int], hours: int) -> list[int]:
        return [i for i in chosen if at[i] >= now - 3600 * hours]

    same_user = (responses.user == responses.user[row]) & (
        responses.at < responses.at[row]
    )
    before = same_user.nonzero().squeeze(1).tolist()
    on_item = [i for i in before if item[i] == item[row]]
    on_skills = [
        [i for i in before if skill in skills_of(item[i])]
        for skill in skills_of(item[row])
    ]
    n_mean = partial(sum, start=0.0) if not on_skills else mean
    met = max((at[s[-1]] for s in on_skills if s), default=nan)
    latencies = responses.behaviour[before, 1].double().expm1()
    found = {
        "prior_n": log1p(len(before)),
        "prior_correct_rate": odds(before),
        **{f"last_{n}_correct_rate": odds(before[-n:]) for n in (5, 20)},
        "skill_prior_n": log1p(n_mean([len(s) for s in on_skills])),
        "skill_prior_correct_rate": mean_odds(on_skills),
        "answers_since_skill": log1p(sum(at[i] > met for i in before)),
        "seconds_since_skill": log1p(now - met),
        "item_prior_n": log1p(len(on_item)),
        "item_prior_correct_rate": odds(on_item),
        "seconds_since_previous": log1p(now - at[before[-1]]) if before else nan,
        "prior_help_rate": mean(responses.behaviour[before, 0].tolist()),
        "prior_latency_sec": log1p(mean(latencies[~latencies.isnan()].tolist())),
    }
    if isnan(met):
        found["answers_since_skill"] = nan
    for n in (3, 10):
        found[f"skill_last_{n}_correct_rate"] = mean_odds([s[-n:] for s in on_skills])
    for span, hours in {"hour": 1, "day": 24, "week": 168, "month": 720}.items():
        lately = [since(s, hours) for s in on_skills]
        n_right = [sum(right[i] for i in s) for s in lately]
        found[f"prior_{span}_n"] = log1p(len(since(before, hours)))
        found[f"skill_prior_{span}_n"] = log1p(n_mean([len(s) for s in lately]))
        found[f"skill_prior_{span}_n_correct"] = log1p(n_mean(n_right))
    return found


# seconds between answers that lie on either side of every window's edge
GAPS = st.sampled_from([0, 1, 3599, 3600, 3601, 24 * 3600, 7 * 24 * 3600 + 1])
distant = st.lists(
    st.lists(
        st.tuples(st.integers(0, 10), GAPS, st.booleans()), min_size=1, max_size=12
    ),
    min_size=1,
    max_size=3,
)


@given(distant)
def test_features_are_what_their_definition_says(answers):
    responses = responses_of(answers)
    found = recounted(responses).history.numpy()
    told = [told_of(responses, row) for row in range(len(responses))]
    expected = [[row[name] for name in FEATURES] for row in told]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@given(distant, st.randoms(use_true_random=False))
def test_a_question_nobody_was_asked_sees_what_an_answer_there_would(answers, random):
    """Asked after a row, about an item: as if the next row had been that item."""
    pauses = (1, 50, 4_000)
    longer = [
        [*rows, (random.randrange(11), random.choice(pauses), True)] for rows in answers
    ]
    after, whole = responses_of(answers), responses_of(longer)
    last = whole.user_starts[1:] - 1
    rates = Rates.among(after, 5.0)
    asked = ColumnsAfter(whole.take(_all_but(last, len(whole))), rates)
    found = asked.of(
        Probes(
            after.user_starts[1:] - 1,
            whole.at[last],
            whole.item[last],
            whole.skill_set[last],
        )
    )
    np.testing.assert_allclose(
        found, columns_of(whole, rates)[last], rtol=1e-5, atol=1e-6
    )


def _all_but(rows: torch.Tensor, n: int) -> torch.Tensor:
    kept = torch.ones(n, dtype=torch.bool)
    kept[rows] = False
    return kept


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
    column = history[:, list(FEATURES).index(feature)]
    column.copy_(column.nan_to_num(0.0) + responses.correct.float())
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
