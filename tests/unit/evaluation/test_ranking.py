"""Ranks and metrics against values worked out by hand and a slow reference."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.metrics import RANKING
from training.evaluation.ranking import best_items, label_ranks


def ranks_of(scores, labels, excluded=None) -> list[int]:
    excluded = [-1] * len(labels) if excluded is None else excluded
    return label_ranks(
        torch.tensor(scores, dtype=torch.float32),
        torch.tensor(labels),
        cells_of(excluded),
    ).tolist()


def cells_of(excluded: list[int]) -> torch.Tensor:
    """Row and item of what each query leaves out, -1 for nothing."""
    cells = [(row, item) for row, item in enumerate(excluded) if item != -1]
    return torch.tensor(cells, dtype=torch.int64).view(-1, 2).T


def slow_rank(scores: list[float], label: int, excluded: int) -> int:
    candidates = [item for item in range(len(scores)) if item != excluded]
    return sum(scores[item] >= scores[label] for item in candidates)


@st.composite
def queries(draw):
    """Few distinct scores, so that ties are common; sometimes an exclusion."""
    n_items = draw(st.integers(2, 8))
    score = st.integers(-3, 3).map(float)
    scores = draw(st.lists(score, min_size=n_items, max_size=n_items))
    label = draw(st.integers(0, n_items - 1))
    others = [-1, *(item for item in range(n_items) if item != label)]
    return scores, label, draw(st.sampled_from(others))


def test_rank_by_hand():
    scores = [[0.1, 0.9, 0.5, 0.5], [3.0, 1.0, 2.0, 0.0]]
    assert ranks_of(scores, [1, 3]) == [1, 4]
    assert ranks_of(scores, [2, 2]) == [3, 2]  # the tie with item 3 counts against


def test_excluded_item_is_no_candidate():
    scores = [[5.0, 4.0, 3.0]] * 3
    assert ranks_of(scores, [2, 2, 2], [-1, 0, 1]) == [3, 2, 2]
    # an excluded item below the label changes nothing
    assert ranks_of(scores, [0, 0, 0], [-1, 1, 2]) == [1, 1, 1]


def test_several_items_can_be_left_out_and_each_counts_once():
    cells = torch.tensor([[0, 0, 0, 1], [0, 1, 0, 2]])
    scores = torch.tensor([[5.0, 4.0, 3.0]] * 2)
    # the second label is left out itself: nothing finds it
    assert label_ranks(scores, torch.tensor([2, 2]), cells).tolist() == [1, 3]


def test_equal_scores_for_all_items_give_the_worst_rank():
    assert ranks_of([[7.0] * 6] * 2, [0, 5], [-1, 3]) == [6, 5]


def test_infinite_scores_are_scores():
    scores = [[math.inf, 0.0, -math.inf]] * 2
    assert ranks_of(scores, [0, 2]) == [1, 3]


def test_ranks_are_int64_even_without_queries():
    ranks = label_ranks(torch.zeros(0, 3), torch.zeros(0).long(), cells_of([]))
    assert (ranks.dtype, ranks.shape) == (torch.int64, (0,))


@pytest.mark.parametrize(
    ("scores", "label", "excluded", "message"),
    [
        ([0.0, math.nan], 0, -1, "1 of 1 queries hold NaN"),
        ([math.nan, 0.0], 0, -1, "NaN"),
        ([0.0, 1.0], 2, -1, r"a label is not in 0\.\.1"),
        ([0.0, 1.0], -1, 0, "a label is not in"),
        ([0.0, 1.0], 0, 2, "an item left out is not in"),
        ([0.0, 1.0], 0, -2, "an item left out is not in"),
    ],
)
def test_impossible_input_is_refused(scores, label, excluded, message):
    with pytest.raises(ValueError, match=message):
        ranks_of([scores], [label], [excluded])


@given(queries())
def test_same_as_counting_one_by_one(query):
    scores, label, excluded = query
    assert ranks_of([scores], [label], [excluded]) == [
        slow_rank(scores, label, excluded)
    ]


@given(queries(), st.randoms(use_true_random=False))
def test_renumbering_items_changes_no_rank(query, random):
    scores, label, excluded = query
    order = list(range(len(scores)))
    random.shuffle(order)  # new item i was item order[i]
    moved = [scores[old] for old in order]
    new_excluded = order.index(excluded) if excluded >= 0 else -1
    assert ranks_of([scores], [label], [excluded]) == ranks_of(
        [moved], [order.index(label)], [new_excluded]
    )


def test_metrics_by_hand():
    ranks = [1, 2, 5, 6, 10, 11]
    log = math.log2
    expected = {
        "accuracy@1": [1, 0, 0, 0, 0, 0],
        "recall@5": [1, 1, 1, 0, 0, 0],
        "recall@10": [1, 1, 1, 1, 1, 0],
        "ndcg@10": [1, 1 / log(3), 1 / log(6), 1 / log(7), 1 / log(11), 0],
        "mrr": [1, 1 / 2, 1 / 5, 1 / 6, 1 / 10, 1 / 11],
    }
    assert list(RANKING) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(RANKING[name](ranks), values, err_msg=name)


@given(st.lists(st.integers(1, 100_000), min_size=1))
def test_metrics_lie_in_the_unit_interval_and_are_ordered(ranks):
    values = {name: metric(torch.tensor(ranks)) for name, metric in RANKING.items()}
    for value in values.values():
        assert value.dtype == np.float64
        assert ((value >= 0) & (value <= 1)).all()
    assert (values["accuracy@1"] <= values["ndcg@10"]).all()
    assert (values["ndcg@10"] <= values["recall@10"]).all()
    assert (values["accuracy@1"] <= values["mrr"]).all()
    assert (values["recall@5"] <= values["recall@10"]).all()


@given(data=st.data(), n_items=st.integers(1, 9), n=st.integers(1, 12))
def test_best_items_stand_in_the_order_of_score_and_id(data, n_items, n):
    """Few distinct scores: nearly all tie; -inf is no candidate."""
    one = st.sampled_from([-math.inf, -1.0, 0.0, 2.0])
    row = st.lists(one, min_size=n_items, max_size=n_items)
    scores = torch.tensor(data.draw(st.lists(row, min_size=1, max_size=5)))
    items, values = best_items(scores.clone(), n)
    assert items.shape == values.shape == (len(scores), min(n, n_items))
    for own, found, value in zip(scores.tolist(), items, values, strict=True):
        order = sorted(range(n_items), key=lambda i: (-own[i], i))
        best = [i for i in order if own[i] > -math.inf][:n]
        assert found[: len(best)].tolist() == best
        assert set(found[len(best) :].tolist()) <= {-1}
        assert value[: len(best)].tolist() == [own[i] for i in best]
