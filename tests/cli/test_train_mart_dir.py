"""`moocmeta-train --mart-dir`: marts as Parquet, whoever wrote them."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.cli.command_line import MARS, SMALL, assert_one_line, train_on, trained
from tests.cli.tracing_run import QUICK
from tests.dbt.one_process import Case, run_case
from training.files import sha256_of

MODELS = {
    "recommendation": (*MARS, *SMALL, "--model", "gru", "--model", "popularity"),
    "tracing": (*QUICK, "--model", "sakt", "--model", "logistic"),
    "causal": ("--mart", "causal_trials", "--model", "summary_logistic"),
}


@pytest.fixture(scope="module")
def folder(built_project, tmp_path_factory) -> Path:
    """What `export_marts` writes of the sample data."""
    scratch = tmp_path_factory.mktemp("export")
    command = ("run-operation", "export_marts")
    command += ("--args", f"{{out: '{scratch}/marts'}}")
    copy = scratch / "moocmeta.duckdb"  # other processes read the file that dbt locks
    shutil.copy(built_project.duckdb_path, copy)
    done = run_case(Case(scratch, copy, command))
    assert done.success, done.output
    return scratch / "marts"


@pytest.fixture(scope="module")
def no_duckdb(tmp_path_factory) -> dict[str, str]:
    """An environment without dbt's DuckDB file."""
    return {"MOOCMETA_DUCKDB": str(tmp_path_factory.mktemp("nothing") / "absent")}


def query(sql: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(sql)


@pytest.mark.parametrize("family", MODELS)
def test_a_run_is_the_same_from_either(
    family, tmp_path, built_project, folder, no_duckdb
):
    options = (*MODELS[family], "--epochs", "1")
    env = {**no_duckdb, "MOOCMETA_DATA_DIR": built_project.env["MOOCMETA_DATA_DIR"]}
    one = trained(built_project.env, tmp_path, *options)
    two = trained(env, tmp_path, *options, "--mart-dir", folder)
    assert sha256_of(one / "predictions.parquet") == sha256_of(
        two / "predictions.parquet"
    )
    for effects in one.glob("effects.json"):
        assert sha256_of(effects) == sha256_of(two / "effects.json")
        assert json.loads(effects.read_text())["outcome_product"] == "any"
    inputs = [json.loads((r / "config.json").read_text())["inputs"] for r in (one, two)]
    assert inputs[0] == inputs[1]


def test_other_warehouses_lay_files_out_in_other_ways(
    tmp_path, folder, no_duckdb, built_project
):
    """Folders by data set, columns and rows in any order, wider numbers, scratch."""
    other = tmp_path / "marts"
    for mart in ("vocab", "episodes_k2_q3", "sessions"):
        shutil.copytree(folder / mart, other / mart)
    for mart in ("dataset_summary", "dataset_funnel"):
        (other / mart / "deep" / "er").mkdir(parents=True)
        shutil.copy(
            folder / mart / "part-00000.parquet", other / mart / "deep/er/a.parquet"
        )
    (other / "_temporary").mkdir()
    (other / "pairs" / "_temporary").mkdir(parents=True)
    for path in (other / "_temporary/x.parquet", other / "pairs/_temporary/x.parquet"):
        path.write_bytes(b"half written")
    query(
        f"""
        copy (
            select label_ts_epoch, * exclude (label, label_ts_epoch),
                label::bigint as label
            from '{folder}/pairs/*.parquet' order by md5(pair_id::varchar)
        )
        to '{other}/pairs' (format parquet, partition_by (dataset), overwrite_or_ignore)
        """
    )
    options = (*MODELS["recommendation"], "--epochs", "1")
    one = trained(built_project.env, tmp_path / "runs", *options)
    two = trained(no_duckdb, tmp_path / "runs", *options, "--mart-dir", other)
    assert sha256_of(one / "predictions.parquet") == sha256_of(
        two / "predictions.parquet"
    )


def test_an_interrupted_run_goes_on_from_its_folder(tmp_path, folder, no_duckdb):
    options = (*MODELS["recommendation"], "--epochs", "1")
    run = trained(no_duckdb, tmp_path, *options, "--mart-dir", folder)
    (run / "manifest.json").unlink()
    assert train_on(no_duckdb, tmp_path, "--resume", run).exit_code == 0
    both = train_on(no_duckdb, tmp_path, "--resume", run, "--mart-dir", folder)
    assert both.exit_code == 2
    assert "--resume keeps the run's settings" in both.stderr


def test_mistakes(tmp_path, folder, no_duckdb):
    runs, options = tmp_path / "runs", (*MODELS["recommendation"], "--mart-dir")
    absent = tmp_path / "absent"
    assert_one_line(
        train_on(no_duckdb, runs, *options, absent),
        f"--mart-dir {absent} is no folder",
        "export_marts",
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    assert_one_line(
        train_on(no_duckdb, runs, *options, empty), f"{empty} holds no <mart>/*.parquet"
    )
    lacking = Path(shutil.copytree(folder, tmp_path / "lacking"))
    shutil.rmtree(lacking / "vocab")
    assert_one_line(
        train_on(no_duckdb, runs, *options, lacking), f"{lacking} lacks the mart vocab"
    )
    shutil.rmtree(lacking / "episodes_k2_q3")
    assert_one_line(
        train_on(no_duckdb, runs, *options, lacking),
        f"{lacking} has no mart episodes_k2_q3",
    )
    cut = Path(shutil.copytree(folder, tmp_path / "cut"))
    (part,) = (cut / "pairs").iterdir()
    part.write_bytes(part.read_bytes()[:1000])
    assert_one_line(train_on(no_duckdb, runs, *options, cut), str(part), "export_marts")
    narrow = Path(shutil.copytree(folder, tmp_path / "narrow"))
    for mart, column in (("pairs", "prefix_len"), ("episodes_k2_q3", "query_pair_ids")):
        (part,) = (narrow / mart).iterdir()
        rest = f"select * exclude ({column}) from '{folder}/{mart}/*.parquet'"
        query(f"copy ({rest}) to '{part}' (format parquet)")
        assert_one_line(
            train_on(no_duckdb, runs, *options, narrow),
            f"mart {mart} in {narrow}: it has no column {column}",
            "export it anew",
        )
    assert not runs.exists()
