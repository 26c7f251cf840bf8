"""`dbt build` of `causal_trials` and all it is made of, from simulated ad events.

    python -m benchmarks.bench_causal_trials

Seed, views, tables, unit tests and data tests are all in it, the start of dbt too.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import click

from benchmarks.bench_dbt_build import BIN, ROOT, measured, ratio

# tests of relations that are not built here are left out
SELECTION = ("--select", "+causal_trials", "--indirect-selection", "buildable")


def run(
    small: int = 1_000_000, large: int = 10_000_000, threads: int = 2, seed: int = 1
) -> dict:
    """Seconds and peak memory at two sizes, and how they grow."""
    with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as folder:
        builds = {
            n: _build(Path(folder) / str(n), n, threads, seed) for n in (small, large)
        }
    return {
        "threads": threads,
        "dbt_build": {f"{n:,} events": result for n, result in builds.items()},
        "growth_of_wall_seconds": ratio(builds[large], builds[small]),
    }


def _build(folder: Path, n_events: int, threads: int, seed: int) -> dict:
    simulate = ["simulate", "ad_events", "--out", str(folder), "--quiet"]
    size = ["--events", str(n_events), "--seed", str(seed)]
    subprocess.run(
        [BIN / "moocmeta", *simulate, *size],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    env = {
        "MOOCMETA_DATA_DIR": str(folder),
        "MOOCMETA_DUCKDB": str(folder / "moocmeta.duckdb"),
        "MOOCMETA_THREADS": str(threads),
        "MOOCMETA_MEMORY_LIMIT": "3GB",
    }
    paths = ["--target-path", str(folder / "target"), "--log-path", str(folder / "log")]
    return measured([str(BIN / "dbt"), "--quiet", "build", *SELECTION, *paths], env)


@click.command()
@click.option("--small", default=1_000_000, show_default=True)
@click.option("--large", default=10_000_000, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(small: int, large: int, threads: int, seed: int) -> None:
    """Measure and print as JSON."""
    click.echo(json.dumps(run(small, large, threads, seed), indent=2))


if __name__ == "__main__":
    main()
