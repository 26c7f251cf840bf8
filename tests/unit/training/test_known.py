"""Support of today's marts as a finished run reads it."""

from itertools import groupby

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py.data import Queries
from models_py.meta.blocks import Blocks
from models_py.meta.context import ContextConfig, ContextGRU
from models_py.meta.tasks import shared_rows
from models_py.ragged import Ragged
from training.recommendation.known import KnownItems
from training.recommendation.pair_table import Pairs

UNKNOWN_ITEM = 7  # of the marts, which the run never saw
KEYS = [str(item) for item in range(UNKNOWN_ITEM)]


def read_by_a_run(
    sequences: list[list[int]], cap: int = 50, *, is_of_run: bool = False
) -> Blocks:
    """A query of another sequence behind all pairs of a learner's sequences."""
    rows = [(n, end) for n, each in enumerate(sequences) for end in range(1, len(each))]
    pairs = Pairs(
        user_ids=np.array(["ann"]),
        user=np.zeros(len(rows), dtype=int),
        split=np.zeros(len(rows), dtype=np.int8),
        sequence=torch.tensor([n for n, _ in rows], dtype=torch.int64),
        prefixes=Ragged.from_lists(
            [sequences[n][max(end - cap, 0) : end] for n, end in rows]
        ),
        prefix_len=torch.tensor([end for _, end in rows], dtype=torch.int64),
        label=torch.tensor([sequences[n][end] for n, end in rows], dtype=torch.int64),
        label_at=torch.arange(len(rows)),
        reliability=np.full(len(rows), 0.9),
    )
    known = KnownItems.of_keys(KEYS, [*KEYS, str(UNKNOWN_ITEM)], is_of_run=is_of_run)
    own = known.sequences(torch.tensor([len(sequences)]))
    support = Ragged.from_lists([list(range(len(rows)))])
    return known.with_support(pairs, support, Queries(Ragged.from_lists([[0]]), own))


def rows_of(blocks: Blocks) -> list[list[int]]:
    """What is read in one go of the support."""
    task = torch.zeros(len(blocks.support.values), dtype=torch.int64)
    rows = shared_rows(blocks.pairs, blocks.support.values, task, 50, may_exceed=True)
    lengths = rows.prefixes.lengths.tolist()
    return [row.tolist() for row in rows.prefixes.values.split(lengths)]


def without_repeats(items: list[int]) -> list[int]:
    return [item for item, _ in groupby(items)]


def test_an_unknown_item_that_leaves_a_cut_prefix_doubles_nothing():
    sequence = [0, UNKNOWN_ITEM, 1, 2, 3, 4, 5]
    # prefixes 0 | (7 is no label) | 0 1 2 without 7 | then 1 2 3, cut to four
    assert rows_of(read_by_a_run([sequence], cap=4)) == [[0, 1, 2, 3, 4]]


@given(
    st.lists(st.integers(0, UNKNOWN_ITEM), min_size=2, max_size=30),
    st.integers(2, 6),
)
def test_what_is_read_in_one_go_is_a_stretch_of_the_known_sequence(items, cap):
    moves = without_repeats(items)
    known = without_repeats([item for item in moves if item != UNKNOWN_ITEM])
    stretches = [known[i : j + 1] for i in range(len(known)) for j in range(len(known))]
    for row in rows_of(read_by_a_run([moves], cap)):
        assert row in stretches


@pytest.mark.parametrize("is_of_run", [True, False])
def test_a_session_that_is_over_is_opened_by_its_reliability_by_a_finished_run(
    is_of_run,
):
    network = ContextGRU(len(KEYS), ContextConfig(reads_reliability=True), seed=0)
    blocks = read_by_a_run([[1, 2, 3], [4, 5, 6]], is_of_run=is_of_run)
    first, high = network.opening, network.opening + 3
    read = network._context(blocks).values.tolist()
    assert read == [first, *(high, 1, 2, 3), *(high, 4, 5, 6)]


def test_no_support_is_read_as_none():
    assert len(read_by_a_run([]).support.values) == 0
