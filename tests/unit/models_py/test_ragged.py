"""Ragged rows do what lists of lists do."""

from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models_py.ragged import PAD, Ragged, pad_aligned
from tests.unit.models_py.made_data import rows


def lists_of(ragged: Ragged) -> list[list[int]]:
    return [row.tolist() for row in ragged.values.split(ragged.lengths.tolist())]


def some_rows_of(lists: list[list[int]]) -> st.SearchStrategy[list[int]]:
    last = max(len(lists) - 1, 0)
    return st.lists(st.integers(0, last), max_size=10 if lists else 0)


@settings(deadline=None)
@given(rows)
def test_lists_come_back(lists):
    assert lists_of(Ragged.from_lists(lists)) == lists


@settings(deadline=None)
@given(rows, st.data())
def test_take_chooses_rows_in_the_order_asked_for(lists, data):
    chosen = data.draw(some_rows_of(lists))
    taken = Ragged.from_lists(lists).take(torch.tensor(chosen, dtype=torch.int64))
    assert lists_of(taken) == [lists[row] for row in chosen]


@settings(deadline=None)
@given(rows, st.data())
def test_positions_point_at_the_values_of_the_rows(lists, data):
    chosen = data.draw(some_rows_of(lists))
    ragged = Ragged.from_lists(lists)
    positions, lengths = ragged.positions(torch.tensor(chosen, dtype=torch.int64))
    assert ragged.values[positions].tolist() == [i for r in chosen for i in lists[r]]
    assert lengths.tolist() == [len(lists[row]) for row in chosen]


@settings(deadline=None)
@given(rows)
def test_last_is_the_last_value_or_minus_one(lists):
    expected = [row[-1] if row else -1 for row in lists]
    assert Ragged.from_lists(lists).last().tolist() == expected


@settings(deadline=None)
@given(rows)
def test_pad_shifts_ids_and_fills_behind_the_end(lists):
    ids, lengths = Ragged.from_lists(lists).pad()
    width = max([len(row) for row in lists] + [1])
    expected = [[i + 1 for i in row] + [PAD] * (width - len(row)) for row in lists]
    assert ids.shape == (len(lists), width)
    assert ids.tolist() == expected
    assert lengths.tolist() == [len(row) for row in lists]


def test_pad_aligned_keeps_the_type_of_flags():
    flags = pad_aligned(torch.tensor([True, True, False]), torch.tensor([1, 2]), 3)
    assert flags.tolist() == [[True, False, False], [True, False, False]]


@settings(deadline=None)
@given(rows)
def test_steps_are_the_neighbours_within_each_row(lists):
    steps = zip(
        *map(torch.Tensor.tolist, Ragged.from_lists(lists).steps()), strict=True
    )
    expected = [
        (*pair, number) for number, row in enumerate(lists) for pair in pairwise(row)
    ]
    assert list(steps) == expected
