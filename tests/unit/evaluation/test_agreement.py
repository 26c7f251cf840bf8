"""Whether two evaluations order models alike."""

import numpy as np
import pytest
from scipy import stats

from training.evaluation.agreement import Asked, changed_places, rank_correlation

SEED = 7


def asked(means: dict[str, float], n_users: int = 40, noise: float = 0.0) -> Asked:
    """Two queries a user, whose mean is that of the model."""
    users = np.repeat(np.arange(n_users), 2)
    chance = np.random.default_rng(len(means))
    values = {}
    for name, mean in means.items():
        drawn = chance.normal(0, noise, len(users))
        values[name] = mean + drawn - drawn.mean()
    return Asked(values, users)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"a": 0.4, "b": 0.5, "c": 0.9}, 1.0),
        ({"a": 0.9, "b": 0.5, "c": 0.1}, -1.0),
        ({"a": 0.2, "b": 0.3, "c": 0.1}, -0.5),
    ],
)
def test_order_alone_counts(other, expected):
    one = {"a": 0.1, "b": 0.2, "c": 0.3}
    found, interval = rank_correlation(asked(one), asked(other), seed=SEED)
    assert found == pytest.approx(expected)
    assert interval == pytest.approx((expected, expected))  # no user differs


def test_it_is_spearmans_with_ties():
    one = {"a": 0.1, "b": 0.2, "c": 0.2, "d": 0.4}
    other = {"a": 0.3, "b": 0.1, "c": 0.3, "d": 0.5}
    found, _ = rank_correlation(asked(one), asked(other), seed=SEED)
    known = stats.spearmanr(list(one.values()), list(other.values())).statistic
    assert found == pytest.approx(known)


def test_what_few_users_say_of_the_order_is_uncertain():
    one, other = {"a": 0.1, "b": 0.2, "c": 0.3}, {"a": 0.1, "b": 0.3, "c": 0.32}
    widths = []
    for n_users in (10, 2000):
        low, high = rank_correlation(
            asked(one, n_users, noise=0.3), asked(other, n_users, noise=0.3), seed=SEED
        )[1]
        assert -1 <= low <= high <= 1
        widths.append(high - low)
    assert widths[0] > widths[1]


def test_one_model_has_no_order_and_one_user_no_interval():
    one = {"a": 0.1}
    assert rank_correlation(asked(one), asked(one), seed=SEED) == (None, None)
    two = {"a": 0.1, "b": 0.2}
    found = rank_correlation(asked(two, n_users=1), asked(two), seed=SEED)
    assert found == (pytest.approx(1.0), None)


def test_pairs_that_change_places_are_named_leader_first():
    one = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.3}
    other = {"a": 0.4, "b": 0.2, "c": 0.3, "d": 0.1}
    # c and d are level in one, so neither led
    assert changed_places(one, other) == [
        ("b", "a"),
        ("c", "a"),
        ("d", "a"),
        ("d", "b"),
    ]
