"""What DuckDB's SQL cannot do with text files, done within dbt's own process.

dbt-duckdb loads this plugin with the profile. It gives every connection

- `text_form(path)`: encoding, line ends, header and fault of a CSV, as JSON, from one
  pass over its bytes;
- `text_fault(path, encoding)`: the first record that is no row, and its line;
- `line_of(path, record)`: the line of a row, for messages;
- the file system `tidy:`, which shows such a file as UTF-8 with LF: DuckDB reads no
  Windows-1252, and no line ends of two kinds.

It also refuses settings of the environment that DuckDB would meet with a traceback.
"""

import atexit
import codecs
import csv
import gzip
import io
import json
import re
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError
from fsspec import AbstractFileSystem

CHUNK = 1 << 22
MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
# bytes that are no character in Windows-1252; looked for one by one, for a pattern of
# them all takes thirty times as long
UNDEFINED = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
# names that DuckDB keeps for itself
TAKEN = {"main", "temp", "system", "memory", "pg_catalog", "information_schema"}
# a field may be as long as DuckDB lets a line be
csv.field_size_limit(1 << 24)


class Plugin(BasePlugin):
    """The functions and the file system, for every connection of dbt."""

    def update_connection_config(self, creds, config) -> None:
        """Called before the database is opened."""
        refuse_unusable(Path(creds.path))

    def configure_connection(self, conn) -> None:
        """Called once the database is open; its cursors share what is set here."""
        text, number = "VARCHAR", "BIGINT"
        for function, takes, gives in (
            (text_form, [text], text),
            (text_fault, [text, text], text),
            (line_of, [text, number], number),
        ):
            conn.create_function(
                function.__name__, function, takes, gives, side_effects=True
            )
        conn.register_filesystem(TidyFiles())


def refuse_unusable(database: Path) -> None:
    """Fail where DuckDB could not open `MOOCMETA_DUCKDB`, or dbt not name it.

    Raises:
        DbtRuntimeError: one line with the way out.
    """
    if str(database) == ":memory:":
        return
    fault = None
    if database.stem.lower() in TAKEN:
        fault = f"DuckDB keeps the name {database.stem!r} for itself; name it otherwise"
    elif {"'", '"'} & set(database.stem):
        fault = "the name holds a quote; name it otherwise"
    elif database.is_dir():
        fault = "that is a folder; name a file in it"
    elif database.parent.exists() and not database.parent.is_dir():
        fault = f"{database.parent} is no folder"
    elif database.is_file():
        fault = _why_not_opened(database)
    if fault:
        raise DbtRuntimeError(f"MOOCMETA_DUCKDB={database}: {fault}")
    with suppress(OSError):  # DuckDB says what is in the way
        database.parent.mkdir(parents=True, exist_ok=True)


def _why_not_opened(database: Path) -> str | None:
    """What DuckDB finds wrong with a file, which dbt would bury in tracebacks."""
    try:
        duckdb.connect(str(database)).close()
    except duckdb.ConnectionException:  # this process has it open
        return None
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        if "could not set lock" not in message.lower():
            return f"cannot be opened ({message}); delete it, or name another file"
        holder = re.search(r"\(PID (\d+)\)", message)
        who = f"process {holder[1]}" if holder else "another process"
        return f"is locked by {who}; wait until it ends, or name another file"
    return None


def text_form(path: str) -> str:
    """How a CSV is written: `encoding`, `is_tidy`, `header` or `fault`, as JSON."""
    try:
        form = _form(path)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        form = {"fault": "the file is no whole gzip; fetch it again"}
    except OSError as error:
        form = {"fault": f"cannot be read ({error.strerror})"}
    except csv.Error:
        form = {"fault": "line 1 is no header: a quote in it is not closed"}
    return json.dumps(form)


def _form(path: str) -> dict:
    n_bytes = n_cr = n_crlf = 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, before = True, b""
    for chunk in chunks_of(path):
        if not n_bytes and chunk[:2] in MARKS:
            return {"fault": "the file is UTF-16; save it as UTF-8"}
        if b"\0" in chunk:
            return {"fault": "the file holds NUL bytes: damaged, or UTF-16 or UTF-32; "
                    "save it as UTF-8"}  # fmt: skip
        if is_utf8 and not (chunk.isascii() and decoder.getstate()[0] == b""):
            is_utf8 = _continues(decoder, chunk)
        if b"\r" in chunk or before == b"\r":
            n_cr += chunk.count(b"\r")
            n_crlf += (before + chunk).count(b"\r\n")
        n_bytes += len(chunk)
        before = chunk[-1:]
    if not n_bytes:
        return {"fault": "the file is empty; remove it"}
    encoding = "utf-8" if is_utf8 and not decoder.getstate()[0] else "windows-1252"
    if encoding != "utf-8" and any(
        byte in chunk for chunk in chunks_of(path) for byte in UNDEFINED
    ):
        return {"fault": "the file is neither UTF-8 nor Windows-1252; save it as UTF-8"}
    header = next((row for row in records_of(path, encoding) if row), None)
    if header is None:
        return {"fault": "the file has blank lines only; remove it"}
    # almost no file has CR, and to count its LF takes longer than all of the above
    n_lf = sum(chunk.count(b"\n") for chunk in chunks_of(path)) if n_cr else 0
    has_one_end = not n_cr or n_cr == n_crlf == n_lf or not n_lf
    begins = next(chunks_of(path)).removeprefix(codecs.BOM_UTF8)
    is_tidy = encoding == "utf-8" and has_one_end and begins[:1] not in (b"\n", b"\r")
    return {"encoding": encoding, "is_tidy": is_tidy, "header": header, "fault": ""}


def _continues(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


def chunks_of(path: str) -> Iterator[bytes]:
    """The bytes of a file, unpacked where it is a gzip."""
    with opened(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def opened(path: str) -> io.BufferedIOBase:
    return gzip.open(path) if path.endswith(".gz") else Path(path).open("rb")


def records_of(path: str, encoding: str, strict: bool = False) -> "csv.Reader":
    """The records of a CSV, blank lines as empty ones."""
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    text = io.TextIOWrapper(opened(path), encoding=name, newline="", errors="replace")
    return csv.reader(text, strict=strict)


def line_of(path: str, record: int) -> int:
    """The line on which the n-th record after the header begins, from 1."""
    # only quotes, commas and line ends count, and they are the same in both encodings
    rows = records_of(path, "windows-1252")
    begins, seen = 1, -1
    for row in rows:
        seen += bool(row)
        if seen == record:
            return begins
        begins = rows.line_num + 1
    return begins


def text_fault(path: str, encoding: str) -> str:
    """The first record that is no row of its CSV: `line`, `what`, `fields`, as JSON.

    Slow, and asked only where DuckDB has rejected something: it guesses where rows
    begin when it reads with several threads, and with one it passes over a quote that
    is not closed. An empty object where every record is sound.
    """
    rows = records_of(path, encoding, strict=True)
    n_fields, begins = None, 1
    try:
        for row in rows:
            n_fields = n_fields or len(row)
            if row and len(row) != n_fields:
                what = "more" if len(row) > n_fields else "fewer"
                return json.dumps({"line": begins, "what": what, "fields": row})
            begins = rows.line_num + 1
    except csv.Error:
        return json.dumps({"line": begins, "what": "quote", "fields": []})
    return "{}"


class TidyFiles(AbstractFileSystem):
    """Text files as UTF-8 with LF and no blank lines on top: `tidy://encoding/path`."""

    protocol = "tidy"
    _copies = tempfile.TemporaryDirectory(prefix="moocmeta-")
    atexit.register(_copies.cleanup)
    _one_at_a_time = threading.Lock()  # models of several threads read one file

    def _copy_of(self, path: str) -> Path:
        """A tidy copy, which leaves with the process."""
        encoding, file = _parted(path)
        stat = Path(file).stat()
        name = f"{stat.st_dev}-{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"
        copy = Path(self._copies.name) / name
        with self._one_at_a_time:
            if not copy.exists():
                _write_tidy(file, encoding, copy)
        return copy

    def _open(self, path, mode="rb", **_):
        return self._copy_of(path).open("rb")

    def info(self, path, **_) -> dict:
        """Name, size and kind, of the tidy copy."""
        size = self._copy_of(path).stat().st_size
        return {"name": path, "size": size, "type": "file"}

    def modified(self, path):
        """When the file itself was last written."""
        return datetime.fromtimestamp(Path(_parted(path)[1]).stat().st_mtime, UTC)

    def glob(self, path, **_) -> list[str]:
        """The path itself: it is no pattern."""
        return [path]

    def exists(self, path, **_) -> bool:
        """Whether the file is there."""
        return Path(_parted(path)[1]).is_file()


def _parted(path: str) -> tuple[str, str]:
    """Encoding and path of a tidy file."""
    encoding, _, file = path.removeprefix("tidy://").partition("/")
    return encoding, file


def _write_tidy(path: str, encoding: str, out: Path) -> None:
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    with (
        io.TextIOWrapper(opened(path), encoding=name, errors="strict") as text,
        out.open("w", encoding="utf-8", newline="\n") as copy,
    ):
        begun = False  # universal newlines: every line end is read as LF
        while part := text.read(CHUNK):
            part = part if begun else part.lstrip("\n")
            begun = begun or bool(part)
            copy.write(part)
