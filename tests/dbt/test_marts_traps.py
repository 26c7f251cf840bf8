"""Mistakes of the notebooks that must not come back, each computed by hand."""

import random
from datetime import datetime, timedelta

import pytest

from tests.conftest import build
from tests.reference.compare import MAKE_THESE, read_marts
from tests.reference.raw_files import (
    write_flat_csv,
    write_flat_parquet,
    write_ratings,
)

EIGHT = datetime(2017, 3, 1, 8)
EIGHT_EPOCH = 1_488_355_200  # date -u -d '2017-03-01 08:00' +%s
TIME_TYPES = (
    "timestamp[s]",
    "timestamp[ms]",
    "timestamp[us]",
    "timestamp[ns]",
    "string",
    "csv",
)
MINUTE, HOUR = 60, 3600


def history(user_id: str, *events: tuple[int, str]) -> list[tuple]:
    """MARS rows of a user: (seconds after eight, item)."""
    return [(item, user_id, EIGHT + timedelta(seconds=at)) for at, item in events]


def every_minute(user_id: str, n_events: int) -> list[tuple]:
    """A user who alternates between two items."""
    return history(user_id, *((n * MINUTE, "ab"[n % 2]) for n in range(n_events)))


RATINGS = [
    # a session of two, an hour's gap, a session of three; the half hour strikes
    # between a and b, so that each lies in a stretch of its own
    *history("gap", (1700, "a"), (2000, "b"), (5600, "c"), (5660, "d"), (5720, "e")),
    *every_minute("five", 5),
    *every_minute("six", 6),
    *history("six tied", *((n // 2 * MINUTE, "abcdef"[n]) for n in range(6))),
    *history("six repeat", *((n * MINUTE, "abbcde"[n]) for n in range(6))),
    *every_minute("fifteen", 15),
    *every_minute("sixteen", 16),
    *every_minute("sixteen repeat", 15),
    *history("sixteen repeat", (15 * MINUTE, "a")),  # the fifteenth item again
]


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("traps")
    xuetangx, mars = data_dir / "raw" / "xuetangx", data_dir / "raw" / "mars"
    xuetangx.mkdir(parents=True)
    mars.mkdir(parents=True)
    for n, time_type in enumerate(TIME_TYPES):
        rows = [
            (item, time_type, "h", "load_video", EIGHT + timedelta(seconds=at))
            for at, item in ((0, "a"), (600, "b"), (2400, "c"), (4201, "d"))
        ]
        if time_type == "csv":
            write_flat_csv(xuetangx / f"{n}.csv", rows, random.Random(n))
        else:
            path = xuetangx / f"{n}.parquet"
            write_flat_parquet(path, rows, random.Random(n), time_type)
    write_ratings(mars / "explicit_ratings_en.csv", RATINGS, random.Random(0))
    scratch = tmp_path_factory.mktemp("build")
    return read_marts(build(data_dir, scratch, *MAKE_THESE).duckdb_path)


def rows_of(marts, mart: str, user_id: str) -> list[dict]:
    """A user's rows in the order of the mart's key."""
    return [row for row in marts[mart] if row["user_id"] == user_id]


@pytest.mark.parametrize("time_type", TIME_TYPES)
def test_the_clock_counts_seconds_in_every_time_type(marts, time_type):
    """In kiloseconds 2400 s would last 2 and all pairs would be simultaneous."""
    events = rows_of(marts, "events", time_type)
    since_eight = [row["ts_epoch"] - EIGHT_EPOCH for row in events]
    assert since_eight == [0, 600, 2400, 4201]
    sessions = rows_of(marts, "sessions", time_type)
    # the gap of exactly 1800 s does not cut, the one of 1801 s does
    assert [row["duration_sec"] for row in sessions] == [2400, 0]
    assert [row["extent"] for row in sessions] == [1.0, 0.0]
    pairs = rows_of(marts, "pairs", time_type)
    labels = [row["label_ts_epoch"] - EIGHT_EPOCH for row in pairs]
    assert labels == [600, 2400]


def test_the_event_after_the_gap_opens_the_session(marts):
    """Marking the gap to the next event would move `b` to the second session."""
    events = rows_of(marts, "events", "gap")
    found = [(r["item_key"], r["session_id"], r["pos_in_session"]) for r in events]
    assert found == [
        ("a", "gap_000001", 1),
        ("b", "gap_000001", 2),
        ("c", "gap_000002", 1),
        ("d", "gap_000002", 2),
        ("e", "gap_000002", 3),
    ]
    sessions = rows_of(marts, "sessions", "gap")
    ends = [row["end_ts_epoch"] - EIGHT_EPOCH for row in sessions]
    assert ends == [2000, 5720]


@pytest.mark.parametrize(
    ("user_id", "n_pairs", "n_episodes_k2_q3", "n_episodes_k5_q10"),
    [
        ("five", 4, 0, 0),  # 5 interactions, but 5 pairs need 6
        ("six", 5, 1, 0),
        ("six tied", 2, 0, 0),  # three seconds of two items each
        ("six repeat", 4, 0, 0),
        ("fifteen", 14, 4, 0),  # starts 0, 3, 6, 9
        ("sixteen", 15, 4, 1),
        ("sixteen repeat", 14, 4, 0),
    ],
)
def test_episodes_need_pairs_not_interactions(
    marts, user_id, n_pairs, n_episodes_k2_q3, n_episodes_k5_q10
):
    assert len(rows_of(marts, "pairs", user_id)) == n_pairs
    assert len(rows_of(marts, "episodes_k2_q3", user_id)) == n_episodes_k2_q3
    assert len(rows_of(marts, "episodes_k5_q10", user_id)) == n_episodes_k5_q10
