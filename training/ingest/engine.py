"""DuckDB as the reader of strangers' files: bounded memory, errors of one line."""

import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from training.errors import UserError
from training.progress import progress_bar

MEMORY_LIMIT = "1500MB"
_ASKED = {  # by the environment
    "MOOCMETA_MEMORY_LIMIT": ("memory_limit", "write an amount such as 4GB"),
    "MOOCMETA_THREADS": ("threads", "write a whole number from 1"),
}
_CSV_FAULT = re.compile(
    r"CSV Error on Line: (?P<line>\d+)\n+Original Line: ?(?P<text>.*?)\n+"
    r"(?P<why>[^\n]+)",
    re.DOTALL,
)
_JSON_FAULT = re.compile(r'Malformed JSON in file "[^"]*", at byte \d+ in .*')
_OFTEN = 0.2  # seconds between two looks at how far a query is


class Engine:
    """One in-memory database whose spilled rows lie under `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.connection = duckdb.connect(":memory:")
        settings = {
            "TimeZone": "UTC",
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(scratch / "spilled"),
            "enable_progress_bar": False,
        }
        for name, value in settings.items():
            self.connection.execute(f"set {name} = {literal(value)}")
        for variable, (setting, wanted) in _ASKED.items():
            if value := os.environ.get(variable):
                try:
                    self.connection.execute(f"set {setting} = {literal(value)}")
                except duckdb.Error as error:
                    raise UserError(f"{variable}={value}: {wanted}") from error

    def rows(self, query: str) -> list[tuple]:
        """All rows of a small result."""
        with _one_line_errors():
            return self.connection.execute(query).fetchall()

    def run(self, query: str, what: str = "", *, show_progress: bool = False) -> list:
        """A long query, with a bar of how far it is."""
        with _progress(self.connection, what, show_progress):
            return self.rows(query)

    def has_table(self, table: str) -> bool:
        """Whether a query left a table behind."""
        named = f"table_name = {literal(table)}"
        return bool(self.rows(f"select 1 from duckdb_tables() where {named}"))

    def close(self) -> None:
        """Forget everything."""
        self.connection.close()


def literal(value: object) -> str:
    """A value as SQL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def name(column: str) -> str:
    """A column's name as SQL."""
    return '"' + column.replace('"', '""') + '"'


def shown(value: object, most: int = 80) -> str:
    """A value as a message quotes it: one line, not too long."""
    text = " ".join(str(value).split())
    return f'"{text[:most]}…"' if len(text) > most else f'"{text}"'


def few(names: Iterable[str], most: int = 20) -> str:
    """The first of many columns, for a message."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise UserError(_in_one_line(str(error))) from error
    except RuntimeError as error:  # what DuckDB makes of Ctrl-C
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


def _in_one_line(message: str) -> str:
    file = re.search(r"\n\s*file = (.*)", message)
    where = f"{file[1]}, " if file else ""
    if fault := _CSV_FAULT.search(message):
        reason = fault["why"].strip().rstrip(".").lower()
        return (
            f"{where}line {fault['line']}: {reason}: {shown(fault['text'])}; mend the "
            "line, or leave such lines out with --drop-bad"
        )
    if fault := _JSON_FAULT.search(message):
        return fault[0].replace("Malformed JSON in file ", "malformed JSON in ")
    return " ".join(message.split("\n")[0].split())


@contextmanager
def _progress(connection, what: str, is_shown: bool) -> Iterator[None]:
    if not is_shown:
        yield
        return
    is_done = threading.Event()
    looks: dict[str, Any] = {"total": 100, "bar_format": "{desc}: {n:.0f}% {elapsed}"}
    bar = progress_bar(title=what, is_shown=True, **looks)

    def watch() -> None:
        while not is_done.wait(_OFTEN):
            bar.n = max(bar.n, min(100, connection.query_progress()))
            bar.refresh()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
        bar.n = 100
    finally:
        is_done.set()
        thread.join()
        bar.close()
