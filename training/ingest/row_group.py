"""Flat rows of events, gathered until a Parquet row group is full."""

from collections.abc import Sequence
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

Owner = tuple[str, str, str]  # course_id, user_id, session_hash


@dataclass
class RowGroup:
    """Rows in file order.

    Args:
        owners: whose the events are: owner i has the next `lengths[i]` of them.
        lengths: none is 0.
        event_types, timestamps: of the events, in parts.
        n_rows: number of events so far.
    """

    owners: list[Owner] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    event_types: list[pa.DictionaryArray] = field(default_factory=list)
    timestamps: list[pa.TimestampArray] = field(default_factory=list)
    n_rows: int = 0

    def add(
        self,
        owners: list[Owner],
        lengths: list[int],
        event_types: pa.DictionaryArray,
        timestamps: pa.TimestampArray,
    ) -> None:
        """Append events, as many of them as `lengths` add up to."""
        self.owners += owners
        self.lengths += lengths
        self.event_types.append(event_types)
        self.timestamps.append(timestamps)
        self.n_rows += len(event_types)

    def table(self) -> pa.Table:
        """The rows, with the columns of `SCHEMA`."""
        columns = zip(*self.owners, strict=True) if self.owners else ((), (), ())
        owners = [_repeated(texts, self.lengths) for texts in columns]
        types = pa.chunked_array(self.event_types, _TEXT).unify_dictionaries()
        stamps = pa.chunked_array(self.timestamps, pa.timestamp("us"))
        return pa.table([*owners, types, stamps], schema=SCHEMA)


def _repeated(texts: Sequence[str], counts: list[int]) -> pa.DictionaryArray:
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    codes = np.repeat(encoded.indices.to_numpy(), counts)
    return pa.DictionaryArray.from_arrays(codes, encoded.dictionary)
