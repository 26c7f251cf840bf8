"""Files of explicit ratings as MARS ships them, one a language."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.simulate.arrays import Ints

WHOLE_SHARE = 0.69  # ratings of videos that were watched to the end
N_REPEATS = 4  # exact repeats in each file
FRENCH_FORMS = (
    "{date} {clock}",
    "{date}T{clock}Z",
    "{date} {clock}.{milli:03d}",
    "{date}T{clock}.{milli:03d}Z",
)


@dataclass(frozen=True)
class Ratings:
    """Rows of a file, shape (N,) each; `at` in epoch seconds."""

    user_id: np.ndarray
    item_id: np.ndarray
    at: Ints

    def take(self, rows: Ints) -> "Ratings":
        """The chosen rows, in the order asked for."""
        return Ratings(self.user_id[rows], self.item_id[rows], self.at[rows])

    def times(self) -> Iterator[tuple[str, str]]:
        """Date and time of day of each row."""
        for text in np.datetime_as_string(self.at.astype("datetime64[s]")):
            yield text[:10], text[11:]


def write_english(path: Path, ratings: Ratings, chance: np.random.Generator) -> None:
    """The real file's form: LF, times as `2018-09-28 16:18:29`."""
    watched = _draw_watched(chance, len(ratings.at))
    times = [f"{date} {clock}" for date, clock in ratings.times()]
    header = ("user_id", "item_id", "watch_percentage", "created_at", "rating")
    rows = list(zip(ratings.user_id, ratings.item_id, watched, times, strict=True))
    repeats = [rows[n] for n in _repeated(len(rows))]
    _write(path, header, "\n", ((*row, _rating(row[2])) for row in rows + repeats))


def write_french(path: Path, ratings: Ratings, chance: np.random.Generator) -> None:
    """Another column order, CRLF, and times in mixed but unambiguous forms.

    A repeat has its time in another form, hence is one only once times are parsed.
    """
    watched = _draw_watched(chance, len(ratings.at))
    milli = chance.integers(0, 1000, len(ratings.at))
    times = list(ratings.times())

    def row(number: int, form: int) -> tuple:
        date, clock = times[number]
        created_at = FRENCH_FORMS[form].format(
            date=date, clock=clock, milli=milli[number]
        )
        ids = ratings.item_id[number], ratings.user_id[number]
        return *ids, watched[number], created_at, _rating(watched[number])

    rows = [row(n, n % 4) for n in range(len(times))]
    # forms 0 and 1 cut the fraction, forms 2 and 3 keep it
    repeats = [row(n, (n % 4) ^ 1) for n in _repeated(len(times))]
    header = ("item_id", "user_id", "watch_percentage", "created_at", "rating")
    _write(path, header, "\r\n", rows + repeats)


def _write(path: Path, header: tuple, line_end: str, rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator=line_end)
        writer.writerow(header)
        writer.writerows(rows)


def _draw_watched(chance: np.random.Generator, size: int) -> list[int]:
    """Percentages, 1 to 100."""
    partly = chance.integers(1, 100, size)
    return np.where(chance.random(size) < WHOLE_SHARE, 100, partly).tolist()


def _rating(watched: int) -> int:
    """Deciles of the percentage: 1 up to 10 %, 10 above 90 %."""
    return (watched + 9) // 10


def _repeated(n_rows: int) -> list[int]:
    """Rows that come twice."""
    return np.unique(np.linspace(0, n_rows - 1, N_REPEATS).astype(int)).tolist()
