"""Marts out of DuckDB: Arrow, then tensors and ragged arrays, no per-row Python.

The only place in training that opens DuckDB, always read-only. What a family of marts
makes of its tables stands in `training/<family>/marts.py`.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from models_py.ragged import Ragged
from training.errors import UserError

PREFERRED_DATASETS = ("xuetangx", "edm_cup_2023")

Connection = duckdb.DuckDBPyConnection


class Marts(Protocol):
    """What a run needs to know of the marts of any family."""

    @property
    def mart(self) -> str:
        """The mart trained on."""

    @property
    def dataset(self) -> str:
        """The data set trained on."""

    @property
    def fingerprints(self) -> dict[str, dict[str, Any]]:
        """Rows and SHA-256 of each mart read."""


def duckdb_path() -> Path:
    """The DuckDB file that dbt writes and training reads."""
    return Path(os.environ.get("MOOCMETA_DUCKDB") or "target/moocmeta.duckdb")


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


def columns_by_mart(connection: Connection) -> dict[str, set[str]]:
    """Names of the columns of every mart, by its name, in the order of names."""
    found = connection.execute(
        "select table_name, list(column_name) from information_schema.columns "
        "where table_schema = 'main' group by table_name order by table_name"
    ).fetchall()
    return {name: set(columns) for name, columns in found}


def choose_dataset(connection: Connection, mart: str, dataset: str | None) -> str:
    """The data set to train on.

    Args:
        dataset: None takes the first preferred one that the mart has, else the only
            one.
    Raises:
        UserError: the mart is empty, lacks that data set, or holds several.
    """
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
            f"mart {mart} has no rows of data set {dataset}; it has: "
            + ", ".join(found)
        )
    for preferred in PREFERRED_DATASETS:
        if preferred in found:
            return preferred
    if len(found) > 1:
        raise UserError(
            f"mart {mart} holds several data sets, choose one with --dataset: "
            + ", ".join(found)
        )
    return found[0]


@dataclass(frozen=True)
class Reader:
    """Reads marts of one data set in a total order and takes their fingerprints."""

    connection: Connection
    dataset: str
    fingerprints: dict[str, dict[str, Any]] = field(default_factory=dict)

    def table(self, mart: str, columns: str, order: str) -> pa.Table:
        """The data set's rows of a mart, ordered by `order`, a total one."""
        sql = f'select {columns} from "{mart}" where dataset = ? order by {order}'
        return self._read(mart, sql, [self.dataset])

    def whole_table(self, mart: str, columns: str, order: str) -> pa.Table:
        """All rows of a mart that holds one data set and does not name it."""
        return self._read(mart, f'select {columns} from "{mart}" order by {order}', [])

    def _read(self, mart: str, sql: str, parameters: list[str]) -> pa.Table:
        table = self.connection.execute(sql, parameters).to_arrow_table()
        self.fingerprints[mart] = {"rows": len(table), "sha256": _sha256(table)}
        return table


def _sha256(table: pa.Table) -> str:
    """SHA-256 of the ordered rows as Parquet, which keeps nothing where a null is.

    Arrow's own buffers hold whatever lay in memory there.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table.combine_chunks(), sink, compression="none")
    return hashlib.sha256(sink.getvalue()).hexdigest()


def tensor_of(column: pa.ChunkedArray) -> Tensor:
    """Numbers or booleans as a tensor; integers as int64."""
    values = column.to_numpy()
    wide = values if values.dtype.kind in "bf" else values.astype(np.int64)
    return torch.from_numpy(np.array(wide))


def ragged_of(column: pa.ChunkedArray) -> Ragged:
    """Lists of integers as ragged rows."""
    lists = column.combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return Ragged(
        tensor_of(pa.chunked_array([lists.flatten()])), torch.from_numpy(offsets)
    )


def matrix_of(column: pa.ChunkedArray) -> Tensor:
    """Lists of one length as rows of a matrix."""
    ragged = ragged_of(column)
    return (
        ragged.values.view(len(ragged), -1) if len(ragged) else torch.empty(0, 0).long()
    )
