"""Raw logs of a few rows, written cleanly or with one thing spoilt."""

import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from hypothesis import strategies as st

TIME = "created_at"
HEADER = ["item_id", "user_id", "watch_percentage", TIME, "rating"]


@dataclass(frozen=True)
class Log:
    """A log of ratings: rows in the order of `HEADER`, each value as text."""

    rows: list[list[str]]

    def text(self, header: list[str] = HEADER, **dialect) -> str:
        """The log as a CSV with LF."""
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n", **dialect)
        writer.writerow(header)
        writer.writerows(self.rows)
        return sink.getvalue()


# é, ü and ñ are no UTF-8 in Windows-1252, whatever stands beside them
_TEXTS = (
    st.text("abéüñ ,\"'-7", min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda text: text and text.lower() not in ("nan",))
)
_NUMBERS = st.integers(0, 999).map(str) | st.just("007")


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Up to 30 ratings by few users, whose ids are numbers or any texts."""
    users = draw(st.lists(draw(st.sampled_from([_TEXTS, _NUMBERS])), min_size=1))
    n_rows = draw(st.integers(1, 30))  # most lists would be short ones
    items = draw(st.lists(_TEXTS, min_size=n_rows, max_size=n_rows))
    start = datetime(2018, 9, 28, 16)
    return Log(
        [
            [
                item,
                users[n % len(users)],
                str(n % 101),
                str(start + timedelta(seconds=7 * n)),
                "",
            ]
            for n, item in enumerate(items)
        ]
    )


Spoilt = dict[str, bytes]  # name → content
FILE = "explicit_ratings_en.csv"


def _file(text: str, encoding: str = "utf-8") -> Spoilt:
    return {FILE: text.encode(encoding)}


def _mixed_ends(log: Log, random: Random) -> Spoilt:
    lines = log.text(quoting=csv.QUOTE_ALL).splitlines()
    return _file("".join(line + random.choice(["\n", "\r\n", "\r"]) for line in lines))


def _other_columns(log: Log, random: Random) -> Spoilt:
    order = random.sample(range(len(HEADER)), len(HEADER))
    header = ["", *(f" {HEADER[i].upper()} " for i in order), "more"]
    rows = [[str(n), *(row[i] for i in order), "x,y"] for n, row in enumerate(log.rows)]
    return _file(Log(rows).text(header))


def _other_times(log: Log, random: Random) -> Spoilt:
    def written(text: str) -> str:
        at = datetime.fromisoformat(text)
        return random.choice(
            [
                at.isoformat() + "Z",
                f"{at} UTC",
                f"{at:%Y/%m/%d %H:%M:%S}.000",
                f"{at + timedelta(hours=8)} +0800",
                f"{at - timedelta(hours=5)}-05:00",
                f"{at:%d %b %Y %H:%M:%S}",
            ]
        )

    return _with(log, TIME, written)


def _with(log: Log, column: str, change: Callable[[str], str]) -> Spoilt:
    at = HEADER.index(column)
    return _file(Log([[*r[:at], change(r[at]), *r[at + 1 :]] for r in log.rows]).text())


def _one(log: Log, random: Random, column: str, value: str) -> Spoilt:
    rows, at = [list(row) for row in log.rows], HEADER.index(column)
    random.choice(rows)[at] = value
    return _file(Log(rows).text())


def _line(log: Log, random: Random, change: Callable[[str], str]) -> Spoilt:
    lines = log.text(quoting=csv.QUOTE_ALL).split("\n")
    at = random.randrange(1, len(lines) - 1)
    lines[at] = change(lines[at])
    return _file("\n".join(lines))


def _shuffled(log: Log, random: Random) -> Log:
    return Log(random.sample(log.rows, len(log.rows)))


# spoilt in a way that the reader must see through
HARMLESS: dict[str, Callable[[Log, Random], Spoilt]] = {
    "nothing": lambda log, _: _file(log.text()),
    "byte-order mark": lambda log, _: _file(log.text(), "utf-8-sig"),
    "Windows-1252": lambda log, _: _file(log.text(), "windows-1252"),
    "CRLF": lambda log, _: _file(log.text().replace("\n", "\r\n")),
    "CR": lambda log, _: _file(log.text().replace("\n", "\r")),
    "line ends of three kinds": _mixed_ends,
    "no last line end": lambda log, _: _file(log.text().rstrip("\n")),
    "blank lines": lambda log, _: _file("\n" + log.text().replace("\n", "\n\n")),
    "all in quotes": lambda log, _: _file(log.text(quoting=csv.QUOTE_ALL)),
    "packed": lambda log, _: {FILE + ".gz": gzip.compress(log.text().encode())},
    "other columns": _other_columns,
    "other order": lambda log, random: _file(_shuffled(log, random).text()),
    "blanks around ids": lambda log, random: _with(
        log, "user_id", lambda user: random.choice(["", " ", "\t"]) + user + " "
    ),
    "ids with a point": lambda log, _: _with(
        log,
        "user_id",
        lambda user: user + ".0" * all(row[1].isdecimal() for row in log.rows),
    ),
    "words for no value": lambda log, random: _with(
        log, "rating", lambda _: random.choice(["NA", "nan", "NULL", "\\N", ""])
    ),
    "times in many forms": _other_times,
    "two files": lambda log, _: {
        FILE: Log(log.rows[1:]).text().encode(),
        FILE.replace("en", "fr"): Log(log.rows[:1]).text().encode(),
    },
}
# spoilt in a way that nobody can see through: what the line says of it
HARMFUL: dict[str, tuple[Callable[[Log, Random], Spoilt], str]] = {
    "UTF-16": (lambda log, _: _file(log.text(), "utf-16"), "UTF-16"),
    "semicolons": (lambda log, _: _file(log.text(delimiter=";")), "commas"),
    "a column missing": (
        lambda log, _: _file(log.text(["item", *HEADER[1:]])),
        "column item_id is missing",
    ),
    "a column twice": (
        lambda log, _: _file(log.text([*HEADER[:-1], "User_ID"])),
        "column user_id is there 2 times",
    ),
    "the header again": (
        lambda log, _: _file(log.text() + log.text()),
        "line {again} is the header again",
    ),
    "a wider header below": (
        lambda log, _: _file(
            log.text() + "," + log.text().rstrip("\n").replace("\n", "\n0,") + "\n"
        ),
        "line {again} is a second header",
    ),
    "Excel's line": (lambda log, _: _file("sep=,\n" + log.text()), "line 1 is"),
    "a short row": (
        lambda log, random: _line(log, random, lambda line: line.rsplit(",", 1)[0]),
        "fewer fields",
    ),
    "a long row": (
        lambda log, random: _line(log, random, lambda line: line + ",1"),
        "more fields",
    ),
    "an open quote": (
        lambda log, random: _line(
            log, random, lambda line: line.replace('","', ',"', 1)
        ),
        "quote",
    ),
    "no user": (
        lambda log, random: _one(log, random, "user_id", random.choice(["", "NULL"])),
        "column user_id is",
    ),
    "a zone that many share": (
        lambda log, random: _one(log, random, TIME, "2018-09-28 16:18:29 CST"),
        "column created_at is",
    ),
    "seconds": (
        lambda log, random: _one(log, random, TIME, "1538151509"),
        "column created_at is",
    ),
    "a time of long ago": (
        lambda log, random: _one(log, random, TIME, "1989-12-31 23:59:59"),
        "outside 1990 to 2100",
    ),
    "a copy": (
        lambda log, random: {
            FILE: log.text().encode(),
            "explicit_ratings_en (1).csv": _shuffled(log, random)
            .text()
            .encode("cp1252"),
        },
        "the same rows lie there as",
    ),
    "NUL bytes": (
        lambda log, random: _one(log, random, "item_id", "a\0b"),
        "NUL bytes",
    ),
}
