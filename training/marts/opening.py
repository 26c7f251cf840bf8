"""Marts as DuckDB opens them: dbt's file or a folder, read-only, and what lies there.

They come from dbt's DuckDB file, or from a folder of Parquet files that any engine
wrote; DuckDB reads both, and nothing else in training opens it.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb

from training.errors import UserError
from training.marts.folder import EXPORT, HOW_TO_EXPORT, view_folder

PREFERRED_DATASETS = ("xuetangx", "edm_cup_2023")
EPISODE_COLUMNS = {"support_pair_ids", "query_pair_ids"}

Connection = duckdb.DuckDBPyConnection


class Marts(Protocol):
    """What a run needs to know of the marts of any family."""

    @property
    def mart(self) -> str:
        """The mart trained on."""

    @property
    def dataset(self) -> str:
        """The data set trained on."""

    @property
    def fingerprints(self) -> dict[str, dict[str, Any]]:
        """Rows and SHA-256 of each mart read."""


def duckdb_path() -> Path:
    """The DuckDB file that dbt writes and training reads.

    Raises:
        UserError: it is a folder.
    """
    path = Path(os.environ.get("MOOCMETA_DUCKDB") or "target/moocmeta.duckdb")
    if path.is_dir():
        raise UserError(
            f"{path} is a folder, a DuckDB file there does not exist: run `dbt build` "
            "first, set MOOCMETA_DUCKDB, or name a folder of marts with --mart-dir"
        )
    return path


def marts_path(mart_dir: str | None) -> Path:
    """Where the marts are: a folder of Parquet files if one is named, else DuckDB's.

    Raises:
        UserError: there is no such folder.
    """
    if mart_dir is None:
        return duckdb_path()
    path = Path(mart_dir)
    if not path.is_dir():
        raise UserError(f"--mart-dir {path} is no folder; {HOW_TO_EXPORT}")
    return path


@contextmanager
def open_marts(path: Path) -> Iterator[Connection]:
    """Open a DuckDB file, or a folder of Parquet marts, read-only.

    Whatever goes wrong names the remedy.
    """
    is_folder = path.is_dir()
    if not is_folder and not path.is_file():
        raise UserError(
            f"{path} does not exist: run `dbt build` first or set MOOCMETA_DUCKDB"
        )
    database = ":memory:" if is_folder else str(path)
    limit = os.environ.get("MOOCMETA_MEMORY_LIMIT")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="moocmeta-") as scratch,
            duckdb.connect(database, read_only=not is_folder) as connection,
        ):
            connection.execute("set enable_progress_bar = false")
            connection.execute("set TimeZone = 'UTC'")
            if limit:
                _limit_memory(connection, limit)
            if is_folder:  # a file's scratch folder lies beside it
                connection.execute("set temp_directory = ?", [scratch])
                view_folder(connection, path)
            else:
                _tell_of_failed_build(connection, path)
            yield connection
    except duckdb.Error as error:
        why = _why_no_folder if is_folder else _why_not_read
        raise UserError(why(path, error)) from error


def _limit_memory(connection: Connection, limit: str) -> None:
    try:
        connection.execute("set memory_limit = ?", [limit])
    except duckdb.Error as error:
        raise UserError(
            f"MOOCMETA_MEMORY_LIMIT={limit}: {_first_line(str(error))}; write it as 4GB"
        ) from error


_TOLD: set[Path] = set()


def _tell_of_failed_build(connection: Connection, path: Path) -> None:
    """Say once on stderr that dbt's last word on these marts was not a good one."""
    try:
        failed = connection.execute(
            "select name from intermediate.failed_nodes order by name"
        ).fetchall()
    except duckdb.CatalogException:  # built before dbt kept such a list
        return
    if failed and path not in _TOLD and os.environ.get("RANK", "0") == "0":
        names = ", ".join(name for (name,) in failed[:3])
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        sys.stderr.write(
            f"Warning: {path} comes from a build that failed ({names}{more}); "
            "mend what it names and run `dbt build` again\n"
        )
    _TOLD.add(path)


def _why_no_folder(folder: Path, error: duckdb.Error) -> str:
    message = _first_line(str(error))
    missing = re.search(r"Table with name (\w+) does not exist", message)
    if missing:
        return f"--mart-dir {folder} lacks the mart {missing[1]}; {HOW_TO_EXPORT}"
    return f"--mart-dir {folder} cannot be read ({message}); {HOW_TO_EXPORT}"


def _why_not_read(path: Path, error: duckdb.Error) -> str:
    message = str(error)
    if isinstance(error, duckdb.ProgrammingError):  # a mart or column is not there
        return f"{path} is of another version ({_first_line(message)}); run `dbt build`"
    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            f"{path} takes more memory to read than it may ({_first_line(message)}); "
            "free some, or raise MOOCMETA_MEMORY_LIMIT where it is set"
        )
    if "could not set lock" not in message.lower():
        return (
            f"{path} cannot be read ({_first_line(message)}); "
            "if it is damaged, delete it and run `dbt build`"
        )
    holder = re.search(r"held in (.*?)\s*\(PID (\d+)\)", message)
    who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
    return (
        f"{path} is locked by {who}: wait until it ends or close it, "
        "or point MOOCMETA_DUCKDB at a copy of the file"
    )


def _first_line(message: str) -> str:
    return message.split("\n", 1)[0]


def columns_by_mart(connection: Connection) -> dict[str, set[str]]:
    """Names of the columns of every mart, by its name, in the order of names."""
    found = connection.execute(
        "select table_name, list(column_name) from information_schema.columns "
        "where table_schema = 'main' group by table_name order by table_name"
    ).fetchall()
    return {name: set(columns) for name, columns in found}


def episode_marts(connection: Connection) -> dict[str, tuple[int, int]]:
    """The episode marts there are, by their columns, with K and Q of each name."""
    marts = columns_by_mart(connection)
    names = [name for name, columns in marts.items() if columns >= EPISODE_COLUMNS]
    shapes = {name: re.search(r"k(\d+)_q(\d+)$", name) for name in names}
    return {name: (int(k[1]), int(k[2])) for name, k in shapes.items() if k}


def refusal(path: Path, mart: str, what: str) -> UserError:
    """The error of a mart that cannot be trained on, with the remedy."""
    remedy = (
        f"export it anew, one export a folder: {EXPORT}"
        if path.is_dir()
        else "run `dbt build`"
    )
    return UserError(f"mart {mart} in {path}: {what}; {remedy}")


def _why_none(connection: Connection, dataset: str) -> str:
    """Why a mart may have no rows of a data set, with the remedy."""
    funnel = "dataset_funnel"
    if (
        funnel not in columns_by_mart(connection)
        or not connection.execute(
            f"select 1 from {funnel} where dataset = $1", [dataset]
        ).fetchone()
    ):
        return "a log that is new there needs `dbt build`"
    return f"{funnel} says which step left none of it, or choose its family's mart"


def choose_dataset(
    connection: Connection, path: Path, mart: str, dataset: str | None
) -> str:
    """The data set to train on.

    Args:
        path: what was opened.
        dataset: None takes the first preferred one that the mart has, else the only
            one.
    Raises:
        UserError: the mart is empty, lacks that data set, or holds several.
    """
    rows = connection.execute(
        f'select distinct dataset from "{mart}" order by dataset'
    ).fetchall()
    found = [row[0] for row in rows]
    odd = [name for name in found if not isinstance(name, str)]
    if odd:
        what = "null" if odd[0] is None else f"{odd[0]}, which is no text"
        raise refusal(path, mart, f"column dataset holds {what}")
    if dataset is not None and dataset in found:
        return dataset
    if not found and path.is_dir():
        raise refusal(path, mart, "it has no rows")
    if not found:
        raise UserError(
            f"mart {mart} is empty: check the raw files under MOOCMETA_DATA_DIR "
            "(mart dataset_funnel says which step left nothing), then run `dbt build`"
        )
    if dataset is not None:
        raise UserError(
            f"mart {mart} has no rows of data set {dataset}; it has: "
            f"{', '.join(found)}; {_why_none(connection, dataset)}"
        )
    for preferred in PREFERRED_DATASETS:
        if preferred in found:
            return preferred
    if len(found) > 1:
        raise UserError(
            f"mart {mart} holds several data sets, choose one with --dataset: "
            + ", ".join(found)
        )
    return found[0]


def time_is_order(connection: Connection, dataset: str) -> bool:
    """Whether a data set's times only say what came first, as `datasets` knows."""
    if "time_is_order" not in columns_by_mart(connection).get("datasets", set()):
        return False  # marts of an earlier export
    found = connection.execute(
        "select bool_or(time_is_order) from datasets where dataset = ?", [dataset]
    ).fetchone()
    return bool(found and found[0])


def split_times(connection: Connection, dataset: str) -> tuple[int, int] | None:
    """The seconds at which train and val end; None where users are split."""
    if "split_times" not in columns_by_mart(connection):
        return None  # marts of an earlier export
    found = connection.execute(
        "select train_until, val_until from split_times where dataset = ?", [dataset]
    ).fetchone()
    return (int(found[0]), int(found[1])) if found else None
