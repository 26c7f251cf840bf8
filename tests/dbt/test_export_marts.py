"""Marts as Parquet: every row, in the order of the key, and nothing of before."""

import shutil
from dataclasses import replace

import duckdb
import pytest

from tests.dbt.engines import mart_names, rows_in_order
from tests.dbt.one_process import Case, Outcome, run_case
from tests.reference.compare import EVERY_KEY

# sessions of two users may bear one id: their key has the user, too
ORDER = {**EVERY_KEY, "sessions": ("dataset", "user_id", "session_id")}


def export(project, arguments: str) -> Outcome:
    command = ("run-operation", "export_marts", "--args", arguments)
    data_dir = project.env["MOOCMETA_DATA_DIR"]
    return run_case(Case(data_dir, project.duckdb_path, command))


@pytest.fixture(scope="module")
def built_project(built_project, tmp_path_factory):
    """A copy: dbt opens the file for writing, and others read it at the same time."""
    copy = tmp_path_factory.mktemp("marts") / built_project.duckdb_path.name
    shutil.copy(built_project.duckdb_path, copy)
    return replace(built_project, duckdb_path=copy)


@pytest.fixture(scope="module")
def folder(built_project, tmp_path_factory):
    """An export into a folder that is not there yet, over an older one of a mart."""
    out = tmp_path_factory.mktemp("exports") / "not yet" / "there"
    stale = out / "pairs" / "part-00007.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an older export")
    done = export(built_project, f"{{out: '{out}/'}}")
    assert done.success, done.output
    return out


@pytest.mark.parametrize("mart", [*mart_names(), "datasets"])
def test_an_export_holds_the_mart(built_project, folder, mart):
    files = f"'{folder}/{mart}/*.parquet'"
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as connection:
        for a, b in ((files, mart), (mart, files)):
            assert not connection.sql(f"from {a} except all from {b}").fetchall()
        ours, exported = (
            [row[:2] for row in connection.sql(f"describe from {rows}").fetchall()]
            for rows in (mart, files)
        )
    assert exported == ours


@pytest.mark.parametrize("mart", ORDER)
def test_rows_stand_in_the_order_of_the_key(folder, mart):
    rows = rows_in_order(mart, folder).select(ORDER[mart])
    keys = list(zip(*rows.to_pydict().values(), strict=True))
    assert keys == sorted(set(keys))


def test_a_mart_that_is_none_is_named(built_project, tmp_path):
    done = export(built_project, f"{{out: '{tmp_path}', marts: [pears]}}")
    assert not done.success
    assert "pears is no mart of this project" in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", ["/", "", "//", "s3://"])
def test_a_folder_of_its_own_is_asked_for(built_project, out):
    done = export(built_project, f"{{out: '{out}', marts: [vocab]}}")
    assert not done.success
    assert f"out: '{out}' is no folder of its own" in done.output
