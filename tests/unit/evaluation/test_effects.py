"""Estimators by hand, against DoubleML, and where they must agree or keep still."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.effects import (
    ESTIMATORS,
    Nuisances,
    Observed,
    aipw,
    clustered,
    effective_size,
    ipw,
    outcome_regression,
    raw_difference,
    standardised_differences,
    untrimmed,
    weights,
    within,
)

# two users with two trials each
SEEN = Observed(
    outcome=np.array([1.0, 0.0, 1.0, 0.0]),
    treatment=np.array([1.0, 1.0, 0.0, 0.0]),
    user=np.array(["a", "b", "a", "b"]),
)
NUISANCES = Nuisances(
    propensity=np.array([0.5, 0.8, 0.5, 0.2]),
    control=np.array([0.4, 0.2, 0.4, 0.2]),
    treated=np.array([0.6, 0.5, 0.6, 0.5]),
)


def confounded(n: int = 400, seed: int = 0) -> tuple[Observed, Nuisances]:
    """Trials whose propensities and outcomes hang on one normal cause."""
    rng = np.random.default_rng(seed)
    cause = rng.normal(size=n)
    propensity = 1 / (1 + np.exp(-cause))
    treatment = (rng.random(n) < propensity).astype(float)
    control = 1 / (1 + np.exp(-0.5 * cause))
    outcome = (rng.random(n) < 0.8 * control + 0.1 * treatment).astype(float)
    noisy = np.clip(propensity + rng.normal(0, 0.02, n), 0.05, 0.95)
    nuisances = Nuisances(noisy, 0.7 * control, 0.7 * control + 0.15)
    return Observed(outcome, treatment, np.arange(n)), nuisances


def doubleml(seen: Observed, nuisances: Nuisances, score: str):
    """DoubleML's interactive model on the same folds and nuisances, fitted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import doubleml as dml
        from doubleml.utils import DMLDummyClassifier

        n = len(seen.outcome)
        model = dml.DoubleMLIRM(
            dml.DoubleMLData.from_arrays(np.ones((n, 1)), seen.outcome, seen.treatment),
            DMLDummyClassifier(),
            DMLDummyClassifier(),
            score=score,
            draw_sample_splitting=False,
        )
        fold = np.arange(n) % 5
        model.set_sample_splitting(
            [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]
        )
        predictions = {
            "ml_m": nuisances.propensity[:, None],
            "ml_g0": nuisances.control[:, None],
            "ml_g1": nuisances.treated[:, None],
        }
        return model.fit(external_predictions={"d": predictions})


@pytest.mark.parametrize(("estimand", "score"), [("ATE", "ATE"), ("ATT", "ATTE")])
def test_aipw_is_doubleml_s_interactive_model(estimand, score):
    seen, nuisances = confounded()
    theirs = doubleml(seen, nuisances, score)
    ours = aipw(seen, nuisances, estimand)
    n = len(seen.outcome)
    assert ours.estimate == pytest.approx(theirs.coef[0], abs=1e-8)
    # theirs leaves out the factor n / (n - 1)
    assert ours.se * np.sqrt((n - 1) / n) == pytest.approx(theirs.se[0], abs=1e-8)


def test_raw_difference_by_hand():
    effect = raw_difference(SEEN)
    assert effect.estimate == 0.5 - 0.5
    # influence ±1 of each trial cancels within users
    assert effect.influence.tolist() == [1.0, -1.0, -1.0, 1.0]
    assert effect.se == 0.0


def test_every_estimator_by_hand():
    # treated weights 1 / .5, 1 / .8; control weights 1 / .5, 1 / .8
    assert ipw(SEEN, NUISANCES).estimate == pytest.approx(2 / 3.25 - 2 / 3.25)
    assert outcome_regression(SEEN, NUISANCES).estimate == pytest.approx(
        (0.2 + 0.3 + 0.2 + 0.3) / 4
    )
    scores = [
        0.2 + 0.4 / 0.5,
        0.3 - 0.5 / 0.8,
        0.2 - 0.6 / 0.5,
        0.3 + 0.2 / 0.8,
    ]
    assert aipw(SEEN, NUISANCES).estimate == pytest.approx(np.mean(scores))


def test_effects_on_the_treated_by_hand():
    assert outcome_regression(SEEN, NUISANCES, "ATT").estimate == pytest.approx(
        (0.6 - 0.2) / 2
    )
    # control weights .5 / .5 and .2 / .8
    assert ipw(SEEN, NUISANCES, "ATT").estimate == pytest.approx(0.5 - 1 / 1.25)
    residuals = (0.6 - 0.2) - (1 * 0.6 + 0.25 * -0.2)
    assert aipw(SEEN, NUISANCES, "ATT").estimate == pytest.approx(residuals / 2)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_without_confounding_every_estimator_is_the_raw_difference(seed):
    rng = np.random.default_rng(seed)
    outcome = rng.integers(0, 2, 60).astype(float)
    treatment = np.r_[np.ones(20), np.zeros(40)]
    seen = Observed(outcome, treatment, rng.integers(0, 9, 60))
    constant = Nuisances(
        np.full(60, 1 / 3),
        np.full(60, outcome[20:].mean()),
        np.full(60, outcome[:20].mean()),
    )
    raw = raw_difference(seen)
    for of in ESTIMATORS.values():
        for estimand in ("ATE", "ATT"):
            effect = of(seen, constant, estimand)
            assert effect.estimate == pytest.approx(raw.estimate)
        assert of(seen, constant, "ATE").se == pytest.approx(raw.se)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_weighted_means_stay_inside_the_range_of_the_outcome(seed):
    rng = np.random.default_rng(seed)
    seen = Observed(
        rng.random(30), np.r_[np.ones(7), np.zeros(23)], rng.integers(0, 5, 30)
    )
    wild = Nuisances(rng.uniform(0.001, 0.999, 30), rng.random(30), rng.random(30))
    for estimand in ("ATE", "ATT"):
        assert -1 <= ipw(seen, wild, estimand).estimate <= 1


def test_aipw_is_right_if_either_part_is():
    seen, _ = confounded(n=200_000, seed=1)
    rng = np.random.default_rng(1)
    cause = rng.normal(size=200_000)  # the same draw as in `confounded`
    propensity = 1 / (1 + np.exp(-cause))
    control = 0.8 / (1 + np.exp(-0.5 * cause))
    half = np.full(len(cause), 0.5)
    by_propensity = Nuisances(propensity, half, half)
    by_outcome = Nuisances(half, control, control + 0.1)
    for nuisances in (by_propensity, by_outcome):
        assert aipw(seen, nuisances).estimate == pytest.approx(0.1, abs=0.008)
    assert raw_difference(seen).estimate > 0.15


def test_more_trials_of_the_same_user_tell_nothing_new():
    seen, nuisances = confounded()
    twice = np.tile(np.arange(len(seen.outcome)), 2)
    once, repeated = (
        aipw(seen, nuisances),
        aipw(seen.take(twice), nuisances.take(twice)),
    )
    assert repeated.estimate == pytest.approx(once.estimate)
    assert repeated.se == pytest.approx(once.se)
    alone = Observed(seen.outcome[twice], seen.treatment[twice], np.arange(len(twice)))
    assert aipw(alone, nuisances.take(twice)).se < 0.75 * once.se


def test_few_users_widen_the_interval_of_every_level():
    influence = np.array([1.0, -1.0, 0.5, -0.5])
    few = clustered(0.5, influence, np.array([0, 1, 1, 2]))
    # sums by user 1, -1/2, -1/2: variance 1.5 * 3/2 / 4²
    assert few.se == pytest.approx(0.375)
    # t of 2 degrees at 0.995 and 0.95
    assert few.interval(0.99) == pytest.approx((0.5 - 3.7218, 0.5 + 3.7218), abs=1e-3)
    assert few.interval(0.90) == pytest.approx((0.5 - 1.0950, 0.5 + 1.0950), abs=1e-3)
    assert few.holds(-3, 0.99)
    assert not few.holds(-3)


def test_one_user_gives_no_interval():
    alone = Observed(SEEN.outcome, SEEN.treatment, np.zeros(4))
    effect = aipw(alone, NUISANCES)
    assert effect.as_json()["se"] is None
    assert effect.as_json()["ci95"] is None
    assert effect.holds(123.0)


def test_an_interval_holds_more_at_a_higher_level():
    seen, nuisances = confounded()
    effect = aipw(seen, nuisances)
    just_outside = effect.ci95[1] + 0.1 * effect.se
    assert not effect.holds(just_outside)
    assert effect.holds(just_outside, 0.99)
    low, high = effect.interval(0.99)
    assert (high - low) / 2 == pytest.approx(2.576 * effect.se, rel=0.01)
    assert effect.interval() == pytest.approx(effect.ci95)


def test_groups_average_to_the_whole():
    seen, nuisances = confounded()
    whole = aipw(seen, nuisances)
    is_first = np.arange(len(seen.outcome)) < 100
    first, rest = (within(whole, seen.user, rows) for rows in (is_first, ~is_first))
    assert 0.25 * first.estimate + 0.75 * rest.estimate == pytest.approx(whole.estimate)
    assert first.se > rest.se


def test_trimming_keeps_the_bounds_themselves():
    kept = untrimmed(np.array([0.0099, 0.01, 0.5, 0.99, 0.991]), 0.01)
    assert kept.tolist() == [False, True, True, True, False]


def test_effective_size_counts_equal_weights_and_discounts_others():
    assert effective_size(np.array([2.0, 2.0, 2.0, 0.0])) == pytest.approx(3)
    assert effective_size(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    assert effective_size(np.zeros(3)) == 0


def test_standardised_differences_by_hand():
    features = np.array([[1.0, 5.0], [3.0, 5.0], [0.0, 5.0], [2.0, 5.0]])
    treated, control = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])
    found = standardised_differences(features, treated, control)
    assert found.tolist() == [1.0, 0.0]  # means 2 and 1, spread 1; a constant
    # weighting moves means, not the unit they are measured in
    weighted = standardised_differences(features, np.array([3.0, 1, 0, 0]), control)
    assert weighted[0] == pytest.approx(0.5)


def test_a_constant_of_each_arm_that_differs_between_them_is_no_balance():
    treated, control = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])
    # told apart either way; all but told apart; constant up to rounding
    features = np.array(
        [
            [0.0, 7.0, 1 + 1e-6, 0.1 + 0.2],
            [0.0, 7.0, 1 - 1e-6, 0.3],
            [1.0, 3.0, 1e-6, 0.3],
            [1.0, 3.0, -1e-6, 0.3],
        ]
    )
    for on_treated in (treated, 3 * treated):
        found = standardised_differences(features, on_treated, control)
        assert found.tolist() == [-10.0, 10.0, 10.0, 0.0]


def test_weighting_by_the_propensity_balances_its_causes():
    rng = np.random.default_rng(3)
    cause = rng.normal(size=(20_000, 1))
    propensity = 1 / (1 + np.exp(-cause[:, 0]))
    treatment = (rng.random(20_000) < propensity).astype(float)
    before = standardised_differences(cause, treatment, 1 - treatment)
    after = standardised_differences(cause, *weights(treatment, propensity, "ATE"))
    assert before[0] > 0.8
    assert abs(after[0]) < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Observed(np.ones(3), np.ones(2), np.ones(3)), "one shape"),
        (lambda: Observed(np.ones(3), np.ones(3), np.ones(3)), "both must occur"),
        (
            lambda: Observed(np.array([np.nan, 1]), np.array([0.0, 1]), np.ones(2)),
            "fin",
        ),
        (lambda: Nuisances(np.array([0.0, 0.5]), np.ones(2), np.ones(2)), "0 or 1"),
        (lambda: Nuisances(np.full(2, 0.5), np.ones(2), np.full(2, np.inf)), "finite"),
    ],
)
def test_arrays_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
