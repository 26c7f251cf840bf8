"""Bootstrap and sign flips against slow references and known coverage."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from training.evaluation.intervals import (
    Comparison,
    bootstrap_intervals,
    paired_comparisons,
    repeated_splits_interval,
)


def queries_of(n_users: int, seed: int, spread: float = 0.2):
    """Hits of users who differ in ability and in how much they ask."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), rng.integers(1, 12, n_users))
    ability = np.clip(0.4 + spread * rng.standard_normal(n_users), 0, 1)
    return (rng.random(len(users)) < ability[users]).astype(float), users


def slow_bootstrap(values, users, n_resamples: int, seed: int) -> np.ndarray:
    """Means with whole users drawn anew, one loop a resample: (n_resamples,)."""
    rng = np.random.default_rng(seed)
    by_user = [values[users == user] for user in np.unique(users)]
    means = []
    for _ in range(n_resamples):
        drawn = rng.choice(len(by_user), len(by_user))
        means.append(np.concatenate([by_user[user] for user in drawn]).mean())
    return np.array(means)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=1, max_size=40))
@settings(max_examples=50)
def test_interval_holds_the_estimate(rows):
    users, values = (np.array(column) for column in zip(*rows, strict=True))
    interval = bootstrap_intervals({"m": values}, users, seed=1, n_resamples=400)["m"]
    if len(set(users)) < 2:
        assert interval is None
        return
    low, high = interval
    assert -1e-12 <= low <= high <= 1 + 1e-12
    # with the smallest data the resampled means take few values only, so the
    # bound may be the estimate itself
    assert low <= values.mean() + 1e-9
    assert values.mean() - 1e-9 <= high


def test_same_distribution_as_the_slow_bootstrap():
    values, users = queries_of(n_users=60, seed=3)
    low, high = bootstrap_intervals({"m": values}, users, seed=5, n_resamples=4000)["m"]
    slow = slow_bootstrap(values, users, n_resamples=4000, seed=6)
    # two independent quantile estimates: far below the width of the interval
    np.testing.assert_allclose(
        [low, high], np.quantile(slow, [0.025, 0.975]), atol=0.08 * (high - low)
    )


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        values, users = queries_of(n_users=80, seed=seed)
        low, high = bootstrap_intervals(
            {"m": values}, users, seed=seed, n_resamples=400
        )["m"]
        covered += low <= 0.4037 <= high  # mean of the clipped normal ability
    assert 180 <= covered <= 198


def test_seed_decides_and_other_entries_or_row_order_do_not():
    values, users = queries_of(n_users=30, seed=1)
    alone = bootstrap_intervals({"m": values}, users, seed=4)
    assert bootstrap_intervals({"m": values}, users, seed=4) == alone
    assert bootstrap_intervals({"m": values}, users, seed=5) != alone
    with_another = bootstrap_intervals({"o": 1 - values, "m": values}, users, seed=4)
    assert with_another["m"] == alone["m"]
    order = np.random.default_rng(0).permutation(len(users))
    names = np.array([f"u{user:03}" for user in users])  # the same order as text
    moved = bootstrap_intervals({"m": values[order]}, names[order], seed=4)
    assert moved["m"] == pytest.approx(alone["m"])


def test_batches_do_not_change_the_interval(monkeypatch):
    values, users = queries_of(n_users=30, seed=2)
    whole = bootstrap_intervals({"m": values}, users, seed=4)
    p_value = paired_comparisons({"m": values}, {"m": values[::-1]}, users, seed=4)
    monkeypatch.setattr("training.evaluation.intervals._CELLS_AT_ONCE", 1000)
    assert bootstrap_intervals({"m": values}, users, seed=4) == whole
    again = paired_comparisons({"m": values}, {"m": values[::-1]}, users, seed=4)
    assert again["m"].ci95 == p_value["m"].ci95


def test_nothing_asked_for_and_one_user():
    assert bootstrap_intervals({}, [], seed=1) == {}
    assert paired_comparisons({}, {}, [], seed=1) == {}
    assert bootstrap_intervals({"m": [0.0, 1.0]}, ["a", "a"], seed=1) == {"m": None}
    alone = paired_comparisons({"m": [1.0, 1.0]}, {"m": [0, 0]}, ["a", "a"], seed=1)
    assert alone["m"] == Comparison(1.0, None, 1.0)


@pytest.mark.parametrize(
    ("values", "users", "message"),
    [
        ([], [], "shape"),
        ([1.0], ["a", "b"], "shape"),
        ([1.0, np.nan], ["a", "b"], "not finite"),
    ],
)
def test_impossible_values_are_refused(values, users, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_intervals({"m": values}, users, seed=1)


def test_missing_reference_is_refused():
    with pytest.raises(ValueError, match="no reference values for 'm'"):
        paired_comparisons({"m": [1.0]}, {"n": [1.0]}, ["a"], seed=1)


def test_difference_by_hand():
    """Users weigh by their queries: (1 + 1 + 1 + 0 - 0) / 5."""
    compared = paired_comparisons(
        {"m": [1.0, 1.0, 1.0, 0.0, 0.0]},
        {"m": [0.0, 0.0, 0.0, 0.0, 0.0]},
        ["a", "a", "b", "b", "c"],
        seed=1,
    )["m"]
    assert compared.difference == pytest.approx(0.6)
    low, high = compared.ci95
    assert low == pytest.approx(0.0)
    assert high == pytest.approx(1.0)
    # sums are +-2 +-1 +-0: 4 of the 8 flips reach |3|
    assert compared.p == 0.5
    assert compared.as_json() == {
        "difference": compared.difference,
        "ci95": compared.ci95,
        "p": 0.5,
    }


def test_few_users_are_enumerated_as_scipy_does():
    rng = np.random.default_rng(8)
    gaps = rng.standard_normal(9) + 0.5
    ours = paired_comparisons({"m": gaps}, {"m": 0 * gaps}, np.arange(9), seed=1)
    flips = np.array(list(itertools.product([-1, 1], repeat=9)))
    by_hand = (np.abs(flips @ gaps) >= abs(gaps.sum()) - 1e-12).mean()
    reference = stats.permutation_test(
        (gaps,), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert ours["m"].p == pytest.approx(by_hand)
    assert ours["m"].p == pytest.approx(reference.pvalue)


def test_many_users_agree_with_scipy_up_to_the_draw():
    values, users = queries_of(n_users=200, seed=9)
    other = values[::-1] + 0.03
    ours = paired_comparisons({"m": values}, {"m": other}, users, seed=1)["m"]
    gaps = np.bincount(users, values - other)
    reference = stats.permutation_test(
        (gaps,),
        lambda gap, axis: gap.sum(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=4000,
        rng=np.random.default_rng(1),
    )
    assert 0.05 < ours.p < 0.95
    assert ours.p == pytest.approx(reference.pvalue, abs=0.05)


def test_p_is_symmetric_and_one_without_a_difference():
    values, users = queries_of(n_users=40, seed=1)
    other, _ = queries_of(n_users=40, seed=1, spread=0.0)
    ahead = paired_comparisons({"m": values}, {"m": other}, users, seed=1)["m"]
    behind = paired_comparisons({"m": other}, {"m": values}, users, seed=1)["m"]
    assert behind.difference == -ahead.difference
    assert behind.p == ahead.p
    np.testing.assert_allclose(behind.ci95, [-bound for bound in ahead.ci95[::-1]])
    same = paired_comparisons({"m": values}, {"m": values}, users, seed=1)["m"]
    assert (same.difference, same.ci95, same.p) == (0.0, (0.0, 0.0), 1.0)


def test_p_is_fair_under_no_difference_and_never_zero():
    rng = np.random.default_rng(5)
    users = np.arange(50)
    names = range(300)
    left = {name: rng.random(50) for name in names}
    right = {name: rng.random(50) for name in names}
    compared = paired_comparisons(left, right, users, seed=1, n_resamples=500)
    small = sum(comparison.p < 0.05 for comparison in compared.values())
    assert 3 <= small <= 30  # 15 expected
    clear = paired_comparisons({"m": np.ones(50)}, {"m": np.zeros(50)}, users, seed=1)
    assert 0 < clear["m"].p < 0.001


def test_repeated_splits_are_wider_than_independent_samples():
    """By hand: mean 2, s = 1, n = 3; t of 2 degrees of freedom at 97.5% is 4.3027."""
    low, high = repeated_splits_interval([1.0, 2.0, 3.0], test_to_train=0.25)
    reach = 4.302653 * np.sqrt(1 / 3 + 0.25)
    assert (low, high) == pytest.approx((2 - reach, 2 + reach))
