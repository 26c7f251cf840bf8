"""A share of the probability for what a learner did before."""

import dataclasses
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py import registry
from models_py.meta.blocks import Blocks
from models_py.ragged import Ragged
from models_py.recommendation.repeats import (
    FOLLOWED,
    REPEAT_WEIGHTS,
    repeat_shares,
    with_repeats,
)
from tests.unit.models_py.made_data import queries_of
from tests.unit.models_py.meta.made_tasks import random_tasks

N_ITEMS = 9
prefixes = st.lists(
    st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)


def padded(rows: list[list[int]]) -> torch.Tensor:
    return Ragged.from_lists(rows).pad()[0]


def test_what_followed_the_last_item_counts_most_and_the_last_not_at_all():
    # 1 and 2 stand behind a 0, 3 behind a 2
    (shares,) = repeat_shares(padded([[0, 1, 0, 2, 3, 0]]), 5)
    expected = torch.tensor([0, FOLLOWED + 1, FOLLOWED + 1, 1, 0])
    torch.testing.assert_close(shares, expected / expected.sum())


def test_who_did_one_thing_only_has_nothing_to_come_back_to():
    inputs = padded([[4], [4, 4, 4]])
    assert not repeat_shares(inputs, N_ITEMS).any()
    logits = torch.randn(2, N_ITEMS)
    mixed = with_repeats(logits, inputs, 0.7)
    torch.testing.assert_close(mixed, logits.log_softmax(1))


@given(prefixes, st.sampled_from(REPEAT_WEIGHTS[1:]))
def test_probabilities_are_mixed_row_by_row(rows, weight):
    """An independent count of one prefix after the other."""
    logits = torch.randn(len(rows), N_ITEMS, dtype=torch.float64)
    found = with_repeats(logits, padded(rows), weight).exp()
    for row, mixed, own in zip(rows, found, logits.softmax(1), strict=True):
        counts = Counter(
            item
            for at, item in enumerate(row)
            for _ in range(1 + (at > 0 and row[at - 1] == row[-1]) * int(FOLLOWED))
            if item != row[-1]
        )
        expected = own.clone()
        if counts:
            expected *= 1 - weight
            for item, count in counts.items():
                expected[item] += weight * count / counts.total()
        torch.testing.assert_close(mixed, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["gru", "sasrec"])
def test_a_network_offers_validation_what_it_would_score_after_each_choice(name):
    config = registry.CONFIGS[name](max_length=4)
    model = registry.create(name, n_items=N_ITEMS, config=config)
    queries = queries_of([[8, 1, 2, 1, 3, 1], [5], [1, 2, 1, 3, 1]])
    alone = model.score(queries)  # nothing is decided: as without repeats
    offered, choices = list(model.score_choices(queries)), model.choices
    assert [each.repeat_weight for each in choices] == list(REPEAT_WEIGHTS)
    assert torch.equal(offered[0], alone)
    for choice, scores in zip(choices, offered, strict=True):
        model.choose(choice)
        assert model.choices == [choice]
        assert torch.equal(model.score(queries), scores)
        assert torch.equal(scores[0], scores[2])  # what is cut off counts no more
    assert model.score(queries)[0].topk(2).indices.sort().values.tolist() == [2, 3]


@pytest.mark.parametrize("name", ["fine_tune", "maml", "cavia"])
def test_what_adapts_a_network_keeps_its_share_for_repeats(name):
    tasks, kind = random_tasks(5, n_items=N_ITEMS), registry.CONFIGS["gru"]
    config = kind(embedding_dim=4, hidden_dim=6, repeat_weight=0.0)
    network = registry.create("gru", n_items=N_ITEMS, config=config)
    model = registry.create(name, n_items=N_ITEMS, network=network)
    logits = model.score_tasks(tasks).flatten(0, 1)
    network.choose(dataclasses.replace(config, repeat_weight=0.35))
    inputs, _ = Blocks.of_tasks(tasks).queries().prefixes.pad()
    torch.testing.assert_close(
        model.score_tasks(tasks).flatten(0, 1), with_repeats(logits, inputs, 0.35)
    )
