"""Columns that grow on disk."""

import itertools
import tempfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.errors import UserError
from training.marts import spool
from training.marts.spool import RaggedSpool, Spool

PIECES = st.lists(st.lists(st.integers(-(2**40), 2**40), max_size=5), max_size=6)


@pytest.fixture(params=[0, 24, 10**6], ids=["on disk", "either", "in memory"])
def in_memory(request, monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", request.param)


@pytest.mark.usefixtures("in_memory")
def test_what_was_appended_is_read_back():
    @given(PIECES)
    def check(pieces):
        column, rows = Spool(), RaggedSpool()
        for piece in pieces:
            column.append(np.array(piece, dtype=np.int64))
        rows.append([x for piece in pieces for x in piece], [len(p) for p in pieces])
        flat = [x for piece in pieces for x in piece]
        assert column.tensor().tolist() == flat
        ragged = rows.ragged()
        values, bounds = ragged.values.tolist(), ragged.offsets.tolist()
        assert [values[a:b] for a, b in itertools.pairwise(bounds)] == pieces
        assert column.tensor().dtype == torch.int64

    check()


def test_nothing_stays_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", 8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    column = Spool(bool)
    column.append(np.arange(100) % 3 == 0)
    found = column.tensor()
    del column
    assert int(found.sum()) == 34
    found[0] = False  # a change stays in memory
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", 8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"absent: No such file.*TMPDIR"):
        Spool().append(np.arange(100))
