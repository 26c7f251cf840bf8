"""Logs of ad events with everything that makes causal marts hard: ties above all."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

AdRow = tuple[str, str, str | None, datetime]  # user, type, product, at

BEGIN = datetime(2024, 3, 4, 5, 6, 7)
GAPS = (0, 0, 0, 0, 1, 5, 60, 299, 300, 301, 3600, 86_399, 86_400, 86_401)
# impressions are most, as in life; clicks and purchases come in every order
TYPES = (
    *("impression",) * 5,
    *("auction",) * 2,
    *("click",) * 3,
    *("purchase",) * 2,
    *("view", "clickout", "Click"),  # unknown, however alike
)
PRODUCTS = ("p", "p", "p", "10", "9", "[UNK]", "é", None)


def tied_log(n_users: int) -> list[AdRow]:
    """Users drawn by hypothesis, as many by a seeded generator, one with a session
    of more than 500 events, and one at the end of the log."""
    histories: list[list[tuple]] = []
    step = st.tuples(
        st.sampled_from(GAPS), st.sampled_from(TYPES), st.sampled_from(PRODUCTS)
    )

    @settings(
        max_examples=n_users,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(step, min_size=1, max_size=24))
    def collect(history: list[tuple]) -> None:
        histories.append(history)

    collect()
    histories += seeded_histories(n_users, random.Random(5))
    quiet = [(7, ("auction", "impression")[n % 2], "p") for n in range(504)]
    histories.append([*quiet, (3, "click", "p"), (3, "purchase", "9")])
    # the last ones of the log: a horizon that just ends, and two that do not
    last = (
        (0, "auction"),
        (0, "impression"),
        (1, "impression"),
        (86_399, "impression"),
    )
    histories.append(
        [
            (90 * 86_400 * (n == 0) + gap, kind, "p")
            for n, (gap, kind) in enumerate(last)
        ]
    )
    return [row for n, own in enumerate(histories) for row in _rows(f"user {n}", own)]


def seeded_histories(n_users: int, draw: random.Random) -> list[list[tuple]]:
    """Longer histories that hover around the treatment window and the horizon."""
    near = (0, 0, 1, 60, 240, 299, 300, 301, 43_200, 86_399, 86_400, 86_401)
    return [
        [
            (draw.choice(near), draw.choice(TYPES), draw.choice(PRODUCTS[:4]))
            for _ in range(draw.randint(4, 24))
        ]
        for _ in range(n_users)
    ]


def _rows(user_id: str, history: list[tuple]) -> list[AdRow]:
    rows, seconds = [], 0
    for gap, kind, product in history:
        seconds += gap
        at = BEGIN + timedelta(seconds=seconds)
        rows.append((user_id, kind, None if kind == "auction" else product, at))
    return rows


def write_ad_log(data_dir: Path, rows: list[AdRow], form: str, seed: int) -> Path:
    """One file of shuffled rows, `parquet` or `csv`, with a column too many."""
    shuffled = random.Random(seed).sample(rows, len(rows))
    user, kind, product, at = zip(*shuffled, strict=True)
    table = pa.table(
        {
            "event_timestamp": pa.array(at, pa.timestamp("us")),
            "spare": pa.nulls(len(at), pa.string()),
            "USER_ID": user,
            "product_id": pa.array(product, pa.string()),
            "event_type": kind,
        }
    )
    folder = data_dir / "raw" / "ad_events"
    folder.mkdir(parents=True)
    path = folder / f"unified_events.{form}"
    if form == "csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return data_dir
