"""Seconds of numbering rows over a whole data set on Spark, which one task sorts.

    python -m benchmarks.bench_numbering

`pair_id`, `episode_id`, `response_id`, `trial_id` and the integers of users and items
are such numbers. More cores do not make this faster: it bounds what a cluster brings.
"""

import json
import tempfile
import time
from pathlib import Path

import click

SIZES = (1, 4)  # millions of rows
MEMORY = "6g"


def run(sizes: tuple[int, ...] = SIZES) -> dict:
    """Seconds by millions of rows, and how many each million more takes."""
    # an extra: whoever runs the other benchmarks need not have it
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", MEMORY)
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    try:
        with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as folder:
            scratch = Path(folder)
            _numbered(spark, scratch / "first", 1)  # pays for starting up
            seconds = {n: _numbered(spark, scratch / str(n), n) for n in sizes}
    finally:
        spark.stop()
    few, *_, many = sizes
    return {
        "memory": MEMORY,
        "seconds": {f"{n} M rows": round(taken, 2) for n, taken in seconds.items()},
        "seconds_a_million_more": round(
            (seconds[many] - seconds[few]) / (many - few), 3
        ),
    }


def _numbered(spark, folder: Path, millions: int) -> float:
    """Seconds of numbering so many millions of users by their ids."""
    users, numbers = str(folder / "users"), str(folder / "numbered")
    spark.range(millions * 1_000_000).selectExpr(
        "'made' as dataset", "md5(cast(id as string)) as user_id"
    ).write.parquet(users)
    numbered = spark.read.parquet(users).selectExpr(
        "user_id", "row_number() over (order by dataset, user_id) as user_number"
    )
    started = time.perf_counter()
    numbered.write.parquet(numbers)
    return time.perf_counter() - started


@click.command()
def main() -> None:
    """Measure and print as JSON."""
    click.echo(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
