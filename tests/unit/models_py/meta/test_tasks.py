"""Tasks laid out: shared rows, slots, blocks of histories."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py.meta.blocks import LEAST_QUERIES, LONG, cut_into_blocks
from models_py.meta.tasks import Tasks, lay_out, shared_rows
from models_py.ragged import Ragged, row_and_place
from tests.unit.models_py.meta.made_tasks import pairs_of

sequences = st.lists(
    st.lists(st.integers(0, 6), min_size=2, max_size=9), min_size=1, max_size=5
)


def prefix_at(asked, task: int, pair: int) -> list[int]:
    """What a network has read when it answers a pair, as 0-based ids."""
    row, place = row_and_place(asked.sizes)
    at = asked.at[task, pair]
    read = asked.ids[task, (row == row[at]) & (place <= place[at])]
    return (read - 1).tolist()


@given(sequences, st.integers(1, 6), st.integers(1, 6), st.data())
def test_every_pair_ends_where_its_prefix_does(items, cap, max_length, data):
    pairs = pairs_of(items, cap)
    n = len(pairs.label)
    k = data.draw(st.integers(0, n - 1))
    rows = torch.arange(n)[None]
    tasks = Tasks(pairs, rows[:, :k], rows[:, k:], torch.ones(1))
    batch = lay_out(tasks, max_length)
    for asked, chosen in ((batch.support, tasks.support), (batch.query, tasks.query)):
        for pair, number in enumerate(chosen[0].tolist()):
            kept = pairs.prefixes.take(torch.tensor([number])).values.tolist()
            assert prefix_at(asked, 0, pair) == kept[-max_length:]
            assert asked.labels[0, pair] == pairs.label[number]


@given(sequences, st.integers(1, 6), st.integers(1, 6))
def test_cut_prefixes_may_go_on_in_the_row_of_the_pair_before(items, cap, max_length):
    """What is read before a pair ends with its prefix and begins where its row does."""
    pairs = pairs_of(items, cap)
    chosen = torch.arange(len(pairs.label))
    owner = torch.zeros_like(chosen)
    apart = shared_rows(pairs, chosen, owner, max_length)
    rows = shared_rows(pairs, chosen, owner, max_length, may_exceed=True)
    assert len(rows.prefixes) == len(items) <= len(apart.prefixes)
    for pair, (row, place) in enumerate(zip(rows.row, rows.place, strict=True)):
        read = rows.prefixes.take(row[None]).values[: place + 1].tolist()
        kept = pairs.prefixes.take(torch.tensor([pair])).values.tolist()[-max_length:]
        whole = items[pairs.sequence[pair]][: pairs.prefix_len[pair]]
        assert read[-len(kept) :] == kept
        assert whole[-len(read) :] == read


@given(sequences)
def test_slots_name_the_supports_items_and_no_others(items):
    pairs = pairs_of(items)
    n = len(pairs.label)
    rows = torch.arange(n)[None]
    batch = lay_out(Tasks(pairs, rows[:, : n // 2], rows, torch.ones(1)), 50)
    known = set(batch.support.ids.unique().tolist())
    for asked in (batch.support, batch.query):
        slot_ids = batch.slot_ids[0][asked.slot[0].clamp(min=0)]
        is_known = asked.slot[0] >= 0
        assert torch.equal(slot_ids[is_known], asked.ids[0][is_known])
        assert not known & set(asked.ids[0][~is_known].tolist())


def test_pairs_of_one_sequence_share_a_row():
    pairs = pairs_of([[1, 2, 3, 4], [5, 6]])
    tasks = Tasks(
        pairs, torch.tensor([[0, 1, 2, 3]]), torch.tensor([[3]]), torch.ones(1)
    )
    support = lay_out(tasks, 50).support
    assert support.sizes == (2, 1, 1)
    assert support.ids.tolist() == [[2, 6, 3, 4]]
    assert support.at.tolist() == [[0, 2, 3, 1]]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(1, 8),
    st.integers(0, 99),
)
def test_blocks_ask_every_pair_once_with_what_came_before(sizes, k, q, seed):
    """Support ends where the block begins and never reaches into another user."""
    bounds = torch.tensor([0, *sizes]).cumsum(0)
    histories = Ragged(torch.arange(int(bounds[-1])), bounds)
    generator = torch.Generator().manual_seed(seed)
    blocks = cut_into_blocks(None, histories, k, q, generator)
    assert blocks.query.values.tolist() == histories.values.tolist()
    for row in range(len(blocks)):
        only = torch.tensor([row])
        asked = blocks.query.take(only).values.tolist()
        known = blocks.support.take(only).values.tolist()
        user = int(torch.searchsorted(bounds, asked[0], right=True)) - 1
        full = max(q, LEAST_QUERIES) if sizes[user] >= LONG else q
        is_first, is_last = asked[0] == bounds[user], asked[-1] + 1 == bounds[user + 1]
        assert len(asked) == full or (1 <= len(asked) < full and (is_first or is_last))
        assert asked[-1] < bounds[user + 1]
        assert known == list(range(asked[0] - len(known), asked[0]))
        assert len(known) <= k
        assert not known or known[0] >= bounds[user]
