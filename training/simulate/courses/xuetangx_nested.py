"""The publisher's nested JSON, written in bounded memory."""

import json
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.simulate.arrays import Ints
from training.simulate.courses.xuetangx_log import Names, Rows

N_BUCKETS = 32  # courses are shared out so that one bucket fits into memory
TEXT_ROWS = 1 << 18  # events turned into text at once
DAY_SEC = 86400


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
    day, second = np.divmod(at, DAY_SEC)
    first = int(day.min())
    days = np.arange(first, int(day.max()) + 1).astype("datetime64[D]")
    text = np.empty(len(at), np.dtype([("date", "S11"), ("clock", "S8")]))
    text["date"] = np.char.add(np.datetime_as_string(days), "T")[day - first]
    text["clock"] = _clock()[second]
    offsets = np.arange(len(at) + 1, dtype=np.int32) * text.dtype.itemsize
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(at), buffers)


@cache
def _clock() -> np.ndarray:
    """HH:MM:SS of each second of a day, shape (86400,)."""
    seconds = np.arange(DAY_SEC).astype("datetime64[s]")
    return np.array([text[11:] for text in np.datetime_as_string(seconds)], "S8")


def _characters(texts: pa.StringArray) -> pa.Buffer:
    """All texts, one after the other, without a copy."""
    _, offsets, characters = texts.buffers()
    end = int(np.frombuffer(offsets, np.int32)[len(texts)])
    return characters.slice(0, end)
