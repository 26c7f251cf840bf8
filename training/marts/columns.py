"""What marts promise of their columns, checked batch by batch as the rows are read.

Marts may come from any engine or warehouse. A row's number is taken for its id, so a
lost or doubled row would give every later one the data of another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.errors import UserError

SPLITS = ("train", "val", "test")

_KINDS: dict[str, Callable[[pa.DataType], bool]] = {
    "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "whole numbers": pa.types.is_integer,
    "floating-point numbers": pa.types.is_floating,
    "true or false": pa.types.is_boolean,
    "times": pa.types.is_timestamp,
}


@dataclass(frozen=True)
class Column:
    """What one column promises.

    Args:
        kind: of the values, or of the innermost lists' values; a key of `_KINDS`.
        depth: how many lists lie around a value.
        may_be_null: whether a value may be missing.
        among: the only texts there may be; empty allows all.
        numbers_rows: whether it counts the data set's rows: 0, 1, 2, ….
        points_at: mart, read before, whose row numbers the values are.
        as_long_as: another column, whose list in the same row is as long.
        is_even: whether the lists of all rows are of one length.
    """

    kind: str
    depth: int = 0
    may_be_null: bool = False
    among: tuple[str, ...] = ()
    numbers_rows: bool = False
    points_at: str = ""
    as_long_as: str = ""
    is_even: bool = False

    @property
    def words(self) -> str:
        """What values must be."""
        return "lists of " * self.depth + self.kind


Columns = Mapping[str, Column]

TEXT = Column("text")
SPLIT = Column("text", among=SPLITS)
INTEGER = Column("whole numbers")
NUMBER = Column("floating-point numbers")
BOOLEAN = Column("true or false")
TIME = Column("times")
ROW_NUMBER = replace(INTEGER, numbers_rows=True)

SUMMARY: Columns = {
    "dataset": TEXT,
    "split": TEXT,
    **dict.fromkeys(("n_users", "n_events", "n_sessions", "n_items"), INTEGER),
    **dict.fromkeys(("n_pairs", "n_episodes_k5_q10", "n_episodes_k2_q3"), INTEGER),
    "sparsity": replace(NUMBER, may_be_null=True),
    **dict.fromkeys(("events_per_user_p50", "events_per_user_p90"), NUMBER),
    **dict.fromkeys(
        ("reliability_mean", "reliability_p50"), replace(NUMBER, may_be_null=True)
    ),
}


def or_null(column: Column) -> Column:
    """The same where values may be missing."""
    return replace(column, may_be_null=True)


FUNNEL: Columns = {"step": TEXT, "n_rows": INTEGER, "n_users": or_null(INTEGER)}


def pointing_at(mart: str, *, depth: int = 0, **more: Any) -> Column:
    """Row numbers of a mart that was read before."""
    return replace(INTEGER, points_at=mart, depth=depth, **more)


class RowCheck:
    """Holds the rows of one mart against what its columns promise.

    Args:
        columns: of the rows, by name.
        n_rows_of: rows of every mart that is pointed at.
        refuse: makes the error of a sentence about the mart.
    """

    def __init__(
        self,
        columns: Columns,
        n_rows_of: Mapping[str, int],
        refuse: Callable[[str], UserError],
    ) -> None:
        self.n_rows = 0
        self._columns, self._n_rows_of, self._refuse = columns, n_rows_of, refuse
        self._lengths: dict[str, int] = {}

    def types(self, schema: pa.Schema) -> None:
        """Take the columns' types.

        Raises:
            UserError: one is of another kind; narrower or wider numbers are not.
        """
        for name, column in self._columns.items():
            found = schema.field(name).type
            kind = found
            for _ in range(column.depth):
                is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
                kind = kind.value_type if is_list else pa.null()
            if not _KINDS[column.kind](kind):
                raise self._refuse(f"column {name} is {found}, not {column.words}")

    def rows(self, batch: pa.RecordBatch) -> None:
        """Take the rows behind those there were.

        Raises:
            UserError: a value is missing, out of place or points at nothing.
        """
        for name, column in self._columns.items():
            values = batch.column(name)
            if column.as_long_as:
                self._require_as_long(name, batch, column.as_long_as)
            if column.is_even:
                self._require_one_length(name, values)
            for _ in range(column.depth):
                self._require_none_missing(name, values)
                values = values.flatten()
            if not column.may_be_null:
                self._require_none_missing(name, values)
            self._require_allowed(name, column, values)
        self.n_rows += len(batch)

    def _require_none_missing(self, name: str, values: pa.Array) -> None:
        is_missing = values.is_null(nan_is_null=True)
        if pc.any(is_missing).as_py():
            what = "null" if values.null_count else "NaN"
            raise self._refuse(f"column {name} holds {what}")

    def _require_allowed(self, name: str, column: Column, values: pa.Array) -> None:
        if column.among:
            odd = values.filter(pc.invert(pc.is_in(values, pa.array(column.among))))
            if len(odd):
                known = ", ".join(column.among)
                raise self._refuse(f"column {name} holds '{odd[0]}', none of {known}")
        if column.points_at:
            self._require_targets(name, values, column.points_at)
        if column.numbers_rows:
            self._require_in_turn(name, values.to_numpy(zero_copy_only=False))

    def _require_in_turn(self, name: str, ids: np.ndarray) -> None:
        expected = np.arange(self.n_rows, self.n_rows + len(ids))
        wrong = np.flatnonzero(ids != expected)
        if len(wrong):
            found, next_one = ids[wrong[0]], expected[wrong[0]]
            what = f"{found} stands twice" if 0 <= found < next_one else ""
            raise self._refuse(f"{name} {what or f'{next_one} is missing'}")

    def _require_targets(self, name: str, values: pa.Array, mart: str) -> None:
        n_rows, bounds = self._n_rows_of[mart], pc.min_max(values).as_py()
        for value in (bounds["min"], bounds["max"]):
            if value is not None and not 0 <= value < n_rows:
                raise self._refuse(
                    f"column {name} holds {value}, but mart {mart} has {n_rows} rows, "
                    "numbered from 0"
                )

    def _require_one_length(self, name: str, lists: pa.Array) -> None:
        for length in pc.unique(lists.value_lengths()).drop_null().to_pylist():
            known = self._lengths.setdefault(name, length)
            if length != known or not length:
                words = f"{known} and of {length}" if length != known else "none"
                raise self._refuse(f"column {name} holds lists of {words}")

    def _require_as_long(self, name: str, batch: pa.RecordBatch, other: str) -> None:
        ours, theirs = (batch.column(one).value_lengths() for one in (name, other))
        if not ours.equals(theirs):
            raise self._refuse(f"lists of {name} and {other} differ in length")
