"""Fingerprints of ordered rows that come in batches."""

import hashlib
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 65_536  # another number, and every fingerprint is another


class RowsDigest:
    """Number and SHA-256 of ordered rows, however many come at a time.

    They are digested as Parquet, which keeps nothing where a null is; Arrow's own
    buffers hold whatever lay in memory there. Its footer is left out: that names the
    version of pyarrow, and the same rows would be others after every upgrade.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._n_rows, self._sha256 = 0, hashlib.sha256(str(schema).encode())
        self._waiting = schema.empty_table()
        sink = pa.PythonFile(_Hashed(self._sha256), mode="w")
        self._parquet = pq.ParquetWriter(sink, schema, compression="none")

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows behind those there were; groups are of `BATCH_ROWS` always."""
        self._n_rows += len(batch)
        rows = pa.Table.from_batches([batch])
        self._waiting = pa.concat_tables([self._waiting, rows])
        while len(self._waiting) >= BATCH_ROWS:
            self._write(self._waiting.slice(0, BATCH_ROWS))
            self._waiting = self._waiting.slice(BATCH_ROWS)

    def found(self) -> dict[str, Any]:
        """`rows` and `sha256` of all that came."""
        self._write(self._waiting)
        found = {"rows": self._n_rows, "sha256": self._sha256.hexdigest()}
        self._parquet.close()
        return found

    def _write(self, rows: pa.Table) -> None:
        self._parquet.write_table(rows.combine_chunks())


class _Hashed(io.RawIOBase):
    """A file of which only the hash is kept."""

    def __init__(self, digest: Any) -> None:
        self._digest = digest

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes behind those there were."""
        self._digest.update(data)
        return len(data)
