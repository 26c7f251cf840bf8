"""Flat rows of events, gathered until a Parquet row group is full."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

_TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("course_id", _TEXT),
        ("user_id", _TEXT),
        ("session_hash", _TEXT),
        ("event_type", _TEXT),
        ("timestamp", pa.timestamp("us")),
    ]
)

# course_id, user_id and session_hash of runs of events; not one tuple a run, as
# millions of tuples keep the garbage collector busy
Owners = tuple[list[str], list[str], list[str]]


@dataclass
class RowGroup:
    """Rows in file order.

    Args:
        owners: whose the events are: run i is of the next `lengths[i]` of them.
        lengths: none is 0.
        event_types, timestamps: of the events, in parts.
        n_rows: number of events so far.
    """

    owners: Owners = field(default_factory=lambda: ([], [], []))
    lengths: list[int] = field(default_factory=list)
    event_types: list[pa.DictionaryArray] = field(default_factory=list)
    timestamps: list[pa.TimestampArray] = field(default_factory=list)
    n_rows: int = 0

    def add(
        self,
        owners: Owners,
        lengths: list[int],
        event_types: pa.DictionaryArray,
        timestamps: pa.TimestampArray,
    ) -> None:
        """Append events, as many of them as `lengths` add up to."""
        for column, texts in zip(self.owners, owners, strict=True):
            column += texts
        self.lengths += lengths
        self.event_types.append(event_types)
        self.timestamps.append(timestamps)
        self.n_rows += len(event_types)

    def table(self) -> pa.Table:
        """The rows, with the columns of `SCHEMA`."""
        owners = [_repeated(texts, self.lengths) for texts in self.owners]
        types = pa.chunked_array(self.event_types, _TEXT).unify_dictionaries()
        stamps = pa.chunked_array(self.timestamps, pa.timestamp("us"))
        return pa.table([*owners, types, stamps], schema=SCHEMA)


def _repeated(texts: list[str], counts: list[int]) -> pa.DictionaryArray:
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    codes = np.repeat(encoded.indices.to_numpy(), counts)
    return pa.DictionaryArray.from_arrays(codes, encoded.dictionary)
