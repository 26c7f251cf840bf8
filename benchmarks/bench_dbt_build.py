"""A whole `dbt build` of a simulated XuetangX log, and the same in plain pandas.

    python -m benchmarks.bench_dbt_build

Seed, views, tables, unit tests and data tests are all in it, the start of dbt too.
The pandas side makes the same tables from the same file, without any test.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PANDAS = "import sys, benchmarks.pandas_pipeline as p; p.run_pipeline(sys.argv[1])"


def run(
    small: int = 2_800_000, large: int = 28_000_000, threads: int = 2, seed: int = 1
) -> dict:
    """Seconds and peak memory at two sizes, growth, and the ratio to pandas."""
    with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as folder:
        scratch = Path(folder)
        builds = {n: _build(scratch / str(n), n, threads, seed) for n in (small, large)}
        log = scratch / str(small) / "raw" / "xuetangx" / "events.parquet"
        pandas = measured([sys.executable, "-c", PANDAS, str(log)], {})
    return {
        "threads": threads,
        "dbt_build": {f"{n:,} events": result for n, result in builds.items()},
        "growth_of_wall_seconds": ratio(builds[large], builds[small]),
        "pandas": {f"{small:,} events": pandas},
        "pandas_over_dbt": ratio(pandas, builds[small]),
    }


def _build(folder: Path, n_events: int, threads: int, seed: int) -> dict:
    simulate = ["simulate", "xuetangx", "--out", str(folder), "--quiet"]
    size = ["--events", str(n_events), "--seed", str(seed)]
    subprocess.run([BIN / "moocmeta", *simulate, *size], check=True, cwd=ROOT)
    env = {
        "MOOCMETA_DATA_DIR": str(folder),
        "MOOCMETA_DUCKDB": str(folder / "moocmeta.duckdb"),
        "MOOCMETA_THREADS": str(threads),
        # DuckDB keeps what it read up to this limit; the process needs up to 1 GB more
        "MOOCMETA_MEMORY_LIMIT": "2GB",
    }
    paths = [
        "--target-path",
        str(folder / "target"),
        "--log-path",
        str(folder / "logs"),
    ]
    return measured([str(BIN / "dbt"), "--quiet", "build", *paths], env)


def measured(command: list[str], env: dict[str, str]) -> dict:
    """Wall and CPU seconds and peak resident memory of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env})
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status != 0:
        raise click.ClickException(f"{' '.join(command)} failed")
    return {
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_memory_gb": round(usage.ru_maxrss / 1024**2, 2),
    }


def ratio(above: dict, below: dict) -> float:
    """Wall seconds of one over those of the other."""
    return round(above["wall_seconds"] / below["wall_seconds"], 2)


@click.command()
@click.option("--small", default=2_800_000, show_default=True)
@click.option("--large", default=28_000_000, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(small: int, large: int, threads: int, seed: int) -> None:
    """Measure and print as JSON."""
    click.echo(json.dumps(run(small, large, threads, seed), indent=2))


if __name__ == "__main__":
    main()
