"""Slices by hand: where a value belongs, what is counted, what is left out."""

import pytest

from training.evaluation.slices import (
    PREFIX_LENGTHS,
    RELIABILITY_TIERS,
    recall_by_slice,
)


def test_every_length_falls_in_its_slice():
    lengths = [1, 2, 3, 4, 5, 9, 10, 19, 20, 4000]
    rows = recall_by_slice(
        {"m": [1] * 10}, list(range(10)), lengths, PREFIX_LENGTHS, seed=1
    )["m"]
    assert [(row["slice"], row["n_queries"]) for row in rows] == [
        ("1", 1), ("2", 1), ("3-4", 2), ("5-9", 2), ("10-19", 2), ("20+", 2),
    ]  # fmt: skip


def test_tier_borders_belong_to_the_higher_tier():
    reliability = [0.0, 0.3299, 0.33, 0.6599, 0.66, 1.0]
    rows = recall_by_slice(
        {"m": [1] * 6}, list("aabbcc"), reliability, RELIABILITY_TIERS, seed=1
    )["m"]
    assert [(row["slice"], row["n_queries"]) for row in rows] == [
        ("low", 2), ("medium", 2), ("high", 2),
    ]  # fmt: skip


def test_recall_counts_and_intervals_of_each_model():
    rows = recall_by_slice(
        {"good": [1, 10, 11, 5], "bad": [99, 99, 99, 99]},
        ["a", "a", "b", "c"],
        [1, 1, 1, 3],
        PREFIX_LENGTHS,
        seed=1,
    )
    first, second = rows["good"]
    assert (first["slice"], first["n_queries"], first["n_users"]) == ("1", 3, 2)
    assert first["recall@10"] == pytest.approx(2 / 3)
    low, high = first["ci95"]
    assert (low, high) == (0.0, 1.0)
    assert second == {
        "slice": "3-4",
        "n_queries": 1,
        "n_users": 1,
        "recall@10": 1.0,
        "ci95": None,  # one user tells nothing about users
    }
    assert [row["recall@10"] for row in rows["bad"]] == [0.0, 0.0]


@pytest.mark.parametrize("measure", [[0, 1], [float("nan"), 1]])
def test_a_query_outside_every_slice_is_refused(measure):
    with pytest.raises(ValueError, match="below the first slice"):
        recall_by_slice({"m": [1, 1]}, ["a", "b"], measure, PREFIX_LENGTHS, seed=1)
