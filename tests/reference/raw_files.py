"""Raw rows as files in the forms that the data sets' folders admit."""

import csv
import random
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.reference.logs import Log, MarsRow, XuetangxRow

XUETANGX_COLUMNS = ("course_id", "user_id", "session_hash", "event_type", "timestamp")
TIME_TYPES = ("timestamp[us]", "timestamp[ns]", "timestamp[ms]", "string")


def write_log(data_dir: Path, log: Log, n_files: int, seed: int = 0) -> Path:
    """Write both data sets under `data_dir/raw`, each in `n_files` files.

    Parquet and CSV take turns, with every time type, column order and way to write
    a time; `seed` shuffles the rows and names the files.
    """
    draw = random.Random(seed)
    xuetangx, mars = data_dir / "raw" / "xuetangx", data_dir / "raw" / "mars"
    xuetangx.mkdir(parents=True, exist_ok=True)
    mars.mkdir(parents=True, exist_ok=True)
    for n, rows in enumerate(_parts(log.xuetangx, n_files, draw)):
        stem = xuetangx / f"{draw.randrange(10**6):06d}_{n}"
        if n % 2:
            write_flat_csv(stem.with_suffix(".csv"), rows, draw)
        else:
            write_flat_parquet(
                stem.with_suffix(".parquet"), rows, draw, TIME_TYPES[n // 2]
            )
    for n, rows in enumerate(_parts(log.mars, n_files, draw)):
        name = f"explicit_ratings_{draw.choice('abc')}{n}.csv"
        write_ratings(mars / name, rows, draw)
    return data_dir


def write_flat_parquet(
    path: Path, rows: list[XuetangxRow], draw: random.Random, time_type: str
) -> None:
    """Flat Parquet with columns in a drawn order."""
    columns = dict(zip(XUETANGX_COLUMNS, zip(*rows, strict=True), strict=True))
    if time_type == "string":
        columns["timestamp"] = [at.isoformat() for at in columns["timestamp"]]
    arrays = {
        name: pa.array(values, time_type if name == "timestamp" else "string")
        for name, values in columns.items()
    }
    names = draw.sample(XUETANGX_COLUMNS, len(XUETANGX_COLUMNS))
    pq.write_table(pa.table({name: arrays[name] for name in names}), path)


def write_flat_csv(path: Path, rows: list[XuetangxRow], draw: random.Random) -> None:
    """Flat CSV with columns in a drawn order, quoted only where needed."""
    records = [
        {
            **dict(zip(XUETANGX_COLUMNS, row, strict=True)),
            "timestamp": _iso(row[4], draw),
        }
        for row in rows
    ]
    _write_csv(path, XUETANGX_COLUMNS, records, draw)


def write_ratings(path: Path, rows: list[MarsRow], draw: random.Random) -> None:
    """MARS ratings with columns in a drawn order and one column too many."""
    columns = ("item_id", "user_id", "watch_percentage", "created_at", "rating", "x")
    records = [
        {
            "item_id": item_id,
            "user_id": user_id,
            "watch_percentage": draw.randrange(101),
            "created_at": _iso(at, draw),
            "rating": draw.randrange(1, 11),
            "x": "spare",
        }
        for item_id, user_id, at in rows
    ]
    _write_csv(path, columns, records, draw)


def _write_csv(
    path: Path, columns: tuple, records: list[dict], draw: random.Random
) -> None:
    names = draw.sample(columns, len(columns))
    with path.open("w", encoding="utf-8", newline="") as file:
        line_end = draw.choice(("\n", "\r\n"))
        writer = csv.DictWriter(file, names, lineterminator=line_end)
        writer.writeheader()
        writer.writerows(records)


def _iso(at: datetime, draw: random.Random) -> str:
    return at.isoformat(draw.choice(("T", " ")))


def _parts(rows: list, n_parts: int, draw: random.Random) -> list[list]:
    shuffled = draw.sample(rows, len(rows))
    return [shuffled[n::n_parts] for n in range(n_parts)]
