"""Raw XuetangX logs, flat or nested, written block by block in bounded memory."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.simulate.programme import Ints

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
N_BUCKETS = 32  # courses are shared out so that one bucket fits into memory
TEXT_ROWS = 1 << 18  # events turned into text at once


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


class LogWriter(Protocol):
    """A file that grows by blocks of events and is complete after the block ends."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *raised: object) -> None: ...
    def add(self, rows: Rows) -> None: ...
    def finish(self) -> None: ...


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


class NativeWriter:
    """The publisher's nested JSON: course, user, session hash, events.

    Events arrive by user and leave by course, so they rest in one Parquet file a
    bucket of courses. Only one bucket is in memory at a time.
    """

    def __init__(self, folder: Path, names: Names) -> None:
        self._names = names
        self._path = folder / "events.json"
        # beside the folder: that place is cleared when the block ends
        self._resting = folder.parent / f"{folder.name}.buckets"
        self._resting.mkdir()
        schema = pa.schema([(field.name, pa.int32()) for field in fields(Rows)])
        self._buckets = [
            pq.ParquetWriter(self._bucket(number), schema, compression="zstd")
            for number in range(N_BUCKETS)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for bucket in self._buckets:
            bucket.close()

    def add(self, rows: Rows) -> None:
        """Share the events out over the buckets."""
        bucket = rows.course % N_BUCKETS
        order = np.argsort(bucket, kind="stable")
        ends = np.bincount(bucket, minlength=N_BUCKETS).cumsum()
        for writer, end, begin in zip(
            self._buckets, ends, np.append(0, ends[:-1]), strict=True
        ):
            part = rows.take(order[begin:end])
            columns = [
                pa.array(getattr(part, field.name).astype(np.int32))
                for field in fields(Rows)
            ]
            writer.write_batch(pa.record_batch(columns, schema=writer.schema))

    def finish(self) -> None:
        """Write the JSON, bucket by bucket."""
        for bucket in self._buckets:
            bucket.close()
        text = NestedText(self._names)
        with self._path.open("wb") as file:
            for number in range(N_BUCKETS):
                text.write(self._read(number), file)
                self._bucket(number).unlink()
            text.close(file)
        self._resting.rmdir()

    def _bucket(self, number: int) -> Path:
        return self._resting / f"{number}.parquet"

    def _read(self, number: int) -> Rows:
        """A bucket's events by course, user, session and time."""
        table = pq.read_table(self._bucket(number))
        rows = Rows(*(table[field.name].to_numpy() for field in fields(Rows)))
        # platform sessions are numbered user by user
        return rows.take(np.lexsort((rows.at, rows.platform, rows.course)))


class NestedText:
    """Turns events in order of course, user and session into nested JSON."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._event_types = pa.array([json.dumps(name) for name in names.event_types])
        self._is_open = False

    def write(self, rows: Rows, file: BinaryIO) -> None:
        """Write whole courses: no course may come twice."""
        breaks = self._breaks(rows)
        for begin in range(0, len(rows.at), TEXT_ROWS):
            chosen = slice(begin, begin + TEXT_ROWS)
            opening = breaks[0].take(pa.array(breaks[1][chosen]))
            event_type = self._event_types.take(pa.array(rows.event_type[chosen]))
            written = pc.binary_join_element_wise(
                opening, "[", event_type, ', "', _time_text(rows.at[chosen]), '"]', ""
            )
            file.write(_characters(written))

    def close(self, file: BinaryIO) -> None:
        """Close every bracket that is open."""
        file.write(b"]}}]]\n" if self._is_open else b"[]\n")

    def _breaks(self, rows: Rows) -> tuple[pa.Array, Ints]:
        """What stands before each event: the texts, and which of them, shape (N,)."""
        new_course = np.diff(rows.course, prepend=-1) != 0
        new_user = new_course | (np.diff(rows.user, prepend=-1) != 0)
        new_session = new_course | (np.diff(rows.platform, prepend=-1) != 0)
        at = np.flatnonzero(new_session)
        texts = [", ", *self._openings(rows.take(at), new_course[at], new_user[at])]
        which = np.where(new_session, new_session.cumsum(), 0)
        return pa.array(texts), which

    def _openings(
        self, sessions: Rows, new_course: np.ndarray, new_user: np.ndarray
    ) -> Iterator[str]:
        for row, (course, user, platform) in enumerate(
            zip(
                sessions.course.tolist(),
                sessions.user.tolist(),
                sessions.platform.tolist(),
                strict=True,
            )
        ):
            session = f'"{self._names.session_hash(platform)}": ['
            if not new_user[row]:
                yield f"], {session}"
                continue
            opened = f'"{self._names.user(user)}": {{{session}'
            if not new_course[row]:
                yield f"]}}, {opened}"
                continue
            name = json.dumps(self._names.courses[course], ensure_ascii=False)
            yield f"{']}}],' if self._is_open else '['}\n[{name}, {{{opened}"
            self._is_open = True


def _time_text(at: Ints) -> pa.Array:
    """Epoch seconds as YYYY-MM-DDTHH:MM:SS, by way of two small tables."""
    day, second = np.divmod(at, 86400)
    first = int(day.min())
    days = np.arange(first, int(day.max()) + 1).astype("datetime64[D]")
    date_text = np.char.add(np.datetime_as_string(days), "T").astype("S11")
    seconds = np.arange(86400).astype("datetime64[s]")
    clock_text = np.array([t[11:] for t in np.datetime_as_string(seconds)], "S8")
    text = np.empty(len(at), np.dtype([("date", "S11"), ("clock", "S8")]))
    text["date"] = date_text[day - first]
    text["clock"] = clock_text[second]
    offsets = np.arange(len(at) + 1, dtype=np.int32) * text.dtype.itemsize
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(at), buffers)


def _characters(texts: pa.StringArray) -> pa.Buffer:
    """All texts, one after the other, without a copy."""
    _, offsets, characters = texts.buffers()
    end = int(np.frombuffer(offsets, np.int32)[len(texts)])
    return characters.slice(0, end)


def _dictionary(number: Ints, names: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(number.astype(np.int32), names)


def _named(number: Ints, name: Callable[[int], str]) -> pa.DictionaryArray:
    distinct, position = np.unique(number, return_inverse=True)
    return _dictionary(position, pa.array([name(n) for n in distinct.tolist()]))
