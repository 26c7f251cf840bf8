"""Spark builds the marts of DuckDB, to the last bit, and refuses what DuckDB refuses.

Every dbt command of an engine runs in one process: a Spark session starts once.
"""

import os
import shutil
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.conftest import PROJECT_ROOT
from tests.dbt.engines import (
    difference,
    mart_names,
    rows_in_order,
    why_spark_is_absent,
)
from tests.dbt.one_process import Case, Outcome, run_all
from tests.dbt.raw_cases import (
    ACTIONS,
    ACTIONS_HEADER,
    CONTRADICTORY,
    EVENTS_HEADER,
    MODELS,
    RATINGS_HEADER,
    SELECTED,
    parquet,
    with_beside,
)
from tests.dbt.raw_logs import HARMLESS, Log
from tests.dbt.test_export_marts import ORDER
from tests.dbt.test_kt_exports import write_run
from tests.dbt.test_rec_exports import GOOD, OLDER, write_lists
from tests.reference.ad_logs import tied_log, write_ad_log
from tests.reference.logs import seeded_log
from tests.reference.raw_files import write_log
from tests.reference.tracing_logs import drawn_tracing_log, write_tracing_log
from training.commands.ingest import ingest_command

WHY_NOT = why_spark_is_absent()
IS_REQUIRED = os.environ.get("MOOCMETA_REQUIRE_SPARK") == "1"
pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(bool(WHY_NOT) and not IS_REQUIRED, reason=str(WHY_NOT)),
]

XUETANGX = "xuetangx/events"
MARS = "mars/explicit_ratings_en"
RATING = RATINGS_HEADER + b"1,2,50,%s,5\n"
# every way to write a time that is read: both engines must read the same time
TIMES = """2017-03-01|2017/03/01|2017-3-1 8:05| 2017-03-01T08:00:00|2017-03-01  08:00:00
2017-03-01 08:00:00.|2017-03-01T08:00:00.1234567|2017/3/1 08:00:00.9999999Z
2017-03-01T08:00:00Z|2017-03-01 08:00:00 UTC|2017-03-01 08:00 GMT
2017-03-01 08:00:00 +0800|2017-03-01 8:0:0 +08
2017-03-01 08:00:00.5 -05:30|2017-03-01T23:30:00.25-0530
2017-03-01 00:30:00+02|2017-03-01 00:30:00+14:00|28 Sep 2018 16:18:29
8 september 2018 6:8:9|Sep 28, 2018 16:18:29|May 8, 2018 06:08:09|  28 SEP 2018 16:18:29
"""
SPOILT = {
    *("byte-order mark", "Windows-1252", "CRLF", "CR", "blank lines", "packed"),
    *("other columns", "blanks around ids", "ids with a point"),
    *("words for no value", "times in many forms"),
}
# file below raw/ and its content → what the line says after the file's name
UNREADABLE = {
    "column missing in CSV": (
        f"{MARS}.csv",
        b"item,user_id,watch_percentage,created_at,rating\n1,2,3,2020-01-01,5\n",
        "column item_id is missing; found item, user_id",
    ),
    "column missing in Parquet": (
        f"{XUETANGX}.parquet",
        parquet(user_id=None),
        "column user_id is missing; found course_id, session_hash",
    ),
    "time as a number": (
        f"{XUETANGX}.parquet",
        parquet(timestamp=[1488355200]),
        'column timestamp is "1488355200" in 1 rows, not a TIMESTAMP',
    ),
    "null user": (
        f"{XUETANGX}.parquet",
        parquet(user_id=pa.array([None], "string")),
        "column user_id is empty in 1 rows, not a VARCHAR",
    ),
    "no rating": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,2020-01-01,5d\n",
        'column rating is "5d" in 1 rows, not a DOUBLE',
    ),
    **{
        f"no time {n}": (
            f"{MARS}.csv",
            RATING % time,
            f'column created_at is "{time.decode()}" in 1 rows, not a TIMESTAMP',
        )
        for n, time in enumerate(
            # Spark by itself would read the first three
            (
                b"2017-03",
                b"2017-03-01 08",
                b"2017-03/01",
                b"2017-02-30",
                b"09/10/2018",
                b"2017-03-01 08:00:00 CST",
                b"2017-03-01 24:00:00",
            )
        )
    },
    "row with too many fields": (
        f"{MARS}.csv",
        RATING % b"2020-01-01" + b"1,2,50,2020-01-01,5,6,7\n",
        "1 rows have more or fewer fields than the header",
    ),
    "milliseconds since 1970": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER + b"a,1599150988995,p,correct_response\n",
        'column timestamp is "1599150988995" in 1 rows, not a TIMESTAMP',
    ),
    "tabs between columns": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER.replace(b",", b"\t"),
        "column assignment_log_id is missing; found assignment_log_id\t",
    ),
    "UTF-16": (
        f"{XUETANGX}.csv",
        EVENTS_HEADER.decode().encode("utf-16"),
        "the file holds NUL bytes",
    ),
    "the header again": (
        f"{MARS}.csv",
        RATING % b"2020-01-01" + RATINGS_HEADER,
        "row 2 below the header is the header again",
    ),
    "no user": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,2020-01-01,5\n1,NULL,50,2020-01-01,5\n",
        'column user_id is "NULL" in 1 rows, not a VARCHAR (the first is row 2 below',
    ),
    "a time of long ago": (
        f"{MARS}.csv",
        RATING % b"1989-12-31 23:59:59",
        'column created_at is "1989-12-31 23:59:59" in 1 rows, outside 1990 to 2100',
    ),
    "a column twice": (
        f"{MARS}.csv",
        b"User_ID," + RATINGS_HEADER + b"3,1,2,50,2020-01-01,5\n",
        "column user_id is there 2 times",
    ),
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def data_dir(scratch) -> Path:
    """The sample data with logs of tied times, repeats and odd ids among them."""
    folder = scratch / "data"
    shutil.copytree(PROJECT_ROOT / "sample_data" / "raw", folder / "raw")
    # eight files: Parquet with four types of time, CSV with all sorts of line ends
    write_log(folder, seeded_log(seed=5, n_users=120), n_files=8)
    lines = [
        f'item {n % 3},"time, ""{n // 6}""",,"{time}",\n'
        for n, time in enumerate(TIMES.strip("\n").replace("\n", "|").split("|"))
    ]
    ratings = folder / "raw" / "mars" / "explicit_ratings_times.csv"
    ratings.write_bytes(RATINGS_HEADER + "".join(lines).encode())
    write_spoilt(ratings.parent)
    drawn = write_ad_log(scratch / "drawn", tied_log(n_users=40), "csv", seed=1)
    write_tracing_log(drawn, drawn_tracing_log(n_histories=60), seed=5)
    add_files(drawn / "raw", folder / "raw")
    write_run(folder / "runs", "20260101-000000-d-kt_sequences", 4, mastery=0.5)
    write_lists(folder / "runs", OLDER, GOOD)
    ingest_by_time(folder)
    return folder


def ingest_by_time(folder: Path) -> None:
    """A log of one's own that is split by time."""
    log = PROJECT_ROOT / "sample_data" / "raw" / "mars" / "explicit_ratings_en.csv"
    columns = {"user_id": "user_id", "item_key": "item_id", "event_at": "created_at"}
    maps = [w for key, name in columns.items() for w in ("--map", f"{key}={name}")]
    by_time = ("--set", "split_method=time", "--set", "split_train_until=0.5")
    command = ["timed", str(log), *maps, *by_time, "--out", str(folder), "--quiet"]
    result = CliRunner().invoke(ingest_command, command)
    assert result.exit_code == 0, result.output


def write_spoilt(folder: Path) -> None:
    """Ratings written in ways that must not matter, each log by a user of its own.

    Not all: the text of a view has its limit in Spark's own metastore.
    """
    for n, (kind, spoil) in enumerate(HARMLESS.items()):
        rows = [
            [f"é {kind} {i}", str(900 + n), str(i), f"2018-09-28 16:00:{i:02}", ""]
            for i in range(6)
        ]
        for name, content in spoil(Log(rows), Random(n)).items():
            if kind in SPOILT:
                name = name.replace("ratings", f"ratings_spoilt_{n}")
                (folder / name).write_bytes(content)


def add_files(added: Path, raw: Path) -> None:
    """Files beside others; where one of that name is, rows below its own.

    Ad events become one CSV of both: there may be no Parquet beside it.

    The file of ASSISTments keeps its own rows: it is in Latin-1.
    """
    answers = added / "assistments_2009" / "skill_builder_data.csv"
    answers.rename(answers.with_stem("skill_builder_data_drawn"))
    for file in added.glob("edm_cup_2023/*.csv"):
        both = [str(raw / file.relative_to(added)), str(file)]
        rows = f"read_csv({both}, all_varchar = true, union_by_name = true)"
        duckdb.sql(f"copy (from {rows}) to '{file}.both' (format csv)")
        Path(f"{file}.both").rename(file)
    ads = added / "ad_events" / "unified_events.csv"
    theirs = raw / "ad_events" / "unified_events.parquet"
    duckdb.sql(
        f"copy (from '{theirs}' union all by name from read_csv('{ads}', "
        f"all_varchar = true)) to '{ads}.both' (format csv)"
    )
    Path(f"{ads}.both").rename(ads)
    theirs.unlink()
    shutil.copytree(added, raw, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def exports(scratch, data_dir) -> dict[str, Path]:
    """Folders with the marts that DuckDB exported, and where Spark's will lie."""
    folders = {engine: scratch / engine / "marts" for engine in ("duckdb", "spark")}
    outcomes = run_all(both_commands(data_dir, folders["duckdb"]), scratch / "duckdb")
    for outcome in outcomes.values():
        assert outcome.success, outcome.output
    return folders


def both_commands(data_dir: Path, out: Path) -> dict[str, Case]:
    database = out.parent / "moocmeta.duckdb"
    build = ("build", "--exclude-resource-type", "unit_test")
    export = ("run-operation", "export_marts", "--args", f"{{out: '{out}'}}")
    run = {"MOOCMETA_RUNS_DIR": str(data_dir / "runs"), "MOOCMETA_RUN": ""}
    return {
        "build": Case(data_dir, database, build, run),
        "export": Case(data_dir, database, export, run),
    }


@pytest.fixture(scope="module")
def outcomes(scratch, data_dir, exports) -> dict[str, Outcome]:
    """What dbt on Spark makes of the data and of every bad file."""
    assert not WHY_NOT, WHY_NOT
    cases = both_commands(data_dir, exports["spark"])
    for name, (path, content, *_) in (UNREADABLE | CONTRADICTORY).items():
        for below, text in with_beside({path: content}).items():
            file = scratch / name / "raw" / below
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        command = ("run", "-s", SELECTED[path.split("/")[0]])
        cases[name] = Case(scratch / name, scratch, command)
    command = ("run", "-s", MODELS["mars"])
    cases["no folder"] = Case(scratch / "no folder", scratch, command)
    return run_all(
        cases,
        scratch / "spark",
        target="spark",
        MOOCMETA_SPARK_DIR=str(scratch / "spark"),
        MOOCMETA_SPARK_PARTITIONS="2",
        # for little data Java's best compiler takes longer than it saves
        JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        # and that compiler alone gets too little room for what Spark generates
        " -XX:ReservedCodeCacheSize=256m",
    )


def test_spark_builds_and_tests_every_mart(outcomes):
    assert outcomes["build"].success, outcomes["build"].output
    assert outcomes["export"].success, outcomes["export"].output


@pytest.mark.parametrize("mart", [*mart_names(), "datasets"])
def test_rows_and_types_are_those_of_duckdb(outcomes, exports, mart):
    assert outcomes["export"].success, outcomes["export"].output
    found = difference(mart, exports["duckdb"], exports["spark"])
    assert not found, found
    assert len(rows_in_order(mart, exports["spark"]))


@pytest.mark.parametrize("mart", ORDER)
def test_exports_stand_in_the_order_of_the_key(outcomes, exports, mart):
    assert outcomes["export"].success, outcomes["export"].output
    rows = rows_in_order(mart, exports["spark"]).select(ORDER[mart])
    keys = list(zip(*rows.to_pydict().values(), strict=True))
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_cannot_be_read_fails_with_one_line(scratch, outcomes, case):
    path, _, fragment = UNREADABLE[case]
    line = f"{scratch / case / 'raw' / path}: {fragment}"
    assert not outcomes[case].success
    assert outcomes[case].output.count(line) == 1, outcomes[case].output


@pytest.mark.parametrize("case", CONTRADICTORY)
def test_rows_of_one_answer_that_contradict_each_other_fail(outcomes, case):
    assert not outcomes[case].success
    assert CONTRADICTORY[case][2] in outcomes[case].output


def test_without_any_raw_file_the_variable_is_named(scratch, outcomes):
    outcome = outcomes["no folder"]
    line = f"no file lies below {scratch}/no folder/raw: mend MOOCMETA_DATA_DIR"
    assert not outcome.success
    assert outcome.output.count(line) == 1


def test_spark_keeps_everything_in_its_folder(scratch, outcomes):
    """No metastore, warehouse or log at the root, where Spark would put them."""
    assert {"metastore", "warehouse"} <= {p.name for p in (scratch / "spark").iterdir()}
    strays = {"metastore_db", "spark-warehouse", "derby.log", "artifacts"}
    assert not strays & {path.name for path in PROJECT_ROOT.iterdir()}
