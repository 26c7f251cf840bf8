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
            0.5::double as session_reliability
        from range({pairs}) as t (i)
    """,
    # as with long histories: one at every pair of a train user, the last of the others
    "episodes_k5_q10": """
        select
            'made' as dataset, row_number() over (order by i) - 1 as episode_id,
            ['train', 'train', 'val', 'test'][(i // {user}) % 4 + 1] as split,
            range(least(i, {pairs} - 15), least(i, {pairs} - 15) + 5)
                as support_pair_ids,
            range(least(i, {pairs} - 15) + 5, least(i, {pairs} - 15) + 15)
                as query_pair_ids,
            0.5::double as episode_reliability
        from range({pairs}) as t (i)
        where (i // {user}) % 4 < 2 or i % {user} = 0
        order by i
    """,
    "vocab": """
        select 'made' as dataset, i as item_id, 'i' || i as item_key,
            1::bigint as n_train_events, true as in_train
        from range({items}) as t (i)
    """,
    "sessions": """
        select
            'made' as dataset, printf('u%09d', i * {sequence} // {user}) as user_id,
            printf('s%09d', i) as session_id, 0.5::double as reliability,
            'medium' as reliability_tier, 0.5::double as intensity,
            0.5::double as extent, 0.5::double as composition
        from range({pairs} // {sequence}) as t (i)
    """,
    "dataset_summary": """
        select
            'made' as dataset, 'all' as split, 1 as n_users, 1 as n_events,
            1 as n_sessions, 1 as n_items, 1 as n_pairs, 1 as n_episodes_k5_q10,
            1 as n_episodes_k2_q3, 0.5::double as sparsity,
            1::double as events_per_user_p50, 1::double as events_per_user_p90,
            0.5::double as reliability_mean, 0.5::double as reliability_p50
    """,
    "dataset_funnel": """
        select
            'made' as dataset, 1 as step_number, 'raw rows' as step, 1 as n_rows,
            1 as n_users
    """,
}


def run(sizes: tuple[int, ...] = SIZES) -> dict:
    """Seconds and memory by number of pairs."""
    found = {}
    for n_pairs in sizes:
        with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as scratch:
            size = write_marts(Path(scratch), n_pairs)
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


def write_marts(folder: Path, n_pairs: int) -> int:
    """Made marts of so many pairs in a folder; how many bytes they take."""
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
    peak, times = 0, process.cpu_times()
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
