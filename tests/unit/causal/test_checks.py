"""Checks pass on sound data and fail where they should."""

from dataclasses import replace

import numpy as np
import pytest

from models_py.causal import summary
from tests.unit.causal.made_trials import simulated
from training.causal import checks
from training.causal.crossfit import (
    held_out_users,
    quick_cross_fit,
    require_both_arms,
)
from training.causal.effects import Estimates, balance, estimate, observed, subgroups
from training.causal.marts import TrialTable
from training.errors import UserError
from training.evaluation.effects import Nuisances


def estimates_of(table: TrialTable) -> Estimates:
    nuisances = Nuisances(*quick_cross_fit(table.trials, table.fold).T)
    return estimate(observed(table), nuisances, 0.001)


@pytest.fixture(scope="module")
def sound() -> tuple[TrialTable, Estimates]:
    """All that moves clicks and purchases stands in the counts of the history."""
    table = simulated(1200, 11, order_weight=0.0)
    return table, estimates_of(table)


@pytest.fixture(scope="module")
def hidden() -> tuple[TrialTable, Estimates]:
    """A trait of the user that no event shows moves clicks and purchases."""
    table = simulated(1200, 11, order_weight=0.0, unmeasured=1.0)
    return table, estimates_of(table)


@pytest.mark.parametrize("column", ["bought_before", "bought_other"])
def test_placebos_pass_on_sound_data_and_fail_with_a_hidden_cause(
    sound, hidden, column
):
    for (table, found), passes in ((sound, True), (hidden, False)):
        check = checks.no_effect_on(
            table,
            found,
            getattr(table, column),
            "purchases",
            may_lower=column == "bought_other",
        )
        assert check["passed"] is passes
        assert ("It should" in check["words"]) is not passes
        assert check["ci95"][0] < check["estimate"] < check["ci95"][1]


def test_a_click_may_keep_people_from_buying_another_product_first(sound):
    table, found = sound
    draw = np.random.default_rng(4).random(len(table))
    fewer = (draw < np.where(found.seen.treatment == 1, 0.1, 0.5)).astype(float)
    check = checks.no_effect_on(table, found, fewer, "purchases", may_lower=True)
    assert check["passed"]
    assert check["ci95"][1] < 0
    assert "first lowers it." in check["words"]
    assert not checks.no_effect_on(table, found, fewer, "purchases")["passed"]


def test_only_the_negative_control_may_be_lowered():
    table = simulated(200, 11, order_weight=0.0)
    fewer = 1 - table.trials.treatment.numpy()
    fewer[::7] = 1 - fewer[::7]  # either outcome occurs in either arm
    table = replace(table, bought_before=fewer, bought_other=fewer)
    found = estimates_of(table)
    imbalance = balance(summary.features(table.trials), found)
    made = checks.all_checks(table, found, imbalance, 0.0, 1)
    assert made["pre_index_outcome"]["passed"] is False
    assert made["negative_control_product"]["passed"] is True


def test_trials_of_one_fold_make_no_placebo(sound):
    table, found = sound
    rows = np.flatnonzero(table.fold == 0)
    kept = Estimates(
        found.kept, found.seen.take(rows), found.nuisances.take(rows), found.effects
    )
    of_one_fold = table.take(rows)
    check = checks.no_effect_on(of_one_fold, kept, of_one_fold.bought_before, "bought")
    assert check["passed"] is None
    assert check["words"].startswith("Could not be made: the trials left are of")


def test_trials_of_one_user_make_no_check_of_unseen_causes(sound):
    _, found = sound
    nobody_else = np.zeros(len(found.seen.user))
    seen = replace(found.seen, user=nobody_else)
    alone = estimate(seen, found.nuisances, 0.001)
    for made in (checks.e_value_check(alone), checks.unseen_confounder(alone)):
        assert made["passed"] is None
        assert "of one user" in made["words"]


def test_the_hidden_cause_biases_the_effect_itself(hidden):
    _, found = hidden
    low, _ = found.main.ci95
    assert low > 0.13  # the truth is 0.09


def test_too_few_outcomes_make_no_placebo(sound):
    table, found = sound
    rare = np.zeros(len(table))
    rare[:3] = 1
    check = checks.no_effect_on(table, found, rare, "purchases last year")
    assert check["passed"] is None
    assert check["words"] == "Could not be made: too few purchases last year."


def test_clicks_dealt_out_at_random_do_nothing():
    table = simulated(200, 11, order_weight=0.0)
    check = checks.permuted_treatment(table, seed=1)
    assert check["passed"]
    assert abs(check["mean_estimate"]) < 0.03
    assert check["n_allowed"] == 4  # 99th percentile of 20 tosses at 5%
    assert checks.permuted_treatment(table, seed=1) == check


def test_of_many_trials_whole_users_are_permuted(monkeypatch):
    table = simulated(200, 11, order_weight=0.0)
    monkeypatch.setattr(checks, "PERMUTED_TRIALS", 300)
    fit, seen = checks.quick_cross_fit, []

    def watched(trials, fold):
        seen.append(trials)
        return fit(trials, fold)

    monkeypatch.setattr(checks, "quick_cross_fit", watched)
    checks.permuted_treatment(table, seed=0)
    some = seen[0]
    assert 250 < len(some) <= 300
    users = set(some.user.tolist())
    assert sum(u in users for u in table.trials.user.tolist()) == len(some)


def test_balance_fails_where_weights_do_nothing(sound):
    table, found = sound
    features = summary.features(table.trials)
    good = checks.balance_holds(balance(features, found))
    assert good["passed"]
    assert good["worst_difference"] < 0.1
    constant = Nuisances(
        np.full(len(table), found.seen.treatment.mean()),
        found.nuisances.control,
        found.nuisances.treated,
    )
    unweighted = estimate(observed(table), constant, 0.001)
    bad = checks.balance_holds(balance(features, unweighted))
    assert not bad["passed"]
    assert bad["worst_difference"] > 0.15
    assert "not alike" in bad["words"]


def test_a_feature_that_separates_the_arms_is_not_balanced(sound):
    _, found = sound
    told_apart = np.zeros((len(found.seen.user), len(summary.FEATURES)))
    told_apart[:, 2] = found.seen.treatment
    check = checks.balance_holds(balance(told_apart, found))
    assert check["passed"] is False
    assert check["worst"] == summary.FEATURES[2]
    assert "by 10 standard deviations or more." in check["words"]


def test_overlap_fails_with_few_equal_trials_or_much_trimming(sound):
    _, found = sound
    assert checks.overlap_holds(found, 0.0)["passed"]
    assert not checks.overlap_holds(found, 0.2)["passed"]
    extreme = found.nuisances.propensity.copy()
    extreme[np.flatnonzero(found.seen.treatment == 1)[:3]] = 1e-4
    spoiled = estimate(
        found.seen,
        Nuisances(extreme, found.nuisances.control, found.nuisances.treated),
        1e-5,
    )
    check = checks.overlap_holds(spoiled, 0.0)
    assert not check["passed"]
    assert check["smallest_effective_n"] < 10


def test_a_strong_effect_needs_a_strong_cause_to_be_explained_away(sound):
    _, found = sound
    e_value = checks.e_value_check(found)
    assert e_value["e_value"] > e_value["e_value_ci95"] > 1
    curve = checks.unseen_confounder(found)
    assert 0 < curve["robustness_value_ci95"] < curve["robustness_value"]


def test_no_effect_has_nothing_to_explain_away():
    table = simulated(300, 2, order_weight=0.0, effect=0.0, effect_slope=0.0)
    found = estimates_of(table)
    assert found.main.holds(0.0)
    e_value = checks.e_value_check(found)
    assert e_value["passed"]
    assert e_value["e_value_ci95"] == 1
    assert "nothing to explain away" in e_value["words"]
    assert "cannot be told from none" in checks.unseen_confounder(found)["words"]


def test_groups_of_a_kind_share_out_the_trials(sound):
    table, found = sound
    for kind, rows in subgroups(table.trials, found).items():
        assert sum(row["n_trials"] for row in rows) == len(table), kind
        for row in rows:
            assert ("estimate" in row) == (
                min(row["n_treated"], row["n_trials"] - row["n_treated"]) >= 30
            )


def test_held_out_users_are_whole_and_about_a_seventh():
    user = simulated().trials.user
    is_held = held_out_users(user, seed=4)
    assert set(user[is_held].tolist()).isdisjoint(user[~is_held].tolist())
    assert 0.1 < user[is_held].unique().numel() / user.unique().numel() < 0.2
    assert is_held.equal(held_out_users(user, seed=4))


@pytest.mark.parametrize(
    ("treatment", "fold", "message"),
    [
        ([1, 0, 0, 0], [0, 0, 1, 1], "without fold 0 there is no clicked trial"),
        ([1, 1, 0, 1], [0, 0, 1, 1], "without fold 1 there is no unclicked trial"),
        ([1, 0], [3, 3], "all trials are of fold 3"),
    ],
)
def test_folds_without_an_arm_are_refused(treatment, fold, message):
    with pytest.raises(UserError, match=message):
        require_both_arms(np.array(treatment, float), np.array(fold))
