"""Memory of reading marts from Parquet and laying an epoch of sequences out.

    python -m benchmarks.bench_mart_dir

Anonymous memory is what a process cannot give back. Pages of mapped files, which the
system takes back when it needs the room, are no part of it.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import click
import duckdb
import psutil
import torch

from benchmarks.bench_dbt_build import ROOT
from models_py.recommendation.sequences import epoch_batches
from training.recommendation.marts import load_recommendation

SIZES = (1_000_000, 10_000_000)
PAIRS_A_USER, PAIRS_A_SEQUENCE, N_ITEMS = 30, 10, 1500
CHILD = "import sys, benchmarks.bench_mart_dir as b; b.read_all(sys.argv[1])"
MARTS = {
    "pairs": """
        select
            'made' as dataset, i as pair_id, printf('u%09d', i // {user}) as user_id,
            ['train', 'train', 'val', 'test'][(i // {user}) % 4 + 1] as split,
            'u' || (i // {user}) || '_' || (i % {user} // {sequence}) as sequence_id,
            list_transform(
                range(i % {sequence} + 1),
                lambda x: ((i // {sequence} * 7 + x) % {items})
            ) as prefix,
            (i // {sequence} * 7 + i % {sequence} + 1) % {items} as label,
            1500000000 + i as label_ts_epoch, i % {sequence} + 1 as prefix_len,
            0.5 as session_reliability
        from range({pairs}) as t (i)
    """,
    "episodes_k5_q10": """
        select
            'made' as dataset, i as episode_id,
            ['train', 'train', 'val', 'test'][i % 4 + 1] as split,
            range(i * {user}, i * {user} + 5) as support_pair_ids,
            range(i * {user} + 5, i * {user} + 15) as query_pair_ids,
            0.5 as episode_reliability
        from range({pairs} // {user}) as t (i)
    """,
    "vocab": """
        select 'made' as dataset, i as item_id, 'i' || i as item_key, true as in_train
        from range({items}) as t (i)
    """,
    "sessions": """
        select
            'made' as dataset, 'u' as user_id, 's' as session_id, 0.5 as reliability,
            'medium' as reliability_tier, 0.5 as intensity, 0.5 as extent,
            0.5 as composition
    """,
    "dataset_summary": "select 'made' as dataset, 'all' as split",
    "dataset_funnel": "select 'made' as dataset, 1 as step_number",
}


def run(sizes: tuple[int, ...] = SIZES) -> dict:
    """Seconds and memory by number of pairs."""
    found = {}
    for n_pairs in sizes:
        with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as scratch:
            size = _write(Path(scratch), n_pairs)
            command = [sys.executable, "-c", CHILD, scratch]
            cost = {"parquet_mb": round(size / 2**20), **_anonymous(command)}
        found[f"{n_pairs:,} pairs"] = cost
    few, many = (found[f"{n:,} pairs"]["peak_anonymous_mb"] for n in sizes)
    more = (many - few) * 2**20 / (sizes[1] - sizes[0])
    return {"read": found, "bytes_a_pair": round(more, 1)}


def read_all(folder: str) -> None:
    """Load the marts, lay train users' sequences out and go over one epoch."""
    marts = load_recommendation(Path(folder), "episodes_k5_q10", "made")
    rows = marts.pairs.rows_of("train")
    train = marts.pairs.train_sequences(rows, marts.n_items)
    generator = torch.Generator().manual_seed(0)
    n_targets = sum(batch.n_targets for batch in epoch_batches(train, 1024, generator))
    if n_targets != len(rows):
        raise click.ClickException("an epoch does not see every pair once")


def _write(folder: Path, n_pairs: int) -> int:
    sizes = {"user": PAIRS_A_USER, "sequence": PAIRS_A_SEQUENCE, "items": N_ITEMS}
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        for mart, sql in MARTS.items():
            (folder / mart).mkdir()
            path = folder / mart / "part-00000.parquet"
            rows = sql.format(pairs=n_pairs, **sizes)
            connection.execute(f"copy ({rows}) to '{path}' (compression zstd)")
    return sum(path.stat().st_size for path in folder.glob("*/*"))


def _anonymous(command: list[str]) -> dict[str, float]:
    """CPU seconds of a process and its largest anonymous memory (Linux)."""
    process = psutil.Popen(command, cwd=ROOT)
    peak, times = 0, None
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        if found:
            peak = max(peak, int(found[1]))
            times = process.cpu_times()
        try:
            process.wait(0.02)
        except psutil.TimeoutExpired:
            continue
    if process.returncode != 0:
        raise click.ClickException(f"{' '.join(command)} failed")
    return {
        "cpu_seconds": round(times.user + times.system, 1),
        "peak_anonymous_mb": round(peak / 1024),
    }


@click.command()
def main() -> None:
    """Measure and print as JSON."""
    click.echo(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
