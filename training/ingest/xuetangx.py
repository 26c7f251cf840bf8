"""The nested XuetangX activity log as one flat Parquet file, streamed."""

import csv
import hashlib
import json
import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from training.errors import UserError
from training.files import appearing_whole, project_root
from training.ingest.flatten import Counts, Flattener
from training.ingest.row_group import SCHEMA, RowGroup
from training.ingest.scanner import FormError, Scanner, Strings
from training.progress import progress_bar

DATASET = "xuetangx"
EVERY_EVENT = ("",)  # every event type begins with nothing
METADATA_KEY = "moocmeta.ingest"
_BOM = b"\xef\xbb\xbf"
_PARQUET = {
    "use_dictionary": ["course_id", "user_id", "session_hash", "event_type"],
    "dictionary_pagesize_limit": 64 << 20,  # a row group of ids, never cut short
    "column_encoding": {"timestamp": "DELTA_BINARY_PACKED"},  # sessions rise slowly
    "write_statistics": ["timestamp"],  # of ids they cost more than all the rest
    "store_schema": False,  # readers see plain strings
}


@dataclass(frozen=True)
class Settings:
    """How to ingest.

    Args:
        event_type_prefixes: an event is kept if its type begins with one of them.
        chunk_bytes: bytes read at once.
        row_group_rows: rows gathered before they are written.
        show_progress: draw a bar on stderr.
    """

    event_type_prefixes: tuple[str, ...]
    chunk_bytes: int = 2 << 20
    row_group_rows: int = 1 << 19
    show_progress: bool = False


@dataclass(frozen=True)
class Ingested:
    """The file that was written, and the counts that are also in its metadata."""

    path: Path
    counts: Counts


def learning_event_prefixes(datasets_csv: Path | None = None) -> tuple[str, ...]:
    """What the types of learning events begin with, from the table of data sets."""
    if datasets_csv is None:
        root = project_root("`moocmeta ingest xuetangx` without --all-events")
        datasets_csv = root / "dbt_project" / "seeds" / "datasets.csv"
    try:
        with datasets_csv.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["dataset"] == DATASET]
        return tuple(rows[0]["event_type_prefixes"].split()) or EVERY_EVENT
    except (OSError, LookupError) as error:
        raise UserError(
            f"{datasets_csv} has no event_type_prefixes of {DATASET} ({error}); "
            "restore it, or keep every event with --all-events"
        ) from error


def ingest(source: Path, data_dir: Path, settings: Settings) -> Ingested:
    """Flatten `source` to `data_dir/raw/xuetangx/<stem>.parquet`, whole or not at all.

    The counts, the prefixes and the source's size and SHA-256 are in the Parquet
    file's metadata under `METADATA_KEY`.

    Raises:
        UserError: the file cannot be read or is not of the published form (one line
            with the byte offset, or the course, user and value), or the output
            cannot be written.
    """
    path = data_dir / "raw" / DATASET / f"{source.stem}.parquet"
    _keep_freed_memory()
    with _opened(source) as file, appearing_whole(path) as scratch:
        try:
            counts = _flatten(file, scratch, settings)
        except FormError as error:
            raise UserError(f"{source}: {error}") from error
    return Ingested(path, counts)


def _keep_freed_memory() -> None:
    """Let the C library keep what a chunk frees for the next one; a sixth faster.

    glibc gives free memory back above twice the largest block it has ever released
    (mallopt(3), dynamic mmap threshold), and every chunk would have to ask for it
    again. This block is released at once and never touched, so it costs nothing.
    """
    np.empty(30 << 20, np.uint8)


def _opened(source: Path) -> BufferedReader:
    try:
        if source.exists() and not source.is_file():
            raise UserError(f"{source} is not a file; name the published JSON file")
        return source.open("rb")
    except OSError as error:
        raise UserError(
            f"cannot read {source}: {error.strerror}; name the published JSON file"
        ) from error


def _flatten(file: BufferedReader, path: Path, settings: Settings) -> Counts:
    digest = hashlib.sha256()
    flattener = Flattener(settings.event_type_prefixes)
    rows = RowGroup()
    with (
        pq.ParquetWriter(path, SCHEMA, **_PARQUET) as writer,
        closing(_one_ahead(_scanned(file, digest, settings))) as stretches,
    ):
        for strings in stretches:
            flattener.add(strings, rows)
            if rows.n_rows >= settings.row_group_rows:
                writer.write_table(rows.table())
                rows = RowGroup()
        writer.write_table(rows.table())
        counts = flattener.counts()
        record = {
            "source": Path(file.name).name,
            "source_bytes": file.tell(),
            "source_sha256": digest.hexdigest(),
            "event_type_prefixes": list(settings.event_type_prefixes),
            **asdict(counts),
        }
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(record)})
    return counts


def _scanned(
    file: BufferedReader, digest: "hashlib._Hash", settings: Settings
) -> Generator[Strings]:
    """The file's strings chunk by chunk; `digest` becomes that of the whole file."""
    bom = _BOM if file.peek(len(_BOM)).startswith(_BOM) else b""
    digest.update(file.read(len(bom)))
    scanner = Scanner(offset=len(bom))
    for chunk in _chunks(file, settings):
        digest.update(chunk)
        yield scanner.feed(chunk)
    scanner.finish()


def _chunks(file: BufferedReader, settings: Settings) -> Iterator[bytes]:
    with progress_bar(
        is_shown=settings.show_progress,
        total=os.fstat(file.fileno()).st_size,
        initial=file.tell(),
        unit="B",
        unit_scale=True,
    ) as bar:
        try:
            while chunk := file.read(settings.chunk_bytes):
                yield chunk
                bar.update(len(chunk))
        except OSError as error:
            raise UserError(
                f"cannot read {file.name}: {error.strerror}; copy it to a sound disk"
            ) from error


def _one_ahead(items: Generator[Strings]) -> Generator[Strings]:
    """The same items; a thread makes the next one while this one is in use."""
    with closing(items), ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item
