"""Batches hold every admissible target once, cuts keep the end."""

from collections import Counter

import hypothesis
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py.config import OptimiserConfig
from models_py.ragged import Ragged
from models_py.recommendation.sequences import (
    cut_to_last,
    cut_to_length,
    epoch_batches,
    last_states,
    make_batch,
)
from tests.unit.models_py.made_data import random_walks, rows, train_of


def asked(batch) -> list[tuple[tuple[int, ...], int]]:
    """(prefix, label) of each target of a batch, as the pair table has them."""
    at = batch.asks.nonzero().tolist()
    prefixes = [tuple((batch.inputs[row, : end + 1] - 1).tolist()) for row, end in at]
    return list(zip(prefixes, batch.targets.tolist(), strict=True))


def test_a_batch_asks_at_admissible_positions_only():
    train = train_of(
        [[0, 1, 2], [3, 0]],
        n_items=4,
        is_label=[[False, False, True], [False, True]],
    )
    batch = make_batch(train, torch.tensor([0, 1]))
    assert batch.inputs.tolist() == [[1, 2], [4, 1]]
    assert batch.asks.tolist() == [[False, True], [True, False]]
    assert batch.targets.tolist() == [2, 0]
    assert asked(batch) == [((0, 1), 2), ((3,), 0)]


@hypothesis.settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 5))
def test_an_epoch_asks_every_target_once(n_rows, batch_size, seed):
    train = random_walks(9, n_rows, seed)
    batches = epoch_batches(train, batch_size, torch.Generator().manual_seed(seed))
    found = Counter(pair for batch in batches for pair in asked(batch))
    expected, at = Counter(), 0
    for row in train.items.values.split(train.items.lengths.tolist()):
        for end in range(len(row)):
            if train.is_label[at + end]:
                expected[(tuple(row[:end].tolist()), int(row[end]))] += 1
        at += len(row)
    assert found == expected
    assert len(batches) == len(list(batches))


@hypothesis.settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 8), st.integers(0, 5))
def test_rows_cut_to_a_length_ask_every_target_once_and_read_no_more(n, length, seed):
    train = random_walks(9, n, seed)
    cut = cut_to_length(train, length)
    assert int(cut.items.lengths.max()) <= length + 1

    def labels(found) -> Counter:
        owner = torch.repeat_interleave(found.items.lengths)
        kept = [(found.sequence[owner]), found.items.values]
        return Counter(zip(*(x[found.is_label].tolist() for x in kept), strict=True))

    assert labels(cut) == labels(train)
    assert not cut.is_label[cut.items.offsets[:-1]].any()
    # what a label follows is what it followed, as far back as the row goes
    at = {sequence: row for row, sequence in enumerate(train.sequence.tolist())}
    for row, sequence in enumerate(cut.sequence.tolist()):
        items = cut.items.take(torch.tensor([row])).values.tolist()
        whole = train.items.take(torch.tensor([at[sequence]])).values.tolist()
        places = range(len(whole) - len(items) + 1)
        assert any(whole[place : place + len(items)] == items for place in places)


def test_batches_hold_about_as_many_targets_as_asked_for():
    train = random_walks(9, 500)
    longest = int(train.items.lengths.max())
    batches = list(epoch_batches(train, 64, torch.Generator().manual_seed(0)))
    assert all(batch.n_targets < 64 + longest for batch in batches)
    assert len(batches) <= train.n_labels // 64 + 1


def test_batches_shrink_where_an_epoch_would_have_too_few_steps():
    settings = OptimiserConfig(batch_size=100, min_steps=20)
    assert settings.targets_per_step(10_000) == 100
    assert settings.targets_per_step(500) == 25
    assert settings.targets_per_step(3) == 1


def test_batch_order_is_drawn_from_the_generator():
    train = random_walks(9, 200)

    def order(seed: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(seed)
        return [group.tolist() for group in epoch_batches(train, 32, generator).groups]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_an_epoch_without_targets_has_no_batches():
    train = train_of([[1], [2]], n_items=3)
    assert len(epoch_batches(train, 8, torch.Generator())) == 0


@hypothesis.settings(deadline=None)
@given(rows, st.integers(1, 7))
def test_a_cut_keeps_the_end_of_each_row(lists, max_length):
    cut = cut_to_last(Ragged.from_lists(lists), max_length)
    kept = [row.tolist() for row in cut.values.split(cut.lengths.tolist())]
    assert kept == [row[-max_length:] for row in lists]


def test_last_states_come_back_in_the_order_of_the_queries():
    def states(ids: torch.Tensor) -> torch.Tensor:
        return ids.cumsum(1)[:, :, None].float()  # sum so far: causal by nature

    prefixes = Ragged.from_lists([[3, 4, 5], [0], [7, 1]])
    found = last_states(states, prefixes, torch.device("cpu"))
    assert found.tolist() == [[15.0], [1.0], [10.0]]


def test_an_empty_prefix_is_refused():
    with pytest.raises(ValueError, match="empty"):
        last_states(lambda ids: ids, Ragged.from_lists([[1], []]), torch.device("cpu"))
