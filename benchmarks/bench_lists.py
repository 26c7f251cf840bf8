"""What a night's lists cost: every user's ten best of 1,500 items.

    python -m benchmarks.bench_lists

`moocmeta recommend --all` in a process of its own, over marts as large as those of the
XuetangX log: 180,000 users, 490,000 pairs of realistic lengths. Untrained weights cost
the same as trained ones; neighbours are 340,000 train targets' sessions. CPU seconds of
the whole process, one thread, reading the marts and writing the file included.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.made_sequences import realistic_lengths, training_set
from models_py import registry
from training.files import write_json
from training.fit.checkpoints import save_model
from training.runs import Run

N_SUPPORT = 5
# from a small process: a child's peak memory begins with that of what started it
_MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
MODELS = ("popularity", "session_knn", "gru", "sasrec", "best")


def run(
    n_users: int = 180_000,
    n_items: int = 1_500,
    n_pairs: int = 490_000,
    n_targets: int = 340_000,
    seed: int = 0,
) -> dict[str, Any]:
    """CPU seconds and memory of each model's lists.

    Args:
        n_targets: whose sessions the neighbours are.
    """
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        _make_marts(rng, scratch / "marts.duckdb", n_users, n_items, n_pairs)
        _make_run(rng, scratch / "run", n_items, n_targets)
        sizes = {"n_users": n_users, "n_items": n_items, "n_pairs": n_pairs}
        return {**sizes, "top": 10, "models": {m: _cost(scratch, m) for m in MODELS}}


def _cost(scratch: Path, model: str) -> dict[str, float]:
    """One command's cost, as a shell would see it."""
    options = ("--all", "--run", scratch / "run", "--model", model, "--quiet")
    command = [Path(sys.executable).parent / "moocmeta", "recommend", *options]
    threads = {"OMP_NUM_THREADS": "1", "MOOCMETA_THREADS": "1"}
    written = scratch / "lists.parquet"
    finished = subprocess.run(
        [sys.executable, "-c", _MEASURED, *map(str, command), "--write", str(written)],
        env={
            **os.environ,
            **threads,
            "MOOCMETA_DUCKDB": str(scratch / "marts.duckdb"),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, kilobytes = map(float, finished.stdout.split())
    return {
        "cpu_seconds": round(seconds, 1),
        "peak_mb": round(kilobytes / 1024),
        "file_mb": round(written.stat().st_size / 1024**2, 1),
    }


def _make_run(rng: np.random.Generator, folder: Path, n_items: int, n: int) -> None:
    """A finished run of models that were fitted to nothing but counts."""
    train = training_set(rng, realistic_lengths(rng, n), n_items)
    for name in MODELS:
        config = registry.CONFIGS[name]()
        model = registry.create(name, n_items=n_items, config=config)
        fitted = model.knn if name == "best" else model
        fitted.fit(train, optimise=lambda *nothing: None)
        path = Run(folder).checkpoint(name)
        save_model(path, name, model, config, {"n_items": n_items})
    models: dict[str, dict[str, Any]] = {name: {"title": name} for name in MODELS}
    models["best"] |= {"adaptation": {"by_support": {str(N_SUPPORT): {}}}}
    metrics = {"dataset": "made", "mart": "episodes_k5_q10", "models": models}
    write_json(folder / "metrics.json", {**metrics, "best_baseline": "gru"})
    write_json(folder / "vocab.json", _keys(n_items))
    write_json(folder / "config.json", {})
    write_json(folder / "manifest.json", {"inputs": {}})


def _make_marts(
    rng: np.random.Generator, path: Path, n_users: int, n_items: int, n_pairs: int
) -> None:
    """The marts that lists go by, with random items."""
    lengths = realistic_lengths(rng, n_pairs)
    owner = np.sort(rng.integers(0, n_users * 2 // 5, len(lengths)))  # two of five
    pairs = _pairs(rng, lengths, owner, n_items, n_pairs)
    last = {row["user_id"]: row for row in pairs.to_pylist()}
    users = []
    for number in range(n_users):
        row = last.get(f"u{number:06d}")
        prefix = (
            [*row["prefix"], row["label"]][-50:]
            if row
            else rng.integers(0, n_items, 1).tolist()
        )
        users.append(
            {
                "dataset": "made",
                "user_id": f"u{number:06d}",
                "sequence_id": row["sequence_id"] if row else f"s{number}",
                "prefix": prefix,
                "prefix_len": len(prefix),
                "items_seen": sorted(set(prefix)),
            }
        )
    vocab = pa.table({"item_id": pa.array(range(n_items)), "item_key": _keys(n_items)})
    with duckdb.connect(str(path)) as connection:
        # names of their own: tables would hide them
        connection.register("made_pairs", pairs)
        connection.register("made_vocab", vocab)
        connection.register("made_users", pa.Table.from_pylist(users))
        connection.sql("create table pairs as from made_pairs")
        connection.sql(
            "create table vocab as select 'made' as dataset, *, 1::bigint as n_events, "
            "1::bigint as n_train_events, true as in_train from made_vocab"
        )
        connection.sql(
            "create table user_latest as select *, timestamp '2020-01-01' as as_of "
            "from made_users"
        )


def _pairs(
    rng: np.random.Generator,
    lengths: np.ndarray,
    owner: np.ndarray,
    n_items: int,
    n_pairs: int,
) -> pa.Table:
    """Every position of every sequence as a pair, as long as there are to be more."""
    rows: list[dict[str, Any]] = []
    for number, (length, user) in enumerate(zip(lengths, owner, strict=True)):
        items = rng.integers(0, n_items, length).tolist()
        rows += [
            {
                "dataset": "made",
                "pair_id": len(rows) + at - 1,
                "user_id": f"u{user:06d}",
                "split": "train",
                "sequence_id": f"s{number:07d}",
                "prefix": items[:at],
                "label": items[at],
                "label_ts_epoch": number * 100 + at,
                "prefix_len": at,
                "session_reliability": 0.5,
            }
            for at in range(1, length)
        ]
    return pa.Table.from_pylist(rows[:n_pairs])


def _keys(n_items: int) -> list[str]:
    return [f"course-v1:X+{number:07d}" for number in range(n_items)]


@click.command()
@click.option("--users", type=click.IntRange(1), default=180_000, show_default=True)
@click.option("--items", type=click.IntRange(20), default=1_500, show_default=True)
@click.option("--pairs", type=click.IntRange(1), default=490_000, show_default=True)
@click.option("--targets", type=click.IntRange(1), default=340_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(users: int, items: int, pairs: int, targets: int, seed: int) -> None:
    """Print the costs as JSON."""
    click.echo(json.dumps(run(users, items, pairs, targets, seed), indent=2))


if __name__ == "__main__":
    main()
