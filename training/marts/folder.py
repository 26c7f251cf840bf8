"""A folder of Parquet marts as views of one connection, whoever wrote it."""

import glob
import os
import re
from pathlib import Path
from typing import Any

from training.errors import UserError

EXPORT = "`dbt run-operation export_marts --args '{out: DIR}'`"
HOW_TO_EXPORT = f"write all marts there: {EXPORT}"


def view_folder(connection: Any, folder: Path) -> None:
    """A view of each mart: `<mart>/**/*.parquet`, columns in any order.

    Files count in the byte-wise order of their names, rows in that of their file.
    Names that begin with `_` or `.` are scratch files, as they are to Spark. Folders
    `key=value` below a mart's, and only those, are columns of text.

    Args:
        connection: of DuckDB; its time zone is UTC.
    Raises:
        UserError: there are no marts, or some files only lie in such folders.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/**/*.parquet"), key=os.fsencode):
        parts = path.relative_to(folder).parts
        if not any(part.startswith(("_", ".")) for part in parts):
            files.setdefault(parts[0], []).append(path)
    if not files:
        raise UserError(
            f"--mart-dir {folder} holds no <mart>/*.parquet; {HOW_TO_EXPORT}"
        )
    for mart, paths in files.items():
        _view(connection, folder / mart, paths)


def _view(connection: Any, folder: Path, paths: list[Path]) -> None:
    keys = _keys(folder, paths)
    rows = connection.read_parquet(
        [glob.escape(str(path)) for path in paths],
        union_by_name=True,
        hive_partitioning=False,  # folders above the mart's own would count, too
        filename=bool(keys),
    )
    columns = [_of_folder(key) for key in keys]
    for name, kind in zip(rows.columns, rows.types, strict=True):
        if name not in (*keys, *(["filename"] if keys else [])):
            # zoned times are UTC's, since that is the connection's zone
            is_time = str(kind).startswith("TIMESTAMP")
            quoted = _quoted(name)
            columns.append(
                f"cast({quoted} as timestamp) as {quoted}" if is_time else quoted
            )
    rows.project(", ".join(columns)).create_view(folder.name)


def _keys(folder: Path, paths: list[Path]) -> list[str]:
    """The keys of the folders `key=value` that all files lie in."""
    found = {
        tuple(
            part.split("=")[0]
            for part in path.relative_to(folder).parent.parts
            if "=" in part
        )
        for path in paths
    }
    if len(found) > 1:
        raise UserError(
            f"{folder}: some files lie in folders such as dataset=…, others do not; "
            "lay all of a mart's files out alike"
        )
    return list(found.pop())


def _of_folder(key: str) -> str:
    """The innermost folder's value, as Spark and DuckDB write it."""
    pattern = f".*/{re.escape(key)}=([^/]*)/".replace("'", "''")
    value = f"url_decode(regexp_extract(filename, '{pattern}', 1))"
    return f"nullif({value}, '__HIVE_DEFAULT_PARTITION__') as {_quoted(key)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
