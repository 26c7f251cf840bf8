"""Rows of a raw XuetangX log, and the flat file of them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.simulate.arrays import Ints

_TEXT = pa.dictionary(pa.int32(), pa.string())
FLAT = pa.schema(
    [
        ("course_id", _TEXT),
        ("user_id", _TEXT),
        ("session_hash", _TEXT),
        ("event_type", _TEXT),
        ("timestamp", pa.timestamp("us")),
    ]
)
FLAT_PARQUET = {
    "compression": "zstd",
    "use_dictionary": ["course_id", "user_id", "session_hash", "event_type"],
    "column_encoding": {"timestamp": "DELTA_BINARY_PACKED"},
    "store_schema": False,
}


@dataclass(frozen=True)
class Names:
    """What the numbers of a log stand for.

    Args:
        courses: id of each course.
        event_types: name of each event type.
        seed: makes the platform's session hashes.
    """

    courses: list[str]
    event_types: list[str]
    seed: int

    def user(self, number: int) -> str:
        """Digits, of growing length, neither dense nor in a plain grid."""
        return str(11 + 37 * number + (13 * number * number + 7 * number) % 37)

    def session_hash(self, number: int) -> str:
        """32 hex digits."""
        return hashlib.md5(f"{self.seed}:{number}".encode()).hexdigest()


@dataclass(frozen=True)
class Rows:
    """Events as numbers, shape (N,) each: see `Names`; `at` in epoch seconds."""

    course: Ints
    user: Ints
    platform: Ints
    event_type: Ints
    at: Ints

    def take(self, chosen: Ints | slice) -> "Rows":
        """The chosen events, in the order asked for."""
        return Rows(*(getattr(self, field.name)[chosen] for field in fields(self)))


class FlatWriter:
    """Flat Parquet, one row group a block."""

    def __init__(self, folder: Path, names: Names) -> None:
        self._names = names
        self._courses = pa.array(names.courses)
        self._event_types = pa.array(names.event_types)
        self._file = pq.ParquetWriter(folder / "events.parquet", FLAT, **FLAT_PARQUET)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def add(self, rows: Rows) -> None:
        """Append one row group."""
        columns = [
            _dictionary(rows.course, self._courses),
            _named(rows.user, self._names.user),
            _named(rows.platform, self._names.session_hash),
            _dictionary(rows.event_type, self._event_types),
            pa.array(rows.at * 1_000_000).cast(pa.timestamp("us")),
        ]
        table = pa.Table.from_arrays(columns, schema=FLAT)
        self._file.write_table(table, row_group_size=max(len(table), 1))

    def finish(self) -> None:
        """Nothing is left to write."""


def _dictionary(number: Ints, names: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(number.astype(np.int32), names)


def _named(number: Ints, name: Callable[[int], str]) -> pa.DictionaryArray:
    distinct, position = np.unique(number, return_inverse=True)
    return _dictionary(position, pa.array([name(n) for n in distinct.tolist()]))
