"""Raw files that are absent warn; files that cannot be read fail with one line."""

import io
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dbt.one_process import Case, Outcome, run_all
from tests.reference.compare import CONTRACT, column_types, contract_types

XUETANGX = "xuetangx/events"
MARS = "mars/explicit_ratings_en"
ADS = "ad_events/unified_events"
EVENTS_HEADER = b"course_id,user_id,session_hash,event_type,timestamp\n"
RATINGS_HEADER = b"item_id,user_id,watch_percentage,created_at,rating\n"
ADS_HEADER = b"USER_ID,event_type,product_id,event_timestamp\n"
ACTIONS = "edm_cup_2023/action_logs"
SKILL_BUILDER = "assistments_2009/skill_builder_data"
MODELS = {
    "xuetangx": "stg_xuetangx__events",
    "mars": "stg_mars__ratings",
    "ad_events": "stg_ad_events__events",
    "edm_cup_2023": "stg_edm_cup_2023__actions",
    "assistments_2009": "stg_assistments_2009__answers",
}
ACTIONS_HEADER = b"assignment_log_id,timestamp,problem_id,action\n"
ANSWERS_HEADER = (
    b"order_id,user_id,problem_id,original,correct,skill_id,ms_first_response\n"
)
EVENT = {
    "course_id": ["c"],
    "user_id": ["u"],
    "session_hash": ["h"],
    "event_type": ["load_video"],
    "timestamp": [datetime(2017, 3, 1, 8)],
}


def parquet(**changes: list | None) -> bytes:
    """One event as Parquet, with columns changed or left out."""
    return as_parquet({k: v for k, v in (EVENT | changes).items() if v is not None})


def ads_of(product_id: list) -> bytes:
    """Clicks on products as Parquet."""
    n_rows = len(product_id)
    return as_parquet(
        {
            "USER_ID": pa.array([1001.0] * n_rows, "float64"),
            "event_type": ["click"] * n_rows,
            "product_id": product_id,
            "event_timestamp": [datetime(2024, 3, 4)] * n_rows,
        }
    )


def as_parquet(columns: dict) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


# file below raw/ and its content → what the line says after the file's name
UNREADABLE = {
    "empty CSV": (f"{XUETANGX}.csv", b"", "the file is empty"),
    "empty Parquet": (f"{XUETANGX}.parquet", b"", "the file is empty"),
    "empty ratings": (f"{MARS}.csv", b"", "the file is empty"),
    "column missing in CSV": (
        f"{XUETANGX}.csv",
        b"course_id,user_id,event_type,timestamp\nc,u,load_video,2017-03-01\n",
        "column session_hash is missing; found course_id, user_id, event_type",
    ),
    "column missing in Parquet": (
        f"{XUETANGX}.parquet",
        parquet(user_id=None),
        "column user_id is missing; found course_id, session_hash",
    ),
    "column missing in ratings": (
        f"{MARS}.csv",
        b"item,user_id,watch_percentage,created_at,rating\n1,2,3,2020-01-01,5\n",
        "column item_id is missing; found item, user_id",
    ),
    "no header": (
        f"{XUETANGX}.csv",
        b"c,u,h,load_video,2017-03-01 08:00:00\n",
        "column course_id is missing; found c, u, h",
    ),
    "no time": (
        f"{XUETANGX}.csv",
        EVENTS_HEADER + b"c,u,h,load_video,2017-03-01\nc,u,h,load_video,yesterday\n",
        'column timestamp is "yesterday" in 1 rows, not a TIMESTAMP',
    ),
    "no such day": (
        f"{XUETANGX}.csv",
        EVENTS_HEADER + b"c,u,h,load_video,2017-02-30 08:00:00\n",
        'column timestamp is "2017-02-30 08:00:00" in 1 rows',
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
    "blank user": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,,50,2020-01-01 00:00:00,5\n" * 2,
        "column user_id is empty in 2 rows",
    ),
    "no rating": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,2020-01-01 00:00:00,good\n",
        'column rating is "good" in 1 rows, not a DOUBLE',
    ),
    "no time of rating": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,soon,5\n",
        'column created_at is "soon" in 1 rows, not a TIMESTAMP',
    ),
    "day or month first": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,09/10/2018 10:00,5\n",
        'column created_at is "09/10/2018 10:00" in 1 rows',
    ),
    "ad event without a column": (
        f"{ADS}.csv",
        b"USER_ID,event_type,event_timestamp\nu,click,2024-03-04 05:06:07\n",
        "column product_id is missing; found user_id, event_type",
    ),
    "product that is no whole number": (
        f"{ADS}.parquet",
        ads_of([7.0, 7.5, None]),
        'column product_id is "7.5" in 1 rows, not a VARCHAR',
    ),
    "ad event without a time": (
        f"{ADS}.csv",
        ADS_HEADER + b"u,click,p,\n",
        "column event_timestamp is empty in 1 rows, not a TIMESTAMP",
    ),
    "semicolons between columns": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER.replace(b",", b";"),
        "column order_id is missing; found order_id;user_id;problem_id;original;"
        "correct;skill_id;ms_first_response; are its columns parted by commas?",
    ),
    "tabs between columns": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER.replace(b",", b"\t"),
        "column assignment_log_id is missing; found assignment_log_id\t",
    ),
    "milliseconds since 1970": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER + b"a,1599150988995,p,correct_response\n",
        'column timestamp is "1599150988995" in 1 rows, not a TIMESTAMP',
    ),
    "no action": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER + b"a,1599150988.995,p,\n",
        "column action is empty in 1 rows",
    ),
    "no clock": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"soon,1,2,1,1,3,4\n",
        'column order_id is "soon" in 1 rows, not a BIGINT',
    ),
    # what DuckDB itself refuses; the line names the file in DuckDB's words
    "no Parquet": (f"{XUETANGX}.parquet", b"course_id,user_id\n" * 9, ""),
    "cut Parquet": (f"{XUETANGX}.parquet", parquet()[:-20], ""),
    "no UTF-8": (f"{XUETANGX}.csv", EVENTS_HEADER + b"\xe9,u,h,x,2017-03-01\n", ""),
    "row with too many fields": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,2020-01-01,5\n1,2,50,2020-01-01,5,6,7\n",
        "",
    ),
}
# rows of one answer that cannot all be true
CONTRADICTORY = {
    "an answer of two users": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"7,1,2,1,1,3,4\n8,1,2,1,1,3,4\n7,5,2,1,1,9,4\n",
    ),
    "an answer to two problems": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"7,1,2,1,1,3,4\n7,1,6,1,1,9,4\n",
    ),
}
CONTRADICTION = (
    "raw/assistments_2009/skill_builder_data*.csv: order_id 7 is of several users "
    "or problems; keep the files of one export"
)
READABLE = {
    "header only": (f"{XUETANGX}.csv", EVENTS_HEADER),
    "upper-case header": (
        f"{MARS}.csv",
        RATINGS_HEADER.upper() + b"1,2,50,2020-01-01 00:00:00,5\n",
    ),
    "ad events with a spare column, in lower case": (
        f"{ADS}.csv",
        b"spare," + ADS_HEADER.lower() + b"x,u,auction,,2024-03-04 05:06:07\n",
    ),
    "Latin-1, no index, no first_action": (
        f"{SKILL_BUILDER}_corrected.csv",
        ANSWERS_HEADER.replace(b"\n", b",skill_name\n")
        + b"38310209,1,2,1,0.5,,-7,\xc1rea \xbd\n",
    ),
}
# files in two forms → what the line about the CSV says
TWINS = {
    "ads as CSV and Parquet": (
        {f"{ADS}.csv": ADS_HEADER, f"{ADS}.parquet": ads_of([7.0])},
        "the same file lies there as unified_events.parquet; keep one",
    ),
    "two logs, one of each form": (
        {f"{XUETANGX}.csv": EVENTS_HEADER, "xuetangx/others.parquet": parquet()},
        "",
    ),
}
# files beside an EDM Cup's action log of one answer
ONE_ANSWER = b"a,1599150988.995,p,correct_response\n"
BESIDE = {
    "no assignments": {
        "problem_details.csv": b"problem_id,problem_skill_code\np,1.A\n"
    },
    "no problems": {"assignment_details.csv": b"assignment_log_id,student_id\na,s\n"},
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("raw_file_errors")


@pytest.fixture(scope="module")
def outcomes(scratch) -> dict[str, Outcome]:
    """What dbt makes of every case."""
    database = scratch / "marts.duckdb"
    cases = {}
    for name, (path, content, *_) in (UNREADABLE | CONTRADICTORY | READABLE).items():
        file = scratch / name / "raw" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        command = ("run", "-s", MODELS[path.split("/")[0]])
        cases[name] = Case(scratch / name, database, command)
    for name, (files, _) in TWINS.items():
        for path, content in files.items():
            file = scratch / name / "raw" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        command = ("run", "-s", MODELS[path.split("/")[0]])
        cases[name] = Case(scratch / name, database, command)
    file = scratch / "floating ids" / "raw" / f"{ADS}.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(ads_of([12345678.0, None, 9007199254740991.0]))
    own = scratch / "floating ids" / database.name
    command = ("run", "-s", MODELS["ad_events"])
    cases["floating ids"] = Case(scratch / "floating ids", own, command)
    staging = ("run", "-s", "staging")
    for name, others in BESIDE.items():
        folder = scratch / name / "raw" / "edm_cup_2023"
        folder.mkdir(parents=True)
        (folder / "action_logs.csv").write_bytes(ACTIONS_HEADER + ONE_ANSWER)
        for file, content in others.items():
            (folder / file).write_bytes(content)
        command = ("run", "-s", "datasets", "+int_answers_unioned")
        cases[name] = Case(scratch / name, database, command)
    cases["no folder"] = Case(scratch / "no folder", database, staging)
    not_ingested = scratch / "not ingested"
    (not_ingested / "raw" / "xuetangx").mkdir(parents=True)
    (not_ingested / "raw" / "xuetangx" / "log.json").write_text("[]")
    # last, so that its marts are left
    whole = ("build", "--exclude-resource-type", "unit_test")
    cases["not ingested"] = Case(not_ingested, database, whole)
    return run_all(cases, scratch)


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_cannot_be_read_fails_with_one_line(scratch, outcomes, case):
    path, _, fragment = UNREADABLE[case]
    file = str(scratch / case / "raw" / path)
    outcome = outcomes[case]
    assert not outcome.success
    naming = [line for line in outcome.output.splitlines() if file in line]
    assert len(naming) == 1, outcome.output
    if fragment:
        assert naming[0].strip().startswith(f"{file}: {fragment}")


@pytest.mark.parametrize("case", CONTRADICTORY)
def test_rows_of_one_answer_that_contradict_each_other_fail_with_one_line(
    outcomes, case
):
    outcome = outcomes[case]
    assert not outcome.success
    assert outcome.output.count(CONTRADICTION) == 1, outcome.output


@pytest.mark.parametrize("case", READABLE)
def test_odd_but_readable_files_pass(outcomes, case):
    assert outcomes[case].success, outcomes[case].output


@pytest.mark.parametrize("case", TWINS)
def test_a_log_in_two_forms_is_not_read_twice(scratch, outcomes, case):
    files, fragment = TWINS[case]
    outcome = outcomes[case]
    assert outcome.success == (not fragment), outcome.output
    if fragment:
        csv, _ = (scratch / case / "raw" / path for path in files)
        assert outcome.output.count(f"{csv}: {fragment}") == 1


def test_ids_kept_as_floating_numbers_are_whole(scratch, outcomes):
    """As pandas writes ids where some are missing; engines write them differently."""
    assert outcomes["floating ids"].success, outcomes["floating ids"].output
    database = scratch / "floating ids" / "marts.duckdb"
    with duckdb.connect(str(database), read_only=True) as marts:
        staged = f"staging.{MODELS['ad_events']}"
        rows = marts.sql(f"select user_id, item_key from {staged}")
        assert sorted(rows.fetchall(), key=str) == [
            ("1001", "12345678"),
            ("1001", "9007199254740991"),
            ("1001", None),
        ]


def test_actions_without_their_assignments_fail_with_one_line(scratch, outcomes):
    outcome = outcomes["no assignments"]
    folder = scratch / "no assignments" / "raw" / "edm_cup_2023"
    line = f"{folder}/assignment_details.csv: the file is missing; put it beside "
    assert not outcome.success
    assert outcome.output.count(line + "action_logs.csv") == 1


def test_problems_may_be_absent_with_a_warning(scratch, outcomes):
    outcome = outcomes["no problems"]
    folder = scratch / "no problems" / "raw" / "edm_cup_2023"
    assert outcome.success, outcome.output
    warning = f"[WARNING]: {folder}/problem_details.csv is missing: responses have no"
    assert outcome.output.count(warning) == 1


def test_absent_files_warn_in_one_line_and_never_fail(scratch, outcomes):
    outcome = outcomes["no folder"]
    assert outcome.success, outcome.output
    folder = scratch / "no folder" / "raw"
    warning = f"[WARNING]: no raw files in {folder}: all relations are empty"
    assert outcome.output.count(warning) == 1
    assert outcome.output.count("no raw files") == 1


def test_one_line_says_which_data_sets_are_there(scratch, outcomes):
    outcome = outcomes["not ingested"]
    others = ", ".join(sorted(set(MODELS) - {"xuetangx"}))
    line = f"raw files in {scratch / 'not ingested' / 'raw'}: xuetangx; no files, so "
    assert outcome.output.count(f"{line}empty: {others}\n") == 1


def test_a_log_that_nobody_ingested_is_named_with_the_command(scratch, outcomes):
    path = scratch / "not ingested" / "raw" / "xuetangx" / "log.json"
    warning = f"[WARNING]: {path} is not read: run `moocmeta ingest xuetangx {path}`"
    assert outcomes["not ingested"].output.count(warning) == 1


@pytest.mark.parametrize("mart", CONTRACT)
def test_marts_of_no_data_are_empty_and_typed(scratch, outcomes, mart):
    assert outcomes["not ingested"].success
    database = scratch / "marts.duckdb"
    for (name, kind), (wanted_name, wanted) in zip(
        column_types(database, mart), contract_types(mart), strict=True
    ):
        assert name == wanted_name
        assert wanted in (None, kind)
    with duckdb.connect(str(database), read_only=True) as marts:
        assert marts.sql(f"select count(*) from {mart}").fetchall() == [(0,)]
