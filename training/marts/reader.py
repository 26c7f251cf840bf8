"""Marts as Arrow, then as tensors and ragged arrays, no per-row Python.

What a family of marts makes of its tables stands in `training/<family>/marts.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from models_py.ragged import Ragged
from training.marts.columns import FUNNEL, SUMMARY, Columns, RowCheck
from training.marts.digest import BATCH_ROWS, RowsDigest
from training.marts.opening import Connection, columns_by_mart, refusal


@dataclass(frozen=True)
class Reader:
    """Reads marts of one data set in a total order and takes their fingerprints.

    What does not keep the promises of its columns is refused, and so is a row that
    stands twice.

    Args:
        path: what was opened.
    """

    connection: Connection
    path: Path
    dataset: str
    fingerprints: dict[str, dict[str, Any]] = field(default_factory=dict)

    def table(
        self, mart: str, columns: Columns, order: str, *, may_be_empty: bool = False
    ) -> pa.Table:
        """The data set's rows of a mart, ordered by `order`, its key."""
        schema, batches = self.batches(mart, columns, order, may_be_empty=may_be_empty)
        return pa.Table.from_batches(batches, schema)

    def overview(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What the data set is made of.

        Returns:
            Rows of `dataset_summary`; rows of `dataset_funnel`, in order.
        """
        summary = self.table("dataset_summary", SUMMARY, "split").to_pylist()
        steps = self.table("dataset_funnel", FUNNEL, "step_number").to_pylist()
        # steps of other families leave nothing
        return summary, [step for step in steps if step["n_rows"]]

    def batches(
        self, mart: str, columns: Columns, order: str, *, may_be_empty: bool = False
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The same as record batches, few of which are in memory at a time."""
        self._require_columns(mart, columns)
        rows = f'from "{mart}" where dataset = ?'
        names = ", ".join(f'"{name}" as "{name}"' for name in columns)
        sql = f"select {names} {rows}"
        if not self._stand_in_order(rows, order):
            if not any(column.numbers_rows for column in columns.values()):
                self._require_unique(mart, rows, order)
            sql += f" order by {order}"
        found = self.connection.execute(sql, [self.dataset])
        reader = found.to_arrow_reader(BATCH_ROWS)
        check = RowCheck(
            columns,
            {name: read["rows"] for name, read in self.fingerprints.items()},
            lambda what: refusal(self.path, mart, what),
        )
        check.types(reader.schema)
        return reader.schema, self._checked(mart, reader, check, may_be_empty)

    def _require_columns(self, mart: str, columns: Columns) -> None:
        """Refuse a mart that lacks columns; one that is not there fails when asked."""
        there = columns_by_mart(self.connection).get(mart)
        lacking = [] if there is None else sorted({"dataset", *columns} - there)
        if lacking:
            names = ", ".join(lacking)
            what = f"it has no column {names}: it is of another version"
            raise refusal(self.path, mart, what)

    def _stand_in_order(self, rows: str, order: str) -> bool:
        """Whether rows are stored in that order, as those of an export are, each once.

        To read the key alone costs little; to sort lists takes memory as large.
        """
        key = f"row({order})"
        previous = f"select {key} <= lag({key}) over () as is_behind {rows}"
        sql = f"select count(*) from ({previous}) where is_behind"
        return self.connection.execute(sql, [self.dataset]).fetchone() == (0,)

    def _require_unique(self, mart: str, rows: str, order: str) -> None:
        sql = f"select {order} {rows} group by {order} having count(*) > 1 limit 1"
        twice = self.connection.execute(sql, [self.dataset]).fetchone()
        if twice:
            values = ", ".join(map(str, twice))
            raise refusal(self.path, mart, f"{order} = {values} stands twice")

    def _checked(
        self,
        mart: str,
        batches: pa.RecordBatchReader,
        check: RowCheck,
        may_be_empty: bool,
    ) -> Iterator[pa.RecordBatch]:
        digest = RowsDigest(batches.schema)
        for batch in batches:
            check.rows(batch)
            digest.add(batch)
            yield batch
        if not check.n_rows and not may_be_empty:
            raise refusal(self.path, mart, f"it has no rows of data set {self.dataset}")
        self.fingerprints[mart] = digest.found()


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
