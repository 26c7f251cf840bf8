"""Metrics of probabilities: by hand, by definition, and their intervals by user."""

from itertools import product
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation import tracing
from training.evaluation.metrics import TRACING
from training.evaluation.probabilities import auc, calibration
from training.evaluation.tracing import metrics_of, resampled

quick = settings(max_examples=50, deadline=None)
CORRECT = [True, False, True, True, False]
PREDICTED = [0.9, 0.8, 0.6, 0.3, 0.1]


def test_metrics_by_hand():
    found = metrics_of(CORRECT, PREDICTED)
    # pairs (right, wrong): .9 beats both, .6 and .3 beat .1 only: 4 of 6
    assert found["auc"] == pytest.approx(4 / 6)
    assert found["accuracy"] == pytest.approx(3 / 5)
    losses = [-log(p) for p in (0.9, 0.2, 0.6, 0.3, 0.9)]
    assert found["log_loss"] == pytest.approx(sum(losses) / 5)
    squares = [0.1**2, 0.8**2, 0.4**2, 0.7**2, 0.1**2]
    assert found["brier"] == pytest.approx(sum(squares) / 5)
    # each prediction is a bin of its own
    assert found["ece"] == pytest.approx((0.1 + 0.8 + 0.4 + 0.7 + 0.1) / 5)


def test_calibration_by_hand():
    rows = calibration([True, False, True, True], [0.72, 0.74, 0.78, 1.0])
    assert [(row["low"], row["n"]) for row in rows] == [
        (pytest.approx(0.7), 3),
        (pytest.approx(0.9), 1),  # 1 lies in the last bin
    ]
    assert rows[0]["predicted"] == pytest.approx((0.72 + 0.74 + 0.78) / 3)
    assert rows[0]["actual"] == pytest.approx(2 / 3)


@quick
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2))
def test_auc_is_the_share_of_pairs_in_the_right_order(rows):
    correct = [right for right, _ in rows]
    predicted = [score / 4 for _, score in rows]
    pairs = [
        (p > q) + (p == q) / 2
        for (right, p), (wrong, q) in product(
            zip(correct, predicted, strict=True), repeat=2
        )
        if right and not wrong
    ]
    found = auc(correct, predicted)
    assert found == (pytest.approx(np.mean(pairs)) if pairs else None)


def test_nobody_asked_gives_no_metric_and_one_kind_of_answer_no_auc():
    assert metrics_of([], []) == dict.fromkeys(TRACING)
    found = metrics_of([True, True], [0.5, 0.6])
    assert found["auc"] is None
    assert found["accuracy"] == 1.0


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.1])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        auc([True, False], [0.5, bad])


def test_a_sure_mistake_costs_a_finite_loss():
    assert metrics_of([False], [1.0])["log_loss"] == pytest.approx(16.118, abs=1e-3)


# --- intervals -----------------------------------------------------------------


def made(n_users: int = 30, n_rows: int = 900, seed: int = 0):
    """Answers whose users differ, and the chance of each."""
    rng = np.random.default_rng(seed)
    users = rng.integers(0, n_users, n_rows)
    chance = 1 / (
        1 + np.exp(-rng.normal(size=n_users)[users] - rng.normal(size=n_rows))
    )
    return rng.random(n_rows) < chance, chance, users


def test_resamples_are_the_metrics_of_the_resampled_users():
    """Against the definition: copy each user's rows as often as drawn."""
    correct, chance, users = made()
    found = resampled(correct, {"model": chance}, users, seed=5, n_resamples=20)[
        "model"
    ]
    drawn = np.random.default_rng(5).integers(0, 30, (20, 30))
    rows = [np.flatnonzero(users == user) for user in range(30)]
    for draw, chosen in enumerate(drawn):
        copies = np.concatenate([rows[user] for user in chosen])
        expected = metrics_of(correct[copies], chance[copies])
        for metric, value in expected.items():
            # AUC comes from binned scores
            assert found.draws[metric][draw] == pytest.approx(value, abs=2e-4), metric


def test_binned_scores_hardly_change_an_auc():
    correct, chance, users = made(n_rows=5000)
    found = resampled(correct, {"model": chance}, users, seed=1)["model"]
    assert found.draws["auc"].mean() == pytest.approx(auc(correct, chance), abs=3e-3)
    low, high = found.interval("auc")
    assert low < auc(correct, chance) < high


def test_intervals_hold_the_value_and_widen_with_fewer_users():
    correct, chance, users = made(n_users=200, n_rows=4000)
    few = users < 20
    wide = resampled(correct[few], {"m": chance[few]}, users[few], seed=1)["m"]
    narrow = resampled(correct, {"m": chance}, users, seed=1)["m"]
    for metric in TRACING:
        low, high = narrow.interval(metric)
        assert low <= narrow.values[metric] <= high, metric
        assert wide.interval(metric)[1] - wide.interval(metric)[0] > high - low


def test_a_single_user_has_values_and_no_intervals():
    correct, chance, _ = made()
    found = resampled(correct, {"m": chance}, np.zeros(900), seed=1)["m"]
    assert found.values == metrics_of(correct, chance)
    assert [found.interval(metric) for metric in TRACING] == [None] * 5
    assert found.less(found, "auc") is None


def test_differences_are_taken_draw_by_draw():
    """A model a little worse everywhere is worse for sure, though intervals overlap."""
    correct, chance, users = made(n_users=60, n_rows=3000)
    rng = np.random.default_rng(3)
    noisy = np.clip(chance + rng.normal(0, 0.08, 3000), 0, 1)
    found = resampled(correct, {"a": chance, "b": noisy}, users, seed=2)
    assert found["b"].interval("auc")[1] > found["a"].interval("auc")[0]
    gap = found["b"].less(found["a"], "auc")
    assert gap["difference"] == auc(correct, noisy) - auc(correct, chance)
    assert gap["ci95"][1] < 0
    assert gap["p"] < 0.01
    assert found["a"].less(found["a"], "auc")["p"] == 1.0


def test_the_same_seed_gives_the_same_intervals_in_any_order_of_rows():
    correct, chance, users = made()
    order = np.random.default_rng(0).permutation(900)
    one = resampled(correct, {"m": chance}, users, seed=7)["m"]
    two = resampled(correct[order], {"m": chance[order]}, users[order], seed=7)["m"]
    for metric in TRACING:
        assert one.interval(metric) == pytest.approx(two.interval(metric), rel=1e-12)


def test_chunks_of_resamples_change_nothing(monkeypatch):
    correct, chance, users = made()
    whole = resampled(correct, {"m": chance}, users, seed=7, n_resamples=10)["m"]
    monkeypatch.setattr(tracing, "CELLS_AT_ONCE", 90)
    parts = resampled(correct, {"m": chance}, users, seed=7, n_resamples=10)["m"]
    for metric in TRACING:
        np.testing.assert_array_equal(parts.draws[metric], whole.draws[metric])
