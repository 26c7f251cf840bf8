"""`moocmeta ingest xuetangx` against `json.load` and a loop over events.

Each side runs in a process of its own on the same generated file. The loop only
gathers the kept events in lists; the ingest also parses the timestamps and writes the
Parquet file, so the ratio is, if anything, too small.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from training.ingest import xuetangx

MIN_RATIO = 3.0
MAX_PEAK_MIB = 2048
# about as in the published log, half of whose events are of no learning type
EVENT_TYPE_SHARES = {
    "pause_video": 0.18,
    "seek_video": 0.09,
    "problem_get": 0.08,
    "load_video": 0.07,
    "problem_check": 0.05,
    "problem_save": 0.03,
    "play_video": 0.20,
    "stop_video": 0.10,
    "click_courseware": 0.10,
    "close_courseware": 0.05,
    "click_about": 0.05,
}


def run(n_events: int = 2_000_000, seed: int = 0, repeats: int = 3) -> dict:
    """Seconds and peak memory of both sides, each the best of `repeats` in turn.

    Returns:
        JSON-able facts; `ratio` is of CPU seconds, `ratio_wall` of wall seconds.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "activity.json"
        n_written = write_nested_json(source, n_events, seed)
        rounds = [
            [_in_own_process(side, source) for side in (load_and_loop, ingest)]
            for _ in range(repeats)
        ]
        slow, fast = map(_best, zip(*rounds, strict=True))
        if slow["n_kept"] != fast["n_kept"]:
            raise RuntimeError(f"the sides disagree: {slow} against {fast}")
        return {
            "benchmark": "ingest",
            "n_events": n_written,
            "source_bytes": source.stat().st_size,
            "load_and_loop": slow,
            "ingest": fast,
            "ratio": slow["cpu_seconds"] / fast["cpu_seconds"],
            "ratio_wall": slow["wall_seconds"] / fast["wall_seconds"],
            "min_ratio": MIN_RATIO,
            "max_peak_mib": MAX_PEAK_MIB,
        }


def load_and_loop(source: Path) -> int:
    """The slow side; number of kept events."""
    prefixes = xuetangx.learning_event_prefixes()
    columns: list[list[str]] = [[], [], [], [], []]
    courses, users, sessions, types, stamps = columns
    with source.open(encoding="utf-8") as file:
        document = json.load(file)
    for course_id, users_of_course in document:
        for user_id, sessions_of_user in users_of_course.items():
            for session_hash, events in sessions_of_user.items():
                for event_type, stamp in events:
                    if event_type.startswith(prefixes):
                        courses.append(course_id)
                        users.append(user_id)
                        sessions.append(session_hash)
                        types.append(event_type)
                        stamps.append(stamp)
    return len(types)


def ingest(source: Path) -> int:
    """The fast side; number of kept events."""
    settings = xuetangx.Settings(xuetangx.learning_event_prefixes())
    return xuetangx.ingest(source, source.parent / "data", settings).counts.n_kept


def write_nested_json(path: Path, n_events: int, seed: int) -> int:
    """Write the published form with about `n_events`; how many there are."""
    rng = np.random.default_rng(seed)
    n_written = n_courses = 0
    with path.open("w", encoding="utf-8") as file:
        while n_written < n_events:
            file.write(", " if n_courses else "[")
            users = {}
            for user_id in rng.choice(10_000_000, 1000, replace=False).tolist():
                n_sessions = min(int(rng.geometric(0.4)), 20)
                users[str(user_id)] = {
                    rng.bytes(16).hex(): _session(rng) for _ in range(n_sessions)
                }
                n_written += sum(map(len, users[str(user_id)].values()))
                if n_written >= n_events:
                    break
            file.write(json.dumps([f"course-v1:Uni+{n_courses:04d}+2017", users]))
            n_courses += 1
        file.write("]")
    return n_written


def _session(rng: np.random.Generator) -> list[list[str]]:
    length = min(int(rng.lognormal(3.2, 1.5)) + 1, 27_000)
    types = rng.choice(
        list(EVENT_TYPE_SHARES), length, p=list(EVENT_TYPE_SHARES.values())
    )
    gaps = rng.lognormal(1.4, 2.0, length).astype("timedelta64[s]")
    start = np.datetime64("2017-02-01T00:00:00") + rng.integers(0, 12_000_000)
    stamps = np.datetime_as_string(start + gaps.cumsum())
    return np.stack([types, stamps], axis=1).tolist()


def _in_own_process(side: Callable[[Path], int], source: Path) -> dict:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, side, source).result()


def _best(measurements: Sequence[dict]) -> dict:
    """The least of each fact: other programs on the machine can only add."""
    return {key: min(each[key] for each in measurements) for key in measurements[0]}


def _measured(side: Callable[[Path], int], source: Path) -> dict:
    _warm_up(side)
    wall, cpu = time.perf_counter(), time.process_time()
    n_kept = side(source)
    return {
        "n_kept": n_kept,
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> int:
    """Peak resident memory; ru_maxrss would count the parent's before exec, too."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


def _warm_up(side: Callable[[Path], int]) -> None:
    """Load what a side imports at its first use: that does not grow with the file."""
    with tempfile.TemporaryDirectory() as scratch:
        tiny = Path(scratch) / "tiny.json"
        write_nested_json(tiny, n_events=1, seed=0)
        side(tiny)


@click.command()
@click.option("--events", type=click.IntRange(1), default=2_000_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
def main(events: int, seed: int, repeats: int) -> None:
    """Print the comparison as JSON."""
    click.echo(json.dumps(run(events, seed, repeats), indent=2))


if __name__ == "__main__":
    main()
