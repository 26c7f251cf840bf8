"""Marts as tensors: pairs, ragged columns and fingerprints."""

import itertools
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py.ragged import Ragged
from training.marts.digest import RowsDigest
from training.marts.opening import open_marts
from training.marts.reader import ragged_of
from training.recommendation.marts import spooled_pairs
from training.recommendation.pair_table import SPLITS, Pairs

N_ITEMS = 5


@dataclass(frozen=True)
class Drawn:
    """Sequences of items, the positions that are labels, and which are trained on."""

    items: list[list[int]]
    labels: list[list[int]]
    is_train: list[bool]
    cap: int


@st.composite
def drawn(draw) -> Drawn:
    items = draw(
        st.lists(
            st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=14), max_size=6
        )
    )
    labels = [
        sorted(draw(st.sets(st.integers(1, len(own) - 1)))) if len(own) > 1 else []
        for own in items
    ]
    is_train = [draw(st.booleans()) for _ in items]
    return Drawn(items, labels, is_train, cap=draw(st.integers(1, 6)))


def pairs_of(log: Drawn) -> Pairs:
    """The pair table as the mart has it: prefixes capped, their length not."""
    rows = [
        (sequence, position)
        for sequence, positions in enumerate(log.labels)
        for position in positions
    ]
    prefixes = [log.items[s][max(0, at - log.cap) : at] for s, at in rows]
    return Pairs(
        user_ids=np.array([f"u{s}" for s in range(len(log.items))]),
        user=np.array([s for s, _ in rows], dtype=np.int64),
        split=np.array(
            [SPLITS.index("train" if log.is_train[s] else "val") for s, _ in rows]
        ),
        sequence=torch.tensor([s for s, _ in rows], dtype=torch.int64),
        prefixes=Ragged.from_lists(prefixes),
        prefix_len=torch.tensor([at for _, at in rows], dtype=torch.int64),
        label=torch.tensor([log.items[s][at] for s, at in rows], dtype=torch.int64),
        label_at=torch.tensor([100 * s + at for s, at in rows], dtype=torch.int64),
        reliability=np.ones(len(rows)),
    )


@given(drawn())
def test_every_train_pair_is_a_target_once_after_the_end_of_its_prefix(log):
    """Against one row per pair, which is what the objective is defined by."""
    pairs = pairs_of(log)
    chosen = pairs.rows_of("train")
    train = pairs.train_sequences(chosen, N_ITEMS)
    bounds = train.items.offsets.tolist()
    targets = [
        (row, place)
        for row, (start, end) in enumerate(itertools.pairwise(bounds))
        for place in range(end - start)
        if train.is_label[start + place]
    ]
    assert train.n_labels == len(targets) == len(chosen)
    for (row, place), pair in zip(targets, chosen.tolist(), strict=True):
        items = train.items.values[bounds[row] : bounds[row + 1]].tolist()
        context, prefix = items[:place], pairs.prefixes.take(torch.tensor([pair]))
        assert items[place] == pairs.label[pair]
        assert train.sequence[row] == pairs.sequence[pair]
        assert context
        assert context == prefix.values.tolist()[-len(context) :]


@given(drawn())
def test_rows_are_stretches_of_one_sequence_and_end_with_a_target(log):
    pairs = pairs_of(log)
    train = pairs.train_sequences(pairs.rows_of("train"), N_ITEMS)
    bounds = train.items.offsets.tolist()
    assert train.n_items == N_ITEMS
    for row, (start, end) in enumerate(itertools.pairwise(bounds)):
        sequence = int(train.sequence[row])
        last = int(train.last_at[row]) - 100 * sequence
        stretch = log.items[sequence][last + 1 - (end - start) : last + 1]
        assert train.items.values[start:end].tolist() == stretch
        assert 2 <= len(stretch) <= log.cap + 1
        assert train.is_label[end - 1]
        assert not train.is_label[start]


def test_a_long_sequence_is_cut_from_its_end():
    """Positions 1 to 5 with prefixes of at most two items: rows end at 1, 3, 5."""
    log = Drawn([[0, 1, 2, 3, 4, 0]], [[1, 2, 3, 4, 5]], [True], cap=2)
    train = pairs_of(log).train_sequences(torch.arange(5), N_ITEMS)
    assert train.items.offsets.tolist() == [0, 2, 5, 8]
    assert train.items.values.tolist() == [0, 1, 1, 2, 3, 3, 4, 0]
    assert train.is_label.int().tolist() == [0, 1, 0, 1, 1, 0, 1, 1]
    assert train.last_at.tolist() == [1, 3, 5]
    assert train.sequence.tolist() == [0, 0, 0]


# --- columns ------------------------------------------------------------------

LISTS = pa.array([[1, 2], [], [3], [4, 5, 6]], pa.list_(pa.int32()))


def as_lists(ragged: Ragged) -> list[list[int]]:
    bounds = ragged.offsets.tolist()
    values = ragged.values.tolist()
    return [values[start:end] for start, end in itertools.pairwise(bounds)]


def test_a_column_may_be_cut_from_a_longer_one():
    cut = pa.chunked_array([LISTS.slice(1, 2)])
    assert as_lists(ragged_of(cut)) == [[], [3]]


def test_a_column_may_come_in_pieces():
    pieces = pa.chunked_array([LISTS.slice(2), LISTS.slice(0, 0), LISTS.slice(0, 2)])
    ragged = ragged_of(pieces)
    assert as_lists(ragged) == [[3], [4, 5, 6], [1, 2], []]
    assert ragged.values.dtype == ragged.offsets.dtype == torch.int64


def test_a_column_may_be_empty():
    for chunks in ([], [LISTS.slice(0, 0)]):
        ragged = ragged_of(pa.chunked_array(chunks, LISTS.type))
        assert (len(ragged), len(ragged.values)) == (0, 0)


def test_two_users_may_bear_one_sequence_id():
    table = pa.table(
        {
            "user_id": ["a", "a", "b", "b", "b"],
            "split": ["train"] * 5,
            "sequence_id": ["s", "s", "s", "t", "t"],
            "prefix": pa.array([[0]] * 5, pa.list_(pa.int32())),
            "label": pa.array([1] * 5, pa.int32()),
            "label_ts_epoch": [1] * 5,
            "prefix_len": pa.array([1] * 5, pa.int32()),
            "session_reliability": [0.5] * 5,
        }
    )
    for size in range(1, 6):  # wherever one batch ends and the next begins
        pairs = spooled_pairs(table.to_batches(max_chunksize=size))
        assert pairs.sequence.tolist() == [0, 0, 1, 2, 2]
        assert pairs.user_ids[pairs.user].tolist() == ["a", "a", "b", "b", "b"]
        assert as_lists(pairs.prefixes) == [[0]] * 5
    assert len(spooled_pairs([]).rows_of("train")) == 0


# --- fingerprints -------------------------------------------------------------


def digest_of(table: pa.Table) -> str:
    digest = RowsDigest(table.schema)
    for batch in table.to_batches():
        digest.add(batch)
    found = digest.found()
    assert found["rows"] == len(table)
    return found["sha256"]


def with_memory_under_the_null(value: int) -> pa.Table:
    """7, null, 9 where the null's place in memory holds any value."""
    mask = pa.py_buffer(b"\x05")
    memory = pa.py_buffer(np.array([7, value, 9], dtype=np.int64).tobytes())
    return pa.table({"n": pa.Array.from_buffers(pa.int64(), 3, [mask, memory])})


def test_the_fingerprint_is_of_values_not_of_memory():
    one, two = with_memory_under_the_null(1), with_memory_under_the_null(2)
    assert one.equals(two)
    assert digest_of(one) == digest_of(two)


def test_what_a_parquet_footer_says_is_in_no_fingerprint(monkeypatch):
    """Among it the version of pyarrow that wrote it."""
    table = with_memory_under_the_null(1)
    usual = digest_of(table)

    class Other(pq.ParquetWriter):
        def close(self):
            self.add_key_value_metadata({"by": "another version"})
            super().close()

    monkeypatch.setattr("training.marts.digest.pq.ParquetWriter", Other)
    assert digest_of(table) == usual


def test_the_fingerprint_changes_with_values_nulls_and_order_only():
    table = pa.table({"n": [7, None, 9], "text": ["a", "b", None]})
    others = [
        pa.table({"n": [7, None, 8], "text": ["a", "b", None]}),
        pa.table({"n": [7, 0, 9], "text": ["a", "b", None]}),
        pa.table({"n": [7, None, 9], "text": ["a", "b", ""]}),
        table.take([1, 0, 2]),
        table.slice(0, 2),
        table.rename_columns(["m", "text"]),
    ]
    assert len({digest_of(other) for other in [table, *others]}) == 7
    in_pieces = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert digest_of(in_pieces) == digest_of(table)


def test_marts_of_a_build_that_failed_are_told_once(tmp_path, capsys):
    path = tmp_path / "marts.duckdb"
    with duckdb.connect(str(path)) as database:
        database.sql("create schema intermediate")
        database.sql(
            "create table intermediate.failed_nodes as "
            "select * from (values ('b'), ('a'), ('d'), ('c')) as names (name)"
        )
    for _ in range(2):
        with open_marts(path):
            pass
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"{path} comes from a build that failed (a, b, c and 1 more)" in told
