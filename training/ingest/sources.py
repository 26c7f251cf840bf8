"""A file of any platform as a relation: what it is, its text as clean UTF-8."""

import csv
import hashlib
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.ingest.engine import Engine, literal, name, shown
from training.ingest.text import rewritten, scanned

DELIMITERS = ",\t;|"
BAD = "_bad"  # column: the text of a row that is not what the file's kind says
LINE = "_line"  # columns that no file of a user should have
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_NO_LOGS = {
    b"PK\x03\x04": "a spreadsheet or zip archive; save it as CSV",
    b"%PDF": "a PDF; export the log as CSV",
    b"SQLite format": "a database; export the log as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of the old form; save it as CSV",
    b"RDX": "an R object; write it with write.csv",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}
_BIGGEST_LINE = 32 << 20


@dataclass(frozen=True)
class Source:
    """One raw file.

    Args:
        path: as the user named it.
        kind: `csv`, `json` or `parquet`.
        rows: a query with the file's columns and `BAD`.
        columns: DuckDB's type by name; every value of text files is `VARCHAR`.
        n_head: lines above the first row.
        unit: what rows are counted in.
        repeated: columns that stand twice in the file.
        settled: what was settled about the file, in words.
        n_bytes, sha256: of the file as it lies there.
        n_rows: how many it has, where that was counted.
    """

    path: Path
    kind: str
    rows: str
    columns: dict[str, str]
    n_bytes: int
    sha256: str
    n_head: int = 0
    unit: str = "line"
    repeated: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    n_rows: int | None = None

    def place(self, row: int) -> str:
        """Where a row (from 1) stands, in words."""
        return f"{self.unit} {row + self.n_head}"


def open_source(
    path: Path, engine: Engine, *, quote: str = '"', drop_bad: bool = False
) -> Source:
    """Find out what a file is.

    Args:
        quote: of a CSV's values; empty where the form has none.
        drop_bad: leave out rows of a CSV that have too many or too few values.
    Raises:
        UserError: it cannot be read, or is no log.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise UserError(
                f"{path} is a pipe or a device, and a log is read more than once; "
                "write it to a file and name that"
            )
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no such file"
            raise UserError(f"{path}: {what}; name the exported log")
        with path.open("rb") as file:
            magic = file.read(16)
        if not magic:
            raise UserError(f"{path}: the file is empty")
        if magic[:4] == b"PAR1":
            return _parquet(path, engine)
        return _text(path, engine, quote, drop_bad)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise UserError(f"{path} cannot be read: {reason}") from error


def _parquet(path: Path, engine: Engine) -> Source:
    rows = f"select *, cast(null as varchar) as {BAD} from {_reader('parquet', path)}"
    try:
        described = engine.rows(f"describe {rows}")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    columns = {row[0]: row[1] for row in described if row[0] != BAD}
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(
        path, "parquet", rows, columns, path.stat().st_size, digest, unit="row"
    )


def _text(path: Path, engine: Engine, quote: str, drop_bad: bool) -> Source:
    with path.open("rb") as file:
        magic = file.read(4)
    packed = next(
        (c for start, c in _COMPRESSED.items() if magic.startswith(start)), None
    )
    text = scanned(path, packed)
    for start, what in _NO_LOGS.items():
        if text.head.startswith(start):
            raise UserError(f"{path} is {what}")
    if text.has_nul:
        raise UserError(f"{path} is no text: it has zero bytes; save it as UTF-8 text")
    readable = path
    if not text.is_clean:
        readable, packed = rewritten(path, packed, text, engine.scratch), None
    head = text.head.decode("utf-8" if text.is_utf8 else "cp1252", errors="replace")
    head = head.removeprefix("\ufeff")
    if not head.strip():
        raise UserError(f"{path}: the file is empty")
    # said for plain files too: a name that ends in .gz is no proof
    options = {"compression": packed or "uncompressed"}
    digest = text.digest.hexdigest()
    if packed or magic[:2] in _COMPRESSED or magic in _COMPRESSED:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    facts: dict[str, Any] = {"n_bytes": path.stat().st_size, "sha256": digest}
    if not text.is_utf8:
        facts["settled"] = ("is not UTF-8: read as Windows-1252",)
    if head.lstrip()[:1] in ("{", "[") or _is_prefixed_json(head):
        is_lines = _is_json_lines(head)
        rows = (_json_lines if is_lines else _json_entries)(readable, options)
        unit = "line" if is_lines else "entry"
        return Source(path, "json", rows, {}, unit=unit, **facts)
    return _csv(path, readable, head, options, quote, drop_bad, facts)


def _is_prefixed_json(head: str) -> bool:
    """Whether the first line is a log line that ends in a JSON object."""
    line = head.splitlines()[0].strip()
    start = line.find("{")
    if start < 1 or not line.endswith("}"):
        return False
    return _is_json(line[start:])


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_json_lines(head: str) -> bool:
    """Whether each line is an object, maybe behind what a logger writes first."""
    first = next((line for line in head.splitlines() if line.strip()), "")
    start = first.find("{")
    if start < 0 or first.lstrip().startswith("[") or not _is_json(first[start:]):
        return False
    return "statements" not in json.loads(first[start:])


def _json_entries(path: Path, options: dict) -> str:
    """`json` and `BAD` of an array's entries, or of an object's statements."""
    objects = _reader(
        "json_objects",
        path,
        format="auto",
        maximum_object_size=_BIGGEST_LINE,
        **options,
    )
    return (
        "select case when is_object then json end as json, "
        f"case when not is_object then cast(json as varchar) end as {BAD} from ("
        "select json, json_type(json) = 'OBJECT' as is_object from ("
        "select unnest(case when json_type(json, '$.statements') = 'ARRAY' "
        "then json_extract(json, '$.statements[*]') else [json] end) as json "
        f"from {objects}))"
    )


def _json_lines(path: Path, options: dict) -> str:
    lines = _reader(
        *("csv", path),
        auto_detect=False,
        header=False,
        delim="\1",
        quote="",
        escape="",
        max_line_size=_BIGGEST_LINE,
        strict_mode=False,
        columns={LINE: "VARCHAR"},
        **options,
    )
    return (
        "select case when is_object then json end as json, "
        f"case when not is_object then {LINE} end as {BAD} from ("
        f"select *, coalesce(json_type(json) = 'OBJECT', false) as is_object from ("
        # what a logger writes before the object is none of ours
        f"select {LINE}, try_cast(substr({LINE}, instr({LINE}, '{{')) as json) as json "
        f"from {lines} where trim({LINE}) <> ''))"
    )


def _csv(
    path: Path,
    readable: Path,
    head: str,
    options: dict,
    quote: str,
    drop_bad: bool,
    facts: dict,
) -> Source:
    delimiter, n_skipped = _delimiter(head)
    body = "".join(head.splitlines(keepends=True)[n_skipped:])
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)
    try:
        given = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise UserError(f"{path}: line {n_skipped + 1}: {error}") from error
    columns = _distinct(given)
    if drop_bad:
        options = {**options, "store_rejects": True, "rejects_limit": 0}
    table = _reader(
        *("csv", readable),
        auto_detect=False,
        header=True,
        delim=delimiter,
        quote=quote,
        escape=quote,
        skip=n_skipped,
        max_line_size=_BIGGEST_LINE,
        columns=dict.fromkeys(columns, "VARCHAR"),
        **options,
    )
    plain = [column.lower() for column in given]
    repeated = tuple(column for column in columns if plain.count(column.lower()) > 1)
    return Source(
        path,
        "csv",
        f"select *, cast(null as varchar) as {BAD} from {table}",
        dict.fromkeys(columns, "VARCHAR"),
        n_head=n_skipped + reader.line_num,
        repeated=repeated,
        **facts,
    )


def _delimiter(head: str) -> tuple[str, int]:
    """What stands most often between a header's names, and the lines above it."""
    lines = head.splitlines()
    if lines[0].lower().startswith("sep=") and len(lines[0]) == 5:
        return lines[0][-1], 1
    outside = "".join(lines[0].split('"')[::2])
    return max(DELIMITERS, key=outside.count), 0


def _distinct(names: list[str]) -> list[str]:
    """Names for all columns: an index of pandas has none, some stand twice."""
    taken: list[str] = []
    for number, column in enumerate(names):
        wanted = column or f"column{number}"
        while wanted.lower() in (other.lower() for other in taken):
            wanted += "_again"
        taken.append(wanted)
    return taken


def _reader(kind: str, path: Path, **options: object) -> str:
    pattern = "".join(f"[{c}]" if c in "[*?" else c for c in str(path))
    given = [f"{key} = {_option(value)}" for key, value in options.items()]
    return f"read_{kind}({', '.join([literal(pattern), *given])})"


def _option(value: object) -> str:
    if isinstance(value, dict):
        pairs = [f"{name(key)}: {literal(kind)}" for key, kind in value.items()]
        return "{" + ", ".join(pairs) + "}"
    return literal(value)


def json_columns(source: Source, engine: Engine, n_rows: int = 2000) -> Source:
    """The same with the top-level keys of its first objects as columns of text."""
    found = engine.rows(
        "select key, min(n) from (select unnest(json_keys(json)) as key, n from ("
        f"select json, row_number() over () as n from ({source.rows}) limit {n_rows}))"
        " group by key order by min(n), key"
    )
    if not found:
        first = engine.rows(f"select {BAD} from ({source.rows}) limit 1")
        what = shown(first[0][0]) if first else "nothing"
        raise UserError(f"{source.path}: line 1 is no JSON object: {what}")
    columns = [row[0] for row in found]
    texts = [f"json ->> {literal(_json_path(c))} as {name(c)}" for c in columns]
    rows = f"select {', '.join(texts)}, {BAD} from ({source.rows})"
    return replace(source, rows=rows, columns=dict.fromkeys(columns, "VARCHAR"))


def _json_path(key: str) -> str:
    return '$."' + key.replace('"', '\\"') + '"'
