"""Vectorised scan of the nested XuetangX JSON: which strings stand where.

All values of the published form are strings, and what lies between one string and the
next (say `"], ["`) tells what both of them are. A chunk of bytes is therefore cut at
its quotes, the few distinct gaps are parsed one by one, and each string gets the level
that the gap before it leads to. No Python object is made for an event, and memory does
not depend on the shape of the file.
"""

import codecs
import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

FORM = (
    "[[course_id, {user_id: {session_hash: "
    '[[event_type, "YYYY-MM-DDTHH:MM:SS"], …]}}], …]'
)
COURSE, USER, SESSION, EVENT_TYPE, TIMESTAMP = 2, 3, 4, 6, 7  # levels of strings
_BEGIN, _NOWHERE = 0, 255  # before the first string; after a gap of no known form
_LEVELS = (COURSE, USER, SESSION, EVENT_TYPE, TIMESTAMP, _BEGIN)

MAX_REST_BYTES = 16 << 20  # no id and no gap is this long: something is broken

# Which mark may follow which. The digit is the depth at which the mark stands (inside
# the bracket that it opens or closes); `"` is a whole string, and an event's second
# string counts as one level deeper, so that an event is always a pair.
_FOLLOWING = {
    '"0': "[1",
    "[1": "[2 ]1",
    "[2": '"2',
    '"2': ",2",
    ",2": "{3",
    "{3": '"3 }3',
    '"3': ":3",
    ":3": "{4",
    "{4": '"4 }4',
    '"4': ":4",
    ":4": "[5",
    "[5": "[6 ]5",
    "[6": '"6',
    '"6': ",6",
    ",6": '"7',
    '"7': "]6",
    "]6": ",5 ]5",
    ",5": "[6",
    "]5": ",4 }4",
    ",4": '"4',
    "}4": ",3 }3",
    ",3": '"3',
    "}3": "]2",
    "]2": ",1 ]1",
    ",1": "[2",
    "]1": "",
}
_END = "]1"


class FormError(ValueError):
    """The document is not JSON of the published form; the message says where."""


@dataclass(frozen=True)
class Strings:
    """The strings of a stretch of the document, in order.

    Args:
        data: bytes that hold them, UTF-8 without escapes.
        bounds: string i is `data[bounds[2 * i + 1]:bounds[2 * i + 2]]`, int32, shape
            (2 S + 1,).
        levels: what it is: COURSE, USER, SESSION, EVENT_TYPE or TIMESTAMP; a timestamp
            directly follows its event type, uint8, shape (S,).
    """

    data: bytes | bytearray
    bounds: np.ndarray
    levels: np.ndarray

    def take(self, which: np.ndarray) -> pa.StringArray:
        """The strings with these numbers, as text."""
        return _spans(self.data, self.bounds, pa.string()).take(2 * which + 1)


class Scanner:
    """Scans a document that arrives in chunks of any size.

    Args:
        offset: place in the file of the first byte that will be fed.
    """

    def __init__(self, offset: int = 0) -> None:
        self._rest = b'"'  # from the last scanned string's closing quote on
        self._offset = offset - 1  # of that quote; at first there is none
        self._level = _BEGIN  # of that string

    def feed(self, chunk: bytes) -> Strings:
        """The strings that `chunk` completes; an event is never torn apart.

        Raises:
            FormError: with the offset in the file and what was expected there.
        """
        data = self._rest + chunk
        backslashes = _places(data, b"\\")
        quotes = _quotes(data, backslashes)
        self._check_characters(data, quotes)
        bounds, levels = self._scan(data, quotes)
        if levels.size and levels[-1] == EVENT_TYPE:
            bounds, levels = bounds[:-2], levels[:-1]  # wait for its timestamp
        strings = Strings(data, bounds, levels)
        inside = backslashes[backslashes < bounds[-1]]
        if inside.size:
            strings = self._unescaped(strings, inside)

        if levels.size:
            self._level = int(levels[-1])
        end = int(quotes[2 * len(levels)])
        self._rest, self._offset = data[end:], self._offset + end
        if len(self._rest) > MAX_REST_BYTES:
            self._check_tail()
            raise FormError(
                f"byte {self._offset + 1}: no string ends within the next "
                f"{MAX_REST_BYTES >> 20} MiB: malformed JSON, a quote is missing"
            )
        return strings

    def finish(self) -> None:
        """Say that the document has ended.

        Raises:
            FormError: if it is empty or does not end where the file does.
        """
        if self._level == _BEGIN and not self._rest[1:].strip():
            raise FormError(f"is empty; expected {FORM}")
        if self._check_tail() != _END:
            raise FormError(
                f"stops at byte {self._offset + len(self._rest)} in the middle of the "
                "document: truncated? Fetch it again"
            )

    def _check_tail(self) -> str:
        """Check what was not scanned yet; the last mark in it."""
        quotes = _quotes(self._rest, _places(self._rest, b"\\"))
        bounds, levels = self._scan(self._rest, quotes)
        start = int(bounds[-1]) + 1
        gap, quote, _ = self._rest[start:].partition(b'"')
        level = int(levels[-1]) if levels.size else self._level
        mark, place = _walk(gap + quote, level)
        if place < len(gap + quote):
            found = self._rest[start + place :]
            self._refuse(mark, self._offset + start + place, found)
        return mark

    def _scan(self, data: bytes, quotes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds and levels of the closed strings among `quotes`, as in `Strings`."""
        n_strings = (len(quotes) - 1) // 2
        bounds = quotes[: 2 * n_strings + 1].astype(np.int32)
        bounds[1::2] += 1  # a gap (even) with both its quotes, a string without
        gaps = _spans(data, bounds, pa.binary()).take(np.arange(0, 2 * n_strings, 2))
        gaps = gaps.dictionary_encode()
        found = [_levels_around(gap) for gap in gaps.dictionary.to_pylist()]
        around = np.array(found, np.uint8).reshape(-1, 2).T.copy()
        before, levels = np.take(around, gaps.indices.to_numpy(), axis=1)

        expected = np.empty_like(before)
        expected[:1], expected[1:] = self._level, levels[:-1]
        is_wrong = before != expected
        if is_wrong.any():
            first = int(np.argmax(is_wrong))
            start, stop = bounds[2 * first : 2 * first + 2].tolist()
            mark, place = _walk(data[start + 1 : stop], int(expected[first]))
            start += 1 + place
            self._refuse(mark, self._offset + start, data[start:])
        return bounds, levels

    def _check_characters(self, data: bytes, quotes: np.ndarray) -> None:
        """Refuse what is not UTF-8, and control characters in strings."""
        if not data.isascii():
            try:
                codecs.utf_8_decode(data, "strict", False)  # the last one may be torn
            except UnicodeDecodeError as error:
                self._refuse_character(data, quotes, error.start, "not UTF-8")
        characters = np.frombuffer(data, np.uint8)
        if characters.min() >= ord(" "):
            return
        controls = np.flatnonzero(characters < ord(" "))
        in_string = np.searchsorted(quotes, controls) % 2 == 0
        if in_string.any():
            place = int(controls[np.argmax(in_string)])
            what = f"control character {data[place]:#04x} in a string: malformed JSON"
            self._refuse_character(data, quotes, place, what)

    def _refuse_character(
        self, data: bytes, quotes: np.ndarray, place: int, what: str
    ) -> None:
        # what is wrong with the form up to here explains more (say, a missing quote):
        # check it as if the string or the gap in which the character lies ended there
        self._scan(data, np.append(quotes[quotes < place], [place, len(data)]))
        raise FormError(f"byte {self._offset + place}: {what}")

    def _unescaped(self, strings: Strings, backslashes: np.ndarray) -> Strings:
        """Replace escapes, in place: none is shorter than what it stands for."""
        data, bounds = bytearray(strings.data), strings.bounds.copy()
        spans = np.searchsorted(bounds, backslashes, "right") - 1
        for i in np.unique(spans).tolist():
            start, stop = bounds[i : i + 2].tolist()
            try:
                text = json.loads(strings.data[start - 1 : stop + 1]).encode()
            except ValueError:  # no such escape, or half of a surrogate pair
                raise FormError(
                    f"byte {self._offset + start}: malformed escape in this string"
                ) from None
            data[start : start + len(text)] = text
            bounds[i + 1] = start + len(text)
        return Strings(data, bounds, strings.levels)

    def _refuse(self, mark: str, place: int, found: bytes) -> None:
        following = _FOLLOWING[mark].split()
        names = ["a string" if name[0] == '"' else f"`{name[0]}`" for name in following]
        shown = found[:16].decode("utf-8", "replace")
        raise FormError(
            f"byte {place}: expected {' or '.join(names) or 'nothing more'}, found "
            f"{shown!r}; the published form is {FORM}"
        )


def _quotes(data: bytes, backslashes: np.ndarray) -> np.ndarray:
    """Places of the quotes that open or close a string, int64."""
    is_quote = np.frombuffer(data, np.uint8) == ord('"')
    if backslashes.size:
        number = np.arange(len(backslashes))
        is_run_start = np.diff(backslashes, prepend=-2) != 1
        run_start = np.maximum.accumulate(np.where(is_run_start, number, 0))
        escaped = backslashes[(number - run_start) % 2 == 0] + 1  # 1st, 3rd, … of a run
        is_quote[escaped[escaped < len(data)]] = False
    return np.flatnonzero(is_quote)


def _places(data: bytes, byte: bytes) -> np.ndarray:
    if byte not in data:  # far cheaper than a comparison of every byte
        return np.empty(0, np.int64)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == ord(byte))


def _spans(
    data: bytes | bytearray, bounds: np.ndarray, kind: pa.DataType
) -> pa.StringArray | pa.BinaryArray:
    """`data[bounds[i]:bounds[i + 1]]` for each i, not copied."""
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, len(bounds) - 1, buffers)


@lru_cache(maxsize=64)
def _levels_around(gap: bytes) -> tuple[int, int]:
    """Levels of the strings before and after a gap that is given with their quotes.

    A gap's first two marks already tell which of the levels it follows.
    """
    for before in _LEVELS:
        mark, place = _walk(gap[1:], before)
        if place == len(gap) - 1:
            return before, int(mark[1])
    return _NOWHERE, _NOWHERE


def _walk(gap: bytes, level: int) -> tuple[str, int]:
    """Follow the grammar from a string of `level` through the bytes after it.

    Returns:
        The last mark that was right, and the place of the first byte that was not,
        `len(gap)` if all were.
    """
    mark = f'"{level}'
    for place, byte in enumerate(gap):
        if byte in b" \t\n\r":
            continue
        for following in _FOLLOWING[mark].split():
            if ord(following[0]) == byte:
                mark = following
                break
        else:
            return mark, place
    return mark, len(gap)
