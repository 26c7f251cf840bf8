"""Marts to tensors: DuckDB → Arrow → ragged arrays, once, without per-row Python.

The only place in training that opens DuckDB, always read-only.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from models_py.ragged import Ragged
from training.errors import UserError
from training.pair_table import Episodes, Pairs

EPISODE_COLUMNS = {"support_pair_ids", "query_pair_ids"}
PREFERRED_DATASET = "xuetangx"

Connection = duckdb.DuckDBPyConnection


def duckdb_path() -> Path:
    """The DuckDB file that dbt writes and training reads."""
    return Path(os.environ.get("MOOCMETA_DUCKDB") or "target/moocmeta.duckdb")


@dataclass(frozen=True)
class RecommendationMarts:
    """All that training a recommender needs of one data set.

    Args:
        item_keys: the publisher's id of every item id, length n_items.
        in_train: whether a train user met the item, shape (n_items,).
        summary: rows of `dataset_summary`.
        funnel: rows of `dataset_funnel`, in order.
        fingerprints: rows and SHA-256 of each mart read.
    """

    mart: str
    dataset: str
    item_keys: list[str]
    in_train: Tensor
    pairs: Pairs
    episodes: Episodes
    summary: list[dict[str, Any]]
    funnel: list[dict[str, Any]]
    fingerprints: dict[str, dict[str, Any]]

    @property
    def n_items(self) -> int:
        """Size of the vocabulary."""
        return len(self.item_keys)


def load_recommendation(
    path: Path, mart: str, dataset: str | None
) -> RecommendationMarts:
    """Read one data set's pairs, vocabulary and episodes.

    Args:
        path: DuckDB file written by `dbt build`.
        mart: an episode mart.
        dataset: None takes `xuetangx` if the mart has it, else the only one.
    Raises:
        UserError: no such file, mart or data set; the file is locked or old.
    """
    with open_marts(path) as connection:
        _check_mart(connection, path, mart)
        chosen = _choose_dataset(connection, mart, dataset)
        reader = _Reader(connection, chosen, {})
        vocab = reader.table("vocab", "item_id, item_key, in_train", "item_id")
        pairs = reader.table(
            "pairs",
            "pair_id, user_id, split, sequence_id, prefix, label, label_ts_epoch, "
            "prefix_len, session_reliability",
            "pair_id",
        )
        episodes = reader.table(
            mart,
            "episode_id, split, support_pair_ids, query_pair_ids, episode_reliability",
            "episode_id",
        )
        summary = reader.table("dataset_summary", "*", "split").to_pylist()
        funnel = reader.table("dataset_funnel", "*", "step_number").to_pylist()
    return RecommendationMarts(
        mart=mart,
        dataset=chosen,
        item_keys=vocab["item_key"].to_pylist(),
        in_train=_tensor(vocab["in_train"]),
        pairs=_pairs(pairs),
        episodes=_episodes(episodes),
        summary=summary,
        funnel=funnel,
        fingerprints=reader.fingerprints,
    )


@contextmanager
def open_marts(path: Path) -> Iterator[Connection]:
    """Open a DuckDB file read-only; whatever goes wrong names the remedy."""
    if not path.is_file():
        raise UserError(
            f"{path} does not exist: run `dbt build` first or set MOOCMETA_DUCKDB"
        )
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            yield connection
    except duckdb.Error as error:
        raise UserError(_why_not_read(path, error)) from error


def _why_not_read(path: Path, error: duckdb.Error) -> str:
    message = str(error)
    if isinstance(error, duckdb.ProgrammingError):  # a mart or column is not there
        return f"{path} is of another version ({_first_line(message)}); run `dbt build`"
    if "could not set lock" not in message.lower():
        return (
            f"{path} cannot be read ({_first_line(message)}); "
            "if it is damaged, delete it and run `dbt build`"
        )
    holder = re.search(r"held in (.*?)\s*\(PID (\d+)\)", message)
    who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
    return (
        f"{path} is locked by {who}: wait until it ends or close it, "
        "or point MOOCMETA_DUCKDB at a copy of the file"
    )


def _first_line(message: str) -> str:
    return message.split("\n", 1)[0]


def episode_marts(
    connection: Connection,
) -> dict[str, tuple[int, int]]:
    """The episode marts there are, by their columns, with K and Q of each name."""
    found = connection.execute(
        "select table_name, list(column_name) from information_schema.columns "
        "where table_schema = 'main' group by table_name order by table_name"
    ).fetchall()
    names = [name for name, columns in found if set(columns) >= EPISODE_COLUMNS]
    shapes = {name: re.search(r"k(\d+)_q(\d+)$", name) for name in names}
    return {name: (int(k[1]), int(k[2])) for name, k in shapes.items() if k}


def _check_mart(connection: Connection, path: Path, mart: str) -> None:
    marts = episode_marts(connection)
    if mart not in marts:
        known = ", ".join(marts) or "none: run `dbt build`"
        raise UserError(f"{path} has no mart {mart} to train on; there are: {known}")


def _choose_dataset(connection: Connection, mart: str, dataset: str | None) -> str:
    rows = connection.execute(
        f'select distinct dataset from "{mart}" order by dataset'
    ).fetchall()
    found = [row[0] for row in rows]
    if dataset in found:
        return dataset
    if not found:
        raise UserError(
            f"mart {mart} is empty: check the raw files under MOOCMETA_DATA_DIR, "
            "then run `dbt build`"
        )
    if dataset is not None:
        raise UserError(
            f"mart {mart} has no episodes of data set {dataset}; it has: "
            + ", ".join(found)
        )
    if PREFERRED_DATASET in found:
        return PREFERRED_DATASET
    if len(found) > 1:
        raise UserError(
            f"mart {mart} holds several data sets, choose one with --dataset: "
            + ", ".join(found)
        )
    return found[0]


@dataclass(frozen=True)
class _Reader:
    """Reads marts of one data set in a total order and takes their fingerprints."""

    connection: Connection
    dataset: str
    fingerprints: dict[str, dict[str, Any]]

    def table(self, mart: str, columns: str, order: str) -> pa.Table:
        table = self.connection.execute(
            f'select {columns} from "{mart}" where dataset = ? order by {order}',
            [self.dataset],
        ).to_arrow_table()
        self.fingerprints[mart] = {"rows": len(table), "sha256": _sha256(table)}
        return table


def _sha256(table: pa.Table) -> str:
    """SHA-256 of the ordered rows as Parquet, which keeps nothing where a null is.

    Arrow's own buffers hold whatever lay in memory there.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), sink, compression="none")
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _pairs(table: pa.Table) -> Pairs:
    users = table["user_id"].combine_chunks().dictionary_encode()
    sequences = table["sequence_id"].combine_chunks().dictionary_encode()
    user = users.indices.to_numpy()
    # two users may bear the same sequence id: a sequence is one of a user
    keys = np.stack([user, sequences.indices.to_numpy()])
    is_new = np.concatenate([[True], (keys[:, 1:] != keys[:, :-1]).any(0)])[: len(user)]
    return Pairs(
        user_ids=users.dictionary.to_numpy(zero_copy_only=False),
        user=user,
        split=table["split"].to_numpy(),
        sequence=torch.from_numpy(np.cumsum(is_new) - 1),
        prefixes=_ragged(table["prefix"]),
        prefix_len=_tensor(table["prefix_len"]),
        label=_tensor(table["label"]),
        label_at=_tensor(table["label_ts_epoch"]),
        reliability=table["session_reliability"].to_numpy(),
    )


def _episodes(table: pa.Table) -> Episodes:
    return Episodes(
        split=table["split"].to_numpy(),
        support=_matrix(table["support_pair_ids"]),
        query=_matrix(table["query_pair_ids"]),
        reliability=table["episode_reliability"].to_numpy(),
    )


def _tensor(column: pa.ChunkedArray) -> Tensor:
    values = column.to_numpy()
    wide = values if values.dtype.kind in "bf" else values.astype(np.int64)
    return torch.from_numpy(np.array(wide))


def _ragged(column: pa.ChunkedArray) -> Ragged:
    lists = column.combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return Ragged(
        _tensor(pa.chunked_array([lists.flatten()])), torch.from_numpy(offsets)
    )


def _matrix(column: pa.ChunkedArray) -> Tensor:
    """Lists of one length as rows of a matrix."""
    ragged = _ragged(column)
    return (
        ragged.values.view(len(ragged), -1) if len(ragged) else torch.empty(0, 0).long()
    )
