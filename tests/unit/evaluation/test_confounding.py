"""E-values of the paper, and bounds that an unseen cause can reach."""

import numpy as np
import pytest

from tests.unit.evaluation.test_effects import (
    NUISANCES,
    SEEN,
    confounded,
    doubleml,
)
from training.evaluation.confounding import (
    RiskRatio,
    e_value,
    e_value_of_interval,
    risk_ratio,
    sensitivity,
)
from training.evaluation.effects import Effect, Nuisances, Observed, aipw


def test_e_values_of_the_paper_s_example():
    """VanderWeele and Ding: risk ratio 3.9, 95% interval 1.8 to 8.7."""
    example = RiskRatio(0.39, 0.10, 3.9, (1.8, 8.7))
    assert e_value(example.ratio) == pytest.approx(7.26, abs=0.005)
    assert e_value_of_interval(example) == pytest.approx(3.0, abs=0.005)


def test_a_preventive_effect_is_as_strong_as_its_inverse():
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value_of_interval(RiskRatio(0.1, 0.4, 0.25, (0.2, 0.5))) == pytest.approx(
        e_value(2.0)
    )


def test_an_interval_that_holds_one_needs_no_explanation():
    assert e_value_of_interval(RiskRatio(0.11, 0.1, 1.1, (0.9, 1.4))) == 1.0
    assert e_value_of_interval(RiskRatio(0.2, 0.1, 2.0, None)) == 1.0
    assert e_value(1.0) == 1.0


def test_risk_ratio_is_that_of_the_adjusted_means():
    seen, nuisances = confounded(n=4000)
    found = risk_ratio(seen, nuisances)
    assert found.treated - found.control == pytest.approx(
        aipw(seen, nuisances).estimate
    )
    assert found.ratio == pytest.approx(found.treated / found.control)
    assert found.ci95[0] < found.ratio < found.ci95[1]


def test_no_ratio_where_nobody_buys():
    seen = Observed(np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 0, 0]), np.arange(4))
    nuisances = Nuisances(np.full(4, 0.5), np.zeros(4), np.full(4, 0.5))
    assert risk_ratio(seen, nuisances) is None


def test_robustness_is_the_strength_whose_bias_is_the_effect():
    seen, nuisances = confounded(n=4000)
    effect = aipw(seen, nuisances)
    curve = sensitivity(effect, seen, nuisances)
    at = curve.robustness
    scale = curve.bias[5] * np.sqrt(1 - curve.strength[5]) / curve.strength[5]
    assert scale * at / np.sqrt(1 - at) == pytest.approx(abs(effect.estimate))
    assert 0 < curve.robustness_of_interval < curve.robustness < 1
    assert curve.bias[0] == 0
    assert (np.diff(curve.bias) > 0).all()


def test_nothing_is_robust_about_an_effect_that_may_be_none():
    seen, nuisances = confounded(n=100)
    effect = aipw(seen, nuisances)
    assert effect.holds(0.0)
    assert sensitivity(effect, seen, nuisances).robustness_of_interval == 0


def test_few_users_leave_an_effect_in_doubt_that_many_would_not():
    """Three users, t of 2 degrees: 4.303 standard errors, not 1.96."""
    few = Effect(1.0, 0.375, 2, np.zeros(4))
    curve = sensitivity(few, SEEN, NUISANCES)
    assert curve.robustness_of_interval == 0
    assert curve.as_json(few)["high_ci95"][0] == pytest.approx(2.6136, abs=1e-3)
    assert curve.as_json(few)["low_ci95"][0] == pytest.approx(-0.6136, abs=1e-3)
    many = Effect(1.0, 0.375, 1000, np.zeros(4))
    assert sensitivity(many, SEEN, NUISANCES).robustness_of_interval > 0


def test_the_bounds_are_doubleml_s_where_the_propensities_are_right():
    """They estimate the weights' second moment in another way, equal in the mean."""
    rng = np.random.default_rng(5)
    seen, noisy = confounded(n=20_000, seed=5)
    cause = rng.normal(size=20_000)
    nuisances = Nuisances(1 / (1 + np.exp(-cause)), noisy.control, noisy.treated)
    theirs = doubleml(seen, nuisances, "ATE")
    theirs.sensitivity_analysis(cf_y=0.03, cf_d=0.03, rho=1.0)
    ours = sensitivity(aipw(seen, nuisances), seen, nuisances)
    (place,) = np.flatnonzero(ours.strength == 0.03)
    bias = theirs.coef[0] - theirs.sensitivity_params["theta"]["lower"][0]
    assert ours.bias[place] == pytest.approx(bias, rel=0.03)
    assert ours.robustness == pytest.approx(
        theirs.sensitivity_params["rv"][0], rel=0.03
    )


def test_the_curve_in_plain_values():
    seen, nuisances = confounded()
    effect = aipw(seen, nuisances)
    curve = sensitivity(effect, seen, nuisances).as_json(effect)
    assert curve["low"][0] == curve["high"][0] == effect.estimate
    assert curve["high_ci95"][0] == pytest.approx(effect.ci95[1])
    assert len(curve["strength"]) == len(curve["low_ci95"])
