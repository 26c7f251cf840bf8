"""`moocmeta ingest NAME` of a big CSV against DuckDB's own copy of it to Parquet.

Each side runs in a process of its own on the same file, in turn, with one thread: two
that wait for each other spend time that is neither's. DuckDB guesses types and keeps
the file as it is; the ingest also checks every value, hashes the file and writes the
record.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import duckdb
import psutil

from training.ingest.log import LogIngest
from training.ingest.settling import Request

MAX_RATIO = 2.0
MAX_PEAK_MIB = 2048
_ROWS = """
copy (
    select
        'user_' || (hash(i // 150) % 180000) as user_id,
        'course-v1:X+' || (hash(i) % 1500) as course_id,
        md5(cast(i // 60 as varchar)) as session_id,
        ['load_video', 'pause_video', 'seek_video', 'problem_get', 'problem_check'][
            1 + cast(hash(i * 3) % 5 as bigint)
        ] as event_type,
        timestamp '2017-02-01' + to_seconds(cast((i * 7) % 12960000 as bigint))
            as timestamp
    from range({n_rows}) as t(i)
) to '{path}' (format csv)
"""


def run(n_rows: int = 28_000_000, repeats: int = 2) -> dict:
    """Seconds and peak memory of both sides, each the best of `repeats`."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "events.csv"
        duckdb.sql(_ROWS.format(n_rows=n_rows, path=source))
        rounds = [
            [_in_own_process(side, source) for side in (copy, ingest)]
            for _ in range(repeats)
        ]
        copied, ingested = map(_best, zip(*rounds, strict=True))
        facts = {"n_rows": n_rows, "megabytes": source.stat().st_size // 1_000_000}
    ratio = ingested["cpu_seconds"] / copied["cpu_seconds"]
    return {
        **facts,
        "duckdb_copy": copied,
        "ingest": ingested,
        "ratio": round(ratio, 2),
        "ratio_wall": round(ingested["seconds"] / copied["seconds"], 2),
        "passed": ratio <= MAX_RATIO and ingested["peak_mib"] <= MAX_PEAK_MIB,
    }


def copy(source: Path) -> None:
    """What DuckDB alone does."""
    connection = duckdb.connect(config={"threads": 1})
    target = source.with_suffix(".parquet")
    connection.execute(f"copy (from read_csv('{source}')) to '{target}'")
    target.unlink()


def ingest(source: Path) -> None:
    """What the command does."""
    os.environ["MOOCMETA_THREADS"] = "1"
    out = source.parent / "data"
    with LogIngest(Request("big", [source]), out) as log:
        log.prepare()
        log.write()
    shutil.rmtree(out)


def _in_own_process(side: Callable[[Path], None], source: Path) -> dict:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, side, source).result()


def _measured(side: Callable[[Path], None], source: Path) -> dict:
    began, cpu = time.perf_counter(), time.process_time()
    side(source)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return psutil.Process().memory_info().rss >> 20


def _best(rounds: tuple[dict, ...]) -> dict:
    return min(rounds, key=lambda found: found["cpu_seconds"])
