"""Knowledge tracing through `dbt build`: 5 million responses in either form.

    python -m benchmarks.bench_tracing_dbt_build

ASSISTments has a row or two a response. The EDM Cup's log has about six actions a
response, and all of them go through the event layer. Measured are the marts of tracing
with all they are made of, and the whole project; every model and data test is in it,
the start of dbt too; unit tests, which do not grow with the data, are not.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import click
import duckdb

from benchmarks.bench_dbt_build import BIN, ROOT, measured

RESPONSES = 5_000_000
# rows of the log for so many responses
EVENTS = {"assistments_2009": 5_000_000, "edm_cup_2023": 31_600_000}
SELECTIONS = {
    "marts of tracing": (
        *("--select", "+responses", "+skills", "+response_features", "+kt_sequences"),
        # tests of relations that are not built here are left out
        *("--indirect-selection", "buildable"),
    ),
    "whole project": (),
}


def run(
    responses: int = RESPONSES,
    datasets: tuple[str, ...] = tuple(EVENTS),
    threads: int = 2,
    seed: int = 1,
) -> dict:
    """Seconds and peak memory of the tracing chain for each data set."""
    return {
        "threads": threads,
        "dbt_build": {
            dataset: _build(dataset, responses, threads, seed) for dataset in datasets
        },
    }


def _build(dataset: str, responses: int, threads: int, seed: int) -> dict:
    n_events = EVENTS[dataset] * responses // RESPONSES
    with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as scratch:
        folder = Path(scratch)
        simulate = ["simulate", dataset, "--out", str(folder), "--quiet"]
        size = ["--events", str(n_events), "--seed", str(seed)]
        subprocess.run([BIN / "moocmeta", *simulate, *size], check=True, cwd=ROOT)
        database = folder / "moocmeta.duckdb"
        env = {
            "MOOCMETA_DATA_DIR": str(folder),
            "MOOCMETA_DUCKDB": str(database),
            "MOOCMETA_THREADS": str(threads),
            # of tables; text files' buffers and Python come on top
            "MOOCMETA_MEMORY_LIMIT": "2GB",
            "MOOCMETA_RUNS_DIR": str(folder / "no runs"),
        }
        command = [str(BIN / "dbt"), "--quiet", "build"]
        command += ["--exclude-resource-type", "unit_test"]
        command += ["--target-path", str(folder / "target")]
        command += ["--log-path", str(folder / "logs")]
        costs = {}
        for name, selection in SELECTIONS.items():
            database.unlink(missing_ok=True)
            costs[name] = measured([*command, *selection], env)
        raw_bytes = sum(
            path.stat().st_size for path in (folder / "raw" / dataset).iterdir()
        )
        with duckdb.connect(str(database), read_only=True) as connection:
            counts = {
                mart: connection.sql(f"select count(*) from {mart}").fetchall()[0][0]
                for mart in (
                    "intermediate.int_events_sessionized",
                    "responses",
                    "kt_sequences",
                )
            }
    return {"raw_gb": round(raw_bytes / 1024**3, 2), "rows": counts, **costs}


@click.command()
@click.option("--responses", default=RESPONSES, show_default=True)
@click.option("--dataset", "datasets", multiple=True, default=tuple(EVENTS))
@click.option("--threads", default=2, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(responses: int, datasets: tuple[str, ...], threads: int, seed: int) -> None:
    """Measure and print as JSON."""
    click.echo(json.dumps(run(responses, datasets, threads, seed), indent=2))


if __name__ == "__main__":
    main()
