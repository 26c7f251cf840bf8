"""Marts as the files that the notebooks knew: JSON vocabularies, Parquet by split."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from training.errors import UserError
from training.files import appearing_whole, sha256_of, write_json
from training.marts.opening import Connection, episode_marts, open_marts
from training.recbole import write_recbole

SPLITS = ("train", "val", "test")
MADE_BY = "moocmeta export"


def export_dataset(
    database: Path, dataset: str, out: Path, form: str = "notebook"
) -> int:
    """Write one data set's artifacts under `out`, whole or not at all.

    Args:
        database: DuckDB file written by `dbt build`.
        dataset: a data set with rows in the marts.
        out: folder to make; an earlier export there is replaced, nothing else is.
        form: `notebook` for all that the notebooks read, `recbole` for `.inter` files
            in a folder of the data set's name.
    Returns:
        Number of files written.
    Raises:
        UserError: no such data set, or `out` holds something else.
    """
    out = out.resolve()  # `.` has no name to write beside
    if form == "recbole":
        out = out / dataset  # its loader looks for many data sets in one folder
    _check_replaceable(out)
    with open_marts(database) as connection, appearing_whole(out) as scratch:
        _check_dataset(connection, dataset)
        scratch.mkdir()
        if form == "recbole":
            write_recbole(connection, dataset, scratch)
        else:
            _write_all(_Writer(connection, dataset, scratch))
        files = sorted(path for path in scratch.rglob("*") if path.is_file())
        manifest = {
            "made_by": MADE_BY,
            "dataset": dataset,
            "artifacts": {
                path.relative_to(scratch).as_posix(): {
                    "bytes": path.stat().st_size,
                    "sha256": sha256_of(path),
                }
                for path in files
            },
        }
        write_json(scratch / "manifest.json", manifest)
    return len(files) + 1


class _Writer:
    """Writes queries over one data set's marts as files of one folder."""

    def __init__(self, connection: Connection, dataset: str, folder: Path) -> None:
        self.connection, self.dataset, self.folder = connection, dataset, folder

    def rows(self, mart: str, order: str) -> list[dict[str, Any]]:
        return self.query(f"select * from {mart} where dataset = $1 order by {order}")

    def query(self, sql: str, *more: str) -> list[dict[str, Any]]:
        found = self.connection.execute(sql, [self.dataset, *more])
        return found.to_arrow_table().to_pylist()

    def parquet(self, name: str, sql: str, *more: str) -> None:
        """Write an ordered query in row groups, so that any size fits in memory."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        reader = self.connection.execute(sql, [self.dataset, *more]).to_arrow_reader()
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as file:
            for batch in reader:
                file.write_batch(batch)


def _write_all(writer: _Writer) -> None:
    _write_vocabulary(writer)
    _write_tables(writer)
    report = {
        "dataset": writer.dataset,
        "summary": writer.rows("dataset_summary", "split"),
        "funnel": writer.rows("dataset_funnel", "step_number"),
    }
    write_json(writer.folder / "report.json", report)


def _check_replaceable(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        earlier = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        earlier = {}
    if not isinstance(earlier, dict) or earlier.get("made_by") != MADE_BY:
        raise UserError(f"--out {out} holds other files; name a new or empty folder")
    ours = {"manifest.json", *earlier.get("artifacts", ())}
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if not p.is_dir()}
    if foreign := sorted(there - ours):
        raise UserError(
            f"--out {out} holds {foreign[0]} too, which no export wrote; name a new or "
            "empty folder"
        )


def _check_dataset(connection: Connection, dataset: str) -> None:
    found = connection.execute(
        "select distinct dataset from user_splits order by dataset"
    ).fetchall()
    known = [row[0] for row in found]
    if dataset not in known:
        raise UserError(
            f"--dataset {dataset} has no rows; the marts hold: {', '.join(known)}"
        )


def _write_vocabulary(writer: _Writer) -> None:
    vocab = writer.rows("vocab", "item_id")
    folder = writer.folder / "vocab"
    to_id = {row["item_key"]: row["item_id"] for row in vocab}
    write_json(folder / "course2id.json", to_id)
    write_json(folder / "id2course.json", {str(i): key for key, i in to_id.items()})
    for split in SPLITS:
        users = writer.query(
            "select user_id from user_splits where dataset = $1 and split = $2 "
            "order by user_id",
            split,
        )
        path = writer.folder / "user_splits" / f"users_{split}.json"
        write_json(path, [row["user_id"] for row in users])


def _write_tables(writer: _Writer) -> None:
    writer.parquet(
        "sessions/sessions.parquet",
        "select * from sessions where dataset = $1 order by user_id, session_id",
    )
    writer.parquet(
        "sessions/events_sessionized.parquet",
        """
        select
            events.user_id, events.item_key as course_id, vocab.item_id,
            events.session_id, events.event_type, events.event_at as ts,
            events.ts_epoch, events.pos_in_session as pos_in_sess,
            sessions.n_events as sess_len
        from events
        join sessions using (dataset, user_id, session_id)
        left join vocab using (dataset, item_key)
        where events.dataset = $1
        order by events.user_id, events.session_id, events.pos_in_session
        """,
    )
    for split in SPLITS:
        writer.parquet(
            f"pairs/pairs_{split}.parquet",
            "select * from pairs where dataset = $1 and split = $2 order by pair_id",
            split,
        )
        for mart, (k, q) in episode_marts(writer.connection).items():
            writer.parquet(
                f"episodes/episodes_{split}_K{k}_Q{q}.parquet",
                _EPISODES.format(mart=mart),
                split,
            )


# Prefixes and labels are laid beside the ids, as the notebooks' readers expect them.
_EPISODES = """
with asked as (
    select episode_id, 'support' as part, unnest(support_pair_ids) as pair_id
    from {mart} where dataset = $1 and split = $2
    union all
    select episode_id, 'query' as part, unnest(query_pair_ids) as pair_id
    from {mart} where dataset = $1 and split = $2
),
listed as (
    select
        asked.episode_id, asked.part,
        list(pairs.prefix order by pairs.label_ts_epoch, pairs.pair_id) as prefixes,
        list(pairs.label order by pairs.label_ts_epoch, pairs.pair_id) as labels
    from asked
    join pairs on pairs.dataset = $1 and pairs.pair_id = asked.pair_id
    group by asked.episode_id, asked.part
)
select
    episodes.*,
    support.prefixes as support_prefixes, support.labels as support_labels,
    query.prefixes as query_prefixes, query.labels as query_labels,
    len(support.labels) as n_support, len(query.labels) as n_query
from {mart} as episodes
join listed as support
    on support.episode_id = episodes.episode_id and support.part = 'support'
join listed as query
    on query.episode_id = episodes.episode_id and query.part = 'query'
where episodes.dataset = $1 and episodes.split = $2
order by episodes.episode_id
"""
