"""Cost of each stage of the chain against the number of events, on either engine.

    python -m benchmarks.bench_scale

Each stage is a dbt run of its own over the same simulated XuetangX log, so that its
memory is its own, too. Seconds are those of dbt's work without its start.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import click
import duckdb
import numpy as np
import psutil

from benchmarks.bench_dbt_build import BIN, ROOT

MILLION = 1_000_000
SIZES: dict[str, tuple[int, ...]] = dict.fromkeys(
    ("duckdb", "spark"), (1, 3, 10, 30, 100)
)
MODELS = ("--exclude-resource-type", "test", "unit_test", "--select")
STAGES = {
    "keyed events": (
        *("build", *MODELS, "datasets", "staging", "int_events_unioned", "int_users"),
        *("int_items", "int_event_types", "int_events_numbered", "int_events_distinct"),
        "int_user_activity",
    ),
    "sessions": (
        *("build", *MODELS, "int_session_stretches", "int_events_in_sessions"),
        *("int_events_sessionized", "int_session_items", "int_session_event_types"),
        *("int_split_times", "int_sessions", "int_session_pieces", "int_vocab"),
        *("int_reliability_caps", "int_session_reliability"),
        *("sessions", "vocab", "user_splits"),
    ),
    "events": ("build", *MODELS, "events"),
    "pairs": ("build", *MODELS, "int_sequence_runs", "pairs"),
    "episodes": ("build", *MODELS, "episodes_k5_q10", "episodes_k2_q3"),
    "data tests": (
        *("test", "--exclude-resource-type", "unit_test", "--indirect-selection"),
        *("cautious", "--select", "events", "sessions", "vocab", "user_splits"),
        *("pairs", "episodes_k5_q10", "episodes_k2_q3"),
    ),
}
COUNTED = ("sessions", "pairs", "episodes_k5_q10")
MEMORY = {"MOOCMETA_MEMORY_LIMIT": "8GB", "MOOCMETA_SPARK_MEMORY": "8g"}


def run(sizes: dict[str, tuple[int, ...]] = SIZES, threads: int = 2) -> dict:
    """Seconds, CPU seconds and peak memory of each stage, and how they grow."""
    found: dict[str, dict] = {engine: {} for engine in sizes}
    for millions in sorted({n for each in sizes.values() for n in each}):
        with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as folder:
            simulate = ["simulate", "xuetangx", "--seed", "7", "--quiet"]
            size = ["--events", str(millions * MILLION), "--out", folder]
            subprocess.run([BIN / "moocmeta", *simulate, *size], check=True, cwd=ROOT)
            for engine in (one for one in sizes if millions in sizes[one]):
                stages = _stages(engine, Path(folder), threads)
                found[engine][f"{millions} M events"] = stages
                click.echo(f"{engine} {millions} M: {json.dumps(stages)}", err=True)
    return {
        "threads": threads,
        "memory_limit": MEMORY,
        **{
            engine: {
                **by_size,
                "growth": _growth(sizes[engine], list(by_size.values())),
            }
            for engine, by_size in found.items()
        },
    }


def _stages(engine: str, folder: Path, threads: int) -> dict[str, dict]:
    env = {
        **os.environ,
        **MEMORY,
        "MOOCMETA_DATA_DIR": str(folder),
        "MOOCMETA_DUCKDB": str(folder / "moocmeta.duckdb"),
        "MOOCMETA_SPARK_DIR": str(folder / "spark"),
        "MOOCMETA_SPARK_PARTITIONS": "8",
        "MOOCMETA_THREADS": str(threads),
        "MOOCMETA_RUNS_DIR": str(folder / "no runs"),
    }
    target = folder / f"target-{engine}"
    options = ["--quiet", "--threads", "1", "--target", engine]
    options += ["--target-path", str(target), "--log-path", str(folder / "logs")]
    found = {}
    for name, (verb, *rest) in STAGES.items():
        cost = _watched([str(BIN / "dbt"), verb, *options, *rest], env)
        results = json.loads((target / "run_results.json").read_text())
        found[name] = {"seconds": round(results["elapsed_time"], 1), **cost}
    if engine == "duckdb":
        with duckdb.connect(env["MOOCMETA_DUCKDB"], read_only=True) as connection:
            found["rows"] = {
                mart: connection.sql(f"select count(*) from {mart}").fetchall()[0][0]
                for mart in COUNTED
            }
    return found


def _watched(command: list[str], env: dict[str, str]) -> dict[str, float]:
    """CPU seconds and peak memory of a process with all that it starts."""
    process = psutil.Popen(command, cwd=ROOT, env=env)
    peak, spent = 0, {}
    while process.poll() is None:
        memory = 0
        for one in [process, *_children(process)]:
            try:
                times = one.cpu_times()
                spent[one.pid] = times.user + times.system
                memory += one.memory_info().rss
            except psutil.Error:  # it has just ended
                continue
        peak = max(peak, memory)
        time.sleep(0.1)
    if process.returncode != 0:
        raise click.ClickException(f"{' '.join(command)} failed")
    return {
        "cpu_seconds": round(sum(spent.values()), 1),
        "peak_memory_gb": round(peak / 1024**3, 2),
    }


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _growth(millions: tuple[int, ...], by_size: list[dict]) -> dict[str, float]:
    """Exponent p of seconds ~ events^p between the two largest sizes, by stage."""
    if len(millions) < 2:
        return {}
    few, many = by_size[-2:]
    factor = np.log(millions[-1] / millions[-2])
    return {
        name: round(
            float(np.log(many[name]["seconds"] / few[name]["seconds"]) / factor), 2
        )
        for name in STAGES
        if few[name]["seconds"] > 0
    }


@click.command()
@click.option("--duckdb", "on_duckdb", multiple=True, type=int)
@click.option("--spark", "on_spark", multiple=True, type=int)
def main(on_duckdb: tuple[int, ...], on_spark: tuple[int, ...]) -> None:
    """Measure at so many millions of events on each engine and print as JSON."""
    asked = {"duckdb": on_duckdb, "spark": on_spark}
    chosen = {engine: sizes for engine, sizes in asked.items() if sizes}
    click.echo(json.dumps(run(chosen or SIZES), indent=2))


if __name__ == "__main__":
    main()
