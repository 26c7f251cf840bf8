"""What lists favour: values by hand, a slow reference, and intervals that hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from training.evaluation.intervals import spread_intervals
from training.evaluation.lists import fifth_of
from training.evaluation.metrics import LISTED, LISTS, SPREAD

# ten items: 16 train events of item 3, 8 of item 0, 4 of items 1 and 2, nothing else
ENDS = np.array(
    [[1.0, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]]
)  # one alone lists item 1
COUNTS = np.array([8, 4, 4, 16, 0, 0, 0, 0, 0, 0])


def times_listed(lists: np.ndarray, n_items: int) -> np.ndarray:
    return np.bincount(lists[lists >= 0], minlength=n_items).astype(float)


def test_values_by_hand():
    lists = np.array([[3, 0], [3, 1], [4, -1]])
    novelty, popularity, long_tail = (of(lists, COUNTS) for of in LISTED.values())
    # shares 1/2, 1/4, 1/8; item 4 counts as if it had one of 32 events
    assert novelty.tolist() == [1.5, 2.0, 5.0]
    # places 9.5, 8.5, 7 (of two equals) and 3 (of six) of ten
    assert popularity == pytest.approx([0.9, 0.825, 0.3])
    # items 3 and 0 are the fifth of ten items that is no tail
    assert long_tail.tolist() == [0.0, 0.5, 1.0]
    times = times_listed(lists, 10)
    assert SPREAD["coverage@10"](times) == 0.4
    # 1, 1, 1, 2 behind six zeros: (3 + 5 + 7 + 2 * 9) / (10 * 5)
    assert SPREAD["gini@10"](times) == pytest.approx(0.66)
    assert list(LISTS) == [*SPREAD, *LISTED]


def test_fifths_hold_as_many_items_each_and_ties_go_by_id():
    assert fifth_of(COUNTS).tolist() == [0, 1, 1, 0, 2, 2, 3, 3, 4, 4]
    assert fifth_of(np.array([1, 2, 3])).tolist() == [3, 1, 0]


def test_values_at_the_ends():
    """All items alike, one item only, nothing listed."""
    alike = np.arange(10)[None]
    assert SPREAD["gini@10"](np.ones(10)) == 0
    assert SPREAD["gini@10"](np.array([0, 0, 0, 7.0])) == pytest.approx(3 / 4)
    assert LISTED["popularity@10"](alike, COUNTS) == pytest.approx([0.5])
    assert LISTED["long_tail@10"](alike, COUNTS) == pytest.approx([0.8])
    assert SPREAD["coverage@10"](np.zeros((2, 4))).tolist() == [0, 0]
    assert SPREAD["gini@10"](np.zeros((2, 4))).tolist() == [0, 0]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_gini_is_half_the_mean_difference_over_the_mean(times):
    x = np.array(times, dtype=float)
    gaps = np.abs(x[:, None] - x[None]).mean()
    expected = gaps / (2 * x.mean()) if x.any() else 0.0
    assert SPREAD["gini@10"](x) == pytest.approx(expected)


def test_no_value_depends_on_the_order_of_items():
    rng = np.random.default_rng(0)
    counts = rng.permutation(20)  # all distinct
    lists = np.stack([rng.permutation(20)[:10] for _ in range(5)])
    other = rng.permutation(20)
    renamed = np.empty(20, np.int64)
    renamed[other] = counts
    for of in LISTED.values():
        assert of(other[lists], renamed) == pytest.approx(of(lists, counts))


def test_intervals_hold_what_as_many_users_list_on_average():
    """Which a bootstrap's do not: it has fewer different users than the sample."""
    rng = np.random.default_rng(1)
    chance = 0.9 ** np.arange(60)
    chance /= chance.sum()

    def drawn(n_users: int = 60) -> np.ndarray:
        return rng.multinomial(3, chance, n_users).astype(float)

    many = np.stack([drawn().sum(0) for _ in range(2000)])
    expected = {name: of(many).mean() for name, of in SPREAD.items()}
    held, widths = dict.fromkeys(SPREAD, 0), dict.fromkeys(SPREAD, 0.0)
    for _ in range(200):
        found = spread_intervals(sparse.csr_array(drawn()), SPREAD)
        for name, value in expected.items():
            low, high = found[name]
            held[name] += low <= value <= high
            widths[name] += (high - low) / 200
    assert all(n >= 180 for n in held.values()), held
    # no wider than need be, either
    spread = {name: of(many).std() for name, of in SPREAD.items()}
    assert all(widths[name] < 1.5 * 4 * spread[name] for name in SPREAD), widths


def test_of_a_mean_the_jackknife_gives_students_interval():
    """Half of the users list item 0 and half item 1: s / sqrt(n) is sqrt(1/4 / 9)."""
    listed = sparse.csr_array(np.array([[1.0, 0.0], [0.0, 1.0]] * 5))
    share = {"share": lambda times: times[..., 0] / times.sum(-1)}
    low, high = spread_intervals(listed, share)["share"]
    reach = 2.2621571628 * math.sqrt(0.25 / 9)
    assert (low, high) == pytest.approx((0.5 - reach, 0.5 + reach))


def test_intervals_end_at_0_and_1_and_one_user_has_none():
    low, high = spread_intervals(sparse.csr_array(ENDS), SPREAD)["coverage@10"]
    assert 0 <= low < high == 1
    one = spread_intervals(sparse.csr_array(np.ones((1, 4))), SPREAD)
    assert set(one.values()) == {None}


def test_an_item_without_train_events_is_as_novel_as_one_event():
    counts = np.array([0, 1, 7])
    found = LISTED["novelty@10"](np.array([[0], [1]]), counts)
    assert found.tolist() == [math.log2(8)] * 2
