"""Default splits and episode starts, by hand."""

import hashlib

import pytest

from training.simulate.courses.episodes import EpisodeRule, user_split


@pytest.mark.parametrize("user_id", ["11", "4118", "用户", "a:b"])
def test_split_is_the_hash_rule(user_id):
    digits = hashlib.md5(f"20260107:{user_id}".encode()).hexdigest()[:8]
    u = int(digits, 16) / 4294967296
    assert user_split(user_id) == (
        "train" if u < 0.7 else "val" if u < 0.85 else "test"
    )


def test_splits_have_their_shares():
    splits = [user_split(str(number)) for number in range(5000)]
    assert 0.68 < splits.count("train") / 5000 < 0.72
    assert 0.13 < splits.count("val") / 5000 < 0.17


@pytest.mark.parametrize(
    ("n_pairs", "last_only", "starts"),
    [
        (4, False, []),
        (5, False, [0]),
        (7, False, [0]),
        (8, False, [0, 3]),
        (11, False, [0, 3, 6]),
        (4, True, []),
        (5, True, [0]),
        (9, True, [4]),
    ],
)
def test_starts(n_pairs, last_only, starts):
    rule = EpisodeRule("any", n_support=2, n_query=3, last_only=last_only)
    assert list(rule.starts(n_pairs)) == starts
