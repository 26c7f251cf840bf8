"""A log of any platform becomes one data set, or one line says why not."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from datetime import time as clock
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from tests.cli.command_line import assert_one_line
from training.commands.ingest import ingest_command

ROOT = Path(__file__).parents[2]
LOG = "user,item,time\nann,a,2020-01-01 10:00\nbob,b,2020-01-01 11:00\n"


def ingest(data: Path, *args: object):
    command = [*map(str, args), "--out", str(data), "--quiet"]
    return CliRunner().invoke(ingest_command, command)


def written(folder: Path, name: str, content: str | bytes | list) -> Path:
    path = folder / name
    if isinstance(content, list):  # a JSON object a line
        content = "".join(json.dumps(row) + "\n" for row in content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet_of(columns: dict[str, list]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def read(data: Path, columns: str = "user_id, item_key, event_type, event_at"):
    rows = duckdb.sql(
        f"select {columns} from '{data}/raw/mine/mine.parquet' order by all"
    )
    return [
        tuple(str(v) if isinstance(v, datetime) else v for v in row)
        for row in rows.fetchall()
    ]


def record(data: Path) -> dict:
    return yaml.safe_load((data / "raw" / "mine" / "dataset.yml").read_text("utf-8"))


def xapi(n: int, verb: str, **changes) -> dict:
    """A statement of the learner whose address and whose hash of it are the same."""
    statement = {
        "id": f"id-{n}",
        "actor": {"objectType": "Agent", "mbox": "mailto:ann@x.org"},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
        "object": {"id": f"http://x.org/{n}"},
        "timestamp": f"2020-01-01T10:0{n}:00+02:00",
        "stored": "2021-01-01T00:00:00Z",
    }
    return statement | changes


ANN = duckdb.sql("select sha1('mailto:ann@x.org')").fetchall()[0][0]
XAPI = [
    xapi(1, "experienced"),
    xapi(
        2,
        "answered",
        actor={"mbox_sha1sum": ANN},
        result={"success": True, "duration": "PT1M2.5S"},
    ),
    xapi(
        3,
        "answered",
        actor={"account": {"homePage": "h", "name": "bob"}},
        result={"success": False},
    ),
    xapi(
        3,
        "answered",
        actor={"account": {"homePage": "h", "name": "bob"}},
        result={"success": False},
    ),
    xapi(4, "completed", actor={"objectType": "Group", "member": []}),
    xapi(5, "voided", object={"objectType": "StatementRef", "id": "id-1"}),
    xapi(6, "asked", object={"objectType": "Agent", "mbox": "mailto:t@x.org"}),
]


def edx(n: int, name: str, source: str = "server", user="7", **event) -> dict:
    return {
        "username": "ann",
        "event_source": source,
        "event_type": name,
        "name": name,
        "time": f"2020-01-01T10:0{n}:00.5+00:00",
        "context": {"user_id": user, "course_id": "course-v1:X+1"},
        # a browser sends its object as a text
        "event": json.dumps(event) if source == "browser" else event,
    }


EDX = [
    edx(1, "play_video", "browser", id="video1"),
    edx(2, "problem_check", "browser", problem_id="p1"),
    edx(2, "problem_check", problem_id="p1", success="incorrect", attempts=1),
    edx(3, "problem_check", problem_id="p1", success="correct", attempts=2),
    edx(4, "/courses/x/y", problem_id="p1"),
    edx(5, "page_close", "browser", user=None) | {"username": ""},
]
MOODLE_COLUMNS = (
    "id,eventname,component,contextlevel,contextinstanceid,userid,courseid,"
    "realuserid,origin,timecreated\n"
)
VIEWED = r"\mod_quiz\event\course_module_viewed"
MOODLE = MOODLE_COLUMNS + "".join(
    f"{n},{VIEWED},mod_quiz,{level},{number},{user},{course},{real},{origin},160000000{n}\n"
    for n, (level, number, user, course, real, origin) in enumerate(
        [
            (70, 31, 5, 9, r"\N", "web"),
            (50, 9, 5, 9, "", "web"),
            (70, 31, 1, 9, "", "web"),  # the guest
            (70, 31, 0, 9, "", "web"),
            (50, 1, 5, 1, "", "web"),  # the front page
            (70, 31, 5, 9, 2, "web"),  # the admin as user 5
            (70, 31, 5, 9, "", "cli"),
        ]
    )
)
REPORT = (
    "Time,User full name,Affected user,Event context,Component,Event name,Description,"
    "Origin,IP address\n"
    '"17/10/21, 12:39",-,-,Course: Algebra,System,Course viewed,'
    "The user with id '44' viewed the course with id '9'.,web,\n"
    '"2/10/21, 08:00",-,-,Quiz: Café &amp; co,Quiz,Quiz attempt started,'
    "The user with id '44' has started the attempt with id '1' for the quiz with "
    "course module id '31'.,web,\n"
    # the quiz of that name of another course
    '"2/10/21, 08:02",-,-,Quiz: Café &amp; co,System,Completion updated,'
    "The user with id '44' updated the completion state for the course module with id "
    "'32' for the user with id '44'.,web,\n"
    # as plug-ins write it, a day that was not, and another course's report behind it
    '"2/10/21, 08:00",-,-,Turnitin: x,Turnitin,List,User viewed their inbox,web,\n'
    '"2/10/21, 08:01",-,-,Attendance: x,Attendance,Session added,'
    "User with id 45 added a session to the instanceid 259,web,\n"
    '"29/02/18, 19:00",-,-,Quiz: Café,Quiz,Quiz attempt started,'
    "The user with id '44' has started the attempt with id '1'.,web,\n"
    '"17/10/21, 12:40",-,-,Course: Biology,System,Course viewed,'
    "The user with id '-1' viewed the course with id '10'.,web,\n"
    '"17/10/21, 12:41",-,-,Course: Biology,System,Course viewed,'
    "The user with id '45' viewed the course with id '10'.,web,\n"
)
T = "2020-01-01 "
# name → (file, content, options, rows, what is left out)
FORMS = {
    "table": (
        "a.csv",
        LOG,
        [],
        [
            ("ann", "a", "interaction", T + "10:00:00"),
            ("bob", "b", "interaction", T + "11:00:00"),
        ],
        {},
    ),
    "xapi": (
        *("x.json", json.dumps({"statements": XAPI, "more": ""}), []),
        [
            (ANN, "http://x.org/2", "answered", T + "08:02:00"),
            (ANN, None, "asked", T + "08:06:00"),
            ("bob", "http://x.org/3", "answered", T + "08:03:00"),
        ],
        {
            "of a group, not a learner": 1,
            "said twice": 1,
            "voided": 1,
            "voids another statement": 1,
        },
    ),
    "openedx": (
        *("tracking.log", EDX, []),
        [
            ("7", "p1", "problem_check", T + "10:02:00.500000"),
            ("7", "p1", "problem_check", T + "10:03:00.500000"),
            ("7", "video1", "play_video", T + "10:01:00.500000"),
        ],
        {
            "a page request": 1,
            "of nobody who is logged in": 1,
            "the browser's twin of a server event": 1,
        },
    ),
    "moodle's table": (
        *("log.csv", MOODLE, ["--form", "moodle"]),
        [
            ("5", "mod_quiz:31", "course_module_viewed", "2020-09-13 12:26:40"),
            ("5", None, "course_module_viewed", "2020-09-13 12:26:41"),
        ],
        {
            "done in another user's name": 1,
            "of nobody who is logged in": 1,
            "of the guest or admin user": 1,
            "of the server itself": 1,
            "outside of courses": 1,
        },
    ),
    "moodle's report": (
        *("log.csv", REPORT.encode("cp1252"), ["--drop-bad"]),
        [
            (
                *("44", "Quiz: Café & co (31)", "quiz_attempt_started"),
                "2021-10-02 08:00:00",
            ),
            (
                *("44", "Quiz: Café & co (32)", "completion_updated"),
                "2021-10-02 08:02:00",
            ),
            ("44", None, "course_viewed", "2021-10-17 12:39:00"),
            ("45", "Attendance: x", "session_added", "2021-10-02 08:01:00"),
            ("45", None, "course_viewed", "2021-10-17 12:41:00"),
        ],
        {
            "a time that cannot be read": 1,
            "of a user the log does not name": 1,
            "of nobody who is logged in": 1,
        },
    ),
    "recbole": (
        *(
            "ml.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
            '1\tthe "a"\t4\t1600000000.5\n',
            [],
        ),
        [("1", 'the "a"', "interaction", "2020-09-13 12:26:40.500000")],
        {},
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_each_form_gives_its_rows_and_says_what_it_leaves_out(tmp_path, case):
    name, content, options, rows, left_out = FORMS[case]
    result = ingest(tmp_path, "mine", written(tmp_path, name, content), *options)
    assert result.exit_code == 0, result.output
    assert read(tmp_path) == rows
    counts = record(tmp_path)["rows"]
    assert counts["left_out"] == left_out
    assert counts["read"] == counts["kept"] + sum(left_out.values())
    assert counts["kept"] == len(rows)


def test_an_answer_of_several_rows_or_skills_is_one(tmp_path):
    rows = (
        "user_id,problem_id,correct,time,skills,ms_first_response\n"
        "u,p,1,1600000000,add;carry,1500\n"
        "u,q,0.5,1600000060,,\n"
        "u,r,0,1600000090,add,2000\nu,r,0,1600000090,7.0,2000\n"
    )
    result = ingest(tmp_path, "mine", written(tmp_path, "a.csv", rows))
    assert result.exit_code == 0, result.output
    assert "for tracing" in result.output and "3 answers" in result.output
    assert read(tmp_path, "item_key, correct, skill_keys, latency_sec") == [
        ("p", True, ["add", "carry"], 1.5),
        ("q", False, [], None),
        ("r", False, ["7", "add"], 2.0),
    ]
    assert record(tmp_path)["parameters"]["family"] == "tracing"


def test_time_that_is_only_an_order_has_no_pauses(tmp_path):
    log = written(tmp_path, "a.csv", "user,item,correct,order\nu,a,1,0\nu,b,0,5000\n")
    result = ingest(tmp_path, "mine", log, "--time-unit", "order")
    assert result.exit_code == 0, result.output
    assert read(tmp_path, "event_at") == [
        ("2000-01-01 00:00:00",),
        ("2000-01-01 01:23:20",),
    ]
    parameters = record(tmp_path)["parameters"]
    assert parameters["time_is_order"] and parameters["extent_weight"] == 0
    assert parameters["session_gap_sec"] > 3_000_000_000


# every way to write one log → the same rows
ROWS = [
    ("7", "a", "view", "2020-01-01 10:00:00"),
    ("é", "b", "view", "2020-01-01 11:00:00"),
]
PLAIN = "uid,thing,what,at\n7,a,view,2020-01-01 10:00\né,b,view,2020-01-01 11:00\n"
JSON = [
    {"uid": 7, "thing": "a", "what": "view", "at": 1577872800000},
    {"uid": "é", "thing": "b", "what": "view", "at": 1577876400000},
]
SAME = {
    "log.csv": PLAIN,
    "log.tsv": PLAIN.replace(",", "\t"),
    "bom.csv": b"\xef\xbb\xbf" + PLAIN.encode(),
    "semicolons.csv": PLAIN.replace(",", ";"),
    "excel.csv": "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
    "windows.csv": PLAIN.encode("cp1252"),
    "mixed ends.csv": PLAIN.replace("at\n", "at\r\n"),
    "old mac.csv": PLAIN.replace("\n", "\r"),
    "blanks [1].csv": PLAIN.replace("7,a", " 7\t, a "),
    "index.csv": PLAIN.replace("\n7", "\n0,7")
    .replace("\né", "\n1,é")
    .replace("uid", ",uid", 1),
    "log.csv.gz": gzip.compress(PLAIN.encode()),
    "windows.csv.gz": gzip.compress(PLAIN.encode("cp1252")),
    "log.csv.zst": bytes(pa.compress(PLAIN.encode(), "zstd", asbytes=True)),
    "log.jsonl": JSON,
    "log.json": json.dumps(JSON, indent=1),
    "zones.csv": PLAIN.replace("10:00", "12:00+02").replace("11:00", "11:00:00 GMT"),
    "seconds.csv": PLAIN.replace("2020-01-01 10:00", "1577872800").replace(
        "2020-01-01 11:00", "1577876400.0"
    ),
    "days first.csv": PLAIN.replace("2020-01-01", "1/1/2020").replace(
        "at\n", "at\n7,a,view,31/12/2019 10:00\n"
    ),
}
MAP = ("--map", "item_key=thing", "--map", "event_type=what")


@pytest.mark.parametrize("name", SAME)
def test_a_table_may_be_written_in_many_ways(tmp_path, name):
    log = written(tmp_path, name, SAME[name])
    result = ingest(tmp_path, "mine", log, *MAP)
    assert result.exit_code == 0, result.output
    assert read(tmp_path)[-2:] == ROWS


def test_parquet_is_read_with_its_types(tmp_path):
    table = pa.table(
        {
            "user_id": pa.array([7.0, 8.0], "float64"),
            "item": pa.array([b"a", b"b"], "binary"),
            "time": pa.array([1577872800, 1577876400], pa.timestamp("s", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    assert ingest(tmp_path, "mine", tmp_path / "log.parquet").exit_code == 0
    assert [row[:2] for row in read(tmp_path)] == [("7", "a"), ("8", "b")]


def test_whole_numbers_lose_their_fraction_only_where_all_are_numbers(tmp_path):
    log = "user,item,time\n7.0,1.0,2020-01-01\n8,x,2020-01-02\n"
    assert ingest(tmp_path, "mine", written(tmp_path, "a.csv", log)).exit_code == 0
    assert [row[:2] for row in read(tmp_path)] == [("7", "1.0"), ("8", "x")]


def test_what_is_settled_of_a_file_is_said_and_kept(tmp_path):
    log = "user,item,event,time\n7.0,é ,007,2020-01-01\n8.0,b,x,2020-01-02\n"
    file = written(tmp_path, "a.csv", log.encode("cp1252"))
    result = ingest(tmp_path, "mine", file)
    assert result.exit_code == 0, result.output
    settled = [
        "is not UTF-8: read as Windows-1252",
        "user: 7.0 is read as 7, for all ids are whole numbers",
        "item: blanks around ids are taken off",
        "event: ids that begin with 0 stay so: 007 is not 7",
    ]
    assert record(tmp_path)["files"][0]["settled"] == settled
    for text in settled:
        assert f"  a.csv: {text}\n" in result.output
    assert [row[:3] for row in read(tmp_path)] == [("7", "é", "007"), ("8", "b", "x")]
    sound = ingest(tmp_path / "sound", "mine", written(tmp_path, "b.csv", LOG))
    assert "b.csv" not in sound.output


def test_files_are_added_once_and_edits_of_the_parameters_stay(tmp_path):
    first, second = (
        written(tmp_path, f"{n}.csv", LOG.replace("ann", f"u{n}")) for n in "12"
    )
    assert ingest(tmp_path, "mine", first, "--map", "event_type=").exit_code == 0
    parameters = tmp_path / "raw" / "mine" / "dataset.yml"
    text = parameters.read_text("utf-8")
    ours = "  session_gap_sec: 1800\n"
    mine = "  # short\n  session_gap_sec: 60  # ask Eve\n"
    parameters.write_text(text.replace(ours, mine) + "# the end\n", "utf-8")
    result = ingest(
        *(tmp_path, "mine", second, "--append", "--json"),
        *("--set", "min_user_events=3", "--set", "event_type_prefixes=a\\d#b"),
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["rows"] == {"read": 4, "kept": 4, "left_out": {}, "written": 4}
    assert [file["name"] for file in record(tmp_path)["files"]] == ["1.csv", "2.csv"]
    now = parameters.read_text("utf-8")
    assert mine in now and now.endswith("# the end\n")
    assert now.count("#") == text.count("#") + 4  # ours stand there once
    changed = {"session_gap_sec": 60, "min_user_events": 3}
    changed["event_type_prefixes"] = "a\\d#b"
    expected = yaml.safe_load(text)["parameters"] | changed
    assert record(tmp_path)["parameters"] == expected
    assert len(read(tmp_path)) == 4
    before = parameters.read_bytes()
    again = ingest(tmp_path, "mine", second, "--append")
    assert again.exit_code == 1 and "is in it already, as 2.csv" in again.stderr
    assert parameters.read_bytes() == before


def test_a_file_that_is_there_in_another_form_is_not_added(tmp_path):
    """Told by its rows; one that has but some of them is another file."""
    rows = [("ann", "a", "2020-01-01"), ("bob", "b", "2020-01-02")]
    text = "user,item,time\n" + "".join(f"{','.join(row)}\n" for row in rows)
    first = written(tmp_path, "1.csv", text)
    assert ingest(tmp_path, "mine", first).exit_code == 0
    named = zip(("user", "item", "time"), zip(*rows, strict=True), strict=True)
    columns = {key: list(values) for key, values in named}
    same = written(tmp_path, "2.parquet", parquet_of(columns))
    result = ingest(tmp_path, "mine", same, "--append")
    assert_one_line(result, "2.parquet: all its rows are in it already")
    other = written(tmp_path, "3.csv", text.replace("bob,b", "bob,c"))
    assert ingest(tmp_path, "mine", other, "--append").exit_code == 0
    assert [file["rows"] for file in record(tmp_path)["files"]] == [2, 2]
    assert len(read(tmp_path)) == 4


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MOOCMETA_THREADS", "abc"), ("MOOCMETA_MEMORY_LIMIT", "lots")],
)
def test_a_mistyped_variable_is_named(tmp_path, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    result = ingest(tmp_path, "mine", written(tmp_path, "1.csv", LOG))
    assert_one_line(result, f"{variable}={value}: write ")


def test_every_parameter_of_the_seed_stands_under_its_meaning(tmp_path):
    log = written(tmp_path, "a.csv", LOG)
    result = ingest(tmp_path, "mine", log, "--set", "session_gap_sec=60")
    assert result.exit_code == 0, result.output
    with (ROOT / "dbt_project" / "seeds" / "datasets.csv").open() as file:
        columns = file.readline().strip().split(",")
    parameters = record(tmp_path)["parameters"]
    assert ["dataset", *parameters] == columns
    assert parameters["session_gap_sec"] == 60
    lines = (tmp_path / "raw/mine/dataset.yml").read_text("utf-8").splitlines()
    at = lines.index("  session_gap_sec: 60")
    assert (
        lines[at - 1]
        == "  # Longest pause within a session; strictly longer ones end it."
    )


BAD = LOG + "cat,c,\n,d,2020-01-01\neve,e,1888-01-01\n"


def test_rows_that_do_not_fit_are_counted_where_that_is_asked_for(tmp_path):
    log = written(tmp_path, "a.csv", BAD + "too,few\n")
    result = ingest(tmp_path, "mine", log, "--drop-bad", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == {
        "read": 6,
        "kept": 2,
        "left_out": {
            "a time outside 1990 to 2100": 1,
            "lines of too many or too few values": 1,
            "no time": 1,
            "no user": 1,
        },
        "written": 2,
    }


U = "user,item,time\n"
# name → (files, options, the line, exit code)
REFUSED = {
    "unknown form": ([LOG], ["--form", "scorm"], "'scorm' is not one of", 2),
    "no NAME": ([LOG], ["NAME=Mine"], "Mine is no name of a data set", 2),
    "a built-in NAME": ([LOG], ["NAME=mars"], "mars is a built-in data set", 2),
    "unknown key": (
        [LOG],
        ["--map", "session=user"],
        "session is none of recommendation's keys",
        1,
    ),
    "unknown column": (
        [LOG],
        ["--map", "item_key=itm"],
        "no such column; did you mean item?",
        1,
    ),
    "no column": (
        ["who,item,time\na,b,2020-01-01\n"],
        [],
        "no column is user_id for sure; write --map user_id=COLUMN",
        1,
    ),
    "several columns": (
        ["who;what;time\na;b;2020-01-01\n"],
        [],
        "write --map user_id=COLUMN --map item_key=COLUMN, one of who, what",
        1,
    ),
    "objects in place of ids": (
        ['{"user": {"id": 1}, "item": "a", "time": "2020-01-01"}\n'],
        [],
        "column user holds lists or objects such as ",
        1,
    ),
    "lists in place of items": (
        [parquet_of({"user": ["a", "b"], "item": [["x"], ["y"]], "time": [1.6e9] * 2})],
        [],
        "column item holds lists or objects such as ",
        1,
    ),
    "a column twice": (
        ["user_id,User_ID,item,time\na,b,c,2020-01-01\n"],
        [],
        "column user_id stands twice",
        1,
    ),
    "a name too long": ([LOG], ["NAME=" + "m" * 300], "300 letters is too long", 2),
    "nothing but line ends": (["\n\n"], [], "the file is empty", 1),
    "an unknown form of time": (
        [LOG],
        ["--time-format", "%Q"],
        "write it as %d/%m/%Y %H:%M",
        1,
    ),
    "words of another language": (
        ["user,item,correct,time\na,b,richtig,2020-01-01\na,c,falsch,2020-01-02\n"],
        [],
        "line 2 (and 1 more) has neither right nor wrong: column correct is "
        '"richtig"; right is 1,',
        1,
    ),
    "a length of time as a clock": (
        ["user,item,correct,time,latency_s\na,b,1,2020-01-01,3:35\n"],
        [],
        'a length of time that cannot be read: column latency_s is "3:35"',
        1,
    ),
    "two candidates": (
        ["user,problem_id,course_id,time\na,b,c,2020-01-01\n"],
        [],
        "item_key could be column problem_id or course_id",
        1,
    ),
    "other columns": (
        [LOG, "user,item,when\na,b,2020-01-01\n"],
        [],
        "1.csv has other columns than {0}: it lacks time and has when too",
        1,
    ),
    "one file twice": ([LOG, LOG], [], "1.csv is in it already, as 0.csv", 1),
    "one file twice, in another order": (
        [LOG, "time,item,user\n2020-01-01T11:00:00Z,b,bob\n2020-01-01 10:00,a, ann\n"],
        [],
        "1.csv holds the rows of ",
        1,
    ),
    "years of two digits that may come first": (
        ["user,item,when\na,b,20-02-13\na,c,20-03-14\n"],
        [],
        'such as "20-02-13"; write --time-format "%y-%m-%d" or "%d-%m-%y"',
        1,
    ),
    "such years with a clock behind": (
        ['user,item,when\na,b,"20-02-13, 10:00"\na,c,"20-03-14, 10:00"\n'],
        [],
        'such as "20-02-13, 10:00"; write --time-format "%y-%m-%d" or "%d-%m-%y"',
        1,
    ),
    "bytes that are no text": (
        [parquet_of({"user": [b"\xff"], "item": [b"a"], "time": ["2020-01-01"]})],
        [],
        "row 1 has no user: column user is",
        1,
    ),
    "times without dates": (
        [parquet_of({"user": ["a"], "item": ["b"], "time": [clock(10)]})],
        [],
        "column time holds times of day and no dates",
        1,
    ),
    "one key twice": (
        [LOG],
        ["--map", "user_id=user", "--map", "user_id=item"],
        "--map user_id=item: user_id is user already",
        1,
    ),
    "a number that no database holds": (
        [LOG],
        ["--set", "session_gap_sec=99999999999999999999"],
        "session_gap_sec is 99999999999999999999: input should be less than or equal",
        1,
    ),
    "no such file": ([], ["absent.csv"], "absent.csv: no such file", 1),
    "an empty file": ([""], [], "the file is empty", 1),
    "only a header": ([U], [], "0.csv: the file has no rows", 1),
    "a spreadsheet": (
        [b"PK\x03\x04xl"],
        [],
        "is a spreadsheet or zip archive; save it as CSV",
        1,
    ),
    "UTF-16": ([LOG.encode("utf-16")], [], "is UTF-16 text; save it as UTF-8", 1),
    "no JSON": (
        [LOG],
        ["--form", "xapi"],
        'is CSV, and --form xapi reads JSON: line 1 is "user, item, time"',
        1,
    ),
    "a broken statement": (
        ["{}\n".join(["", json.dumps(xapi(1, "x")) + "\n"])],
        ["--form", "xapi"],
        '0.csv: line 1 is not what --form xapi reads: "{{}}"',
        1,
    ),
    "cut JSON": (
        [json.dumps(XAPI[0]) + '\n{"id": \n'],
        ["--form", "xapi"],
        'line 2 is not what --form xapi reads: "{{"id":"',
        1,
    ),
    "no log of Moodle": (
        [LOG],
        ["--form", "moodle"],
        "is no export of Moodle's standard log",
        1,
    ),
    "no .inter": (
        [LOG],
        ["--form", "recbole"],
        'line 1: "user" is no column of RecBole',
        1,
    ),
    "no user": (
        [BAD],
        [],
        "line 4 has no time: column time is empty; mend the row, or leave",
        1,
    ),
    "a time too early": (
        [LOG + 'a,"b\nb",2020-01-01\neve,e,1888-01-01\n'],
        [],
        'line 6 has a time outside 1990 to 2100: column time is "1888-01-01"',
        1,
    ),
    "a zone by name": (
        [U + "a,b,2020-01-01 10:00 CST\n"],
        [],
        'line 2 has a time that cannot be read: column time is "2020-01-01 10:00 CST"',
        1,
    ),
    "mixed units": (
        [U + "a,b,1600000000\nc,d,1600000000000\ne,f,1600000001\n"],
        [],
        'column time is "1600000000000", read as s since 1970',
        1,
    ),
    "no unit": ([U + "a,b,100\n"], [], 'column time holds numbers such as "100"', 1),
    "days or months": (
        [U + "a,b,01/02/2020\n"],
        [],
        'write --time-format "%d/%m/%Y" or "%m/%d/%Y"',
        1,
    ),
    "commas in skills": (
        [
            "user,item,correct,time,skill\na,b,1,2020-01-01,x, y\n".replace(
                "x, y", '"x, y"'
            )
        ],
        [],
        "write --skill-separator ,",
        1,
    ),
    "half right": (
        ["user,item,correct,time\na,b,2,2020-01-01\n"],
        [],
        'line 2 has neither right nor wrong: column correct is "2"',
        1,
    ),
    "two answers at a place": (
        ["user,item,correct,order\na,b,1,7\na,b,0,7\n"],
        ["--time-unit", "order"],
        "user a has several answers at place 7",
        1,
    ),
    "the header again": (
        [LOG + "user,item,time\n"],
        [],
        "line 4 is the header again",
        1,
    ),
    "a wider header": (
        [LOG + "user,item,time,more\na,b,2020-01-01,x\n"],
        [],
        "0.csv, line 4: expected number of columns: 3 found: 4",
        1,
    ),
    "an open quote": (
        [LOG + 'a,"b,2020-01-01\n'],
        [],
        "0.csv, line 4: value with unterminated quote found",
        1,
    ),
    "a parameter that is none": (
        [LOG],
        ["--set", "gap=3"],
        "unknown parameter gap; known: family, session_method",
        1,
    ),
    "a value it cannot have": (
        [LOG],
        ["--set", "sequence_scope=week"],
        "sequence_scope is 'week'",
        1,
    ),
    "more than a whole": (
        [LOG],
        ["--set", "split_train_until=1.5"],
        "split_train_until is 1.5: input should be less than 1",
        1,
    ),
    "no sessions": (
        [LOG],
        ["--set", "session_method=platform"],
        "no column is platform_session",
        1,
    ),
    "append to nothing": (
        [LOG],
        ["--append"],
        "holds no log yet; leave out --append",
        1,
    ),
    "append with a form": (
        [LOG],
        ["--append", "--form", "table"],
        "leave out --form",
        2,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_line_and_leaves_nothing(tmp_path, case):
    contents, options, expected, code = REFUSED[case]
    files = [
        written(tmp_path, f"{n}.csv", content) for n, content in enumerate(contents)
    ]
    names = [option[5:] for option in options if option.startswith("NAME=")]
    options = [option for option in options if not option.startswith("NAME=")]
    result = ingest(tmp_path, *(names or ["mine"]), *files, *options)
    assert result.exit_code == code, result.output
    last = result.stderr.splitlines()[-1]
    assert expected.format(*files) in last
    assert code == 2 or result.stderr.count("\n") == 1, result.stderr
    assert (
        not list((tmp_path / "raw").rglob("*")) if (tmp_path / "raw").exists() else True
    )


def test_an_open_quote_is_never_dropped(tmp_path):
    """It may swallow the rest of the file."""
    log = written(tmp_path, "a.csv", LOG + 'a,"b,2020-01-01\nc,d,2020-01-01\n')
    result = ingest(tmp_path, "mine", log, "--drop-bad")
    assert result.exit_code == 1
    assert "a.csv: a quote is never closed; mend the file" in result.stderr


def test_the_one_course_of_a_log_is_no_item_of_it(tmp_path):
    rows = "user,course_id,video_id,time\n" + "".join(
        f"a,c,{video},2020-01-0{day}\n" for day, video in enumerate(("v", "w", ""), 1)
    )
    result = ingest(tmp_path, "mine", written(tmp_path, "a.csv", rows))
    assert result.exit_code == 0, result.output
    assert [item for _, item, *_ in read(tmp_path)] == ["v", "w", None]
    assert "not read" in result.output and "course_id" in result.output
    assert "without an item: 1" in result.output
    assert record(tmp_path)["rows"]["without_item"] == 1


def test_lengths_of_time_may_have_a_comma_and_are_none_below_zero(tmp_path):
    rows = (
        "user;item;correct;time;latency_s\na;b;1;2020-01-01;5,5\n"
        "a;c;1;2020-01-02;-7\na;d;1;2020-01-03;NA\na;e;1;2020-01-04;12\n"
    )
    result = ingest(tmp_path, "mine", written(tmp_path, "a.csv", rows))
    assert result.exit_code == 0, result.output
    assert [row[0] for row in read(tmp_path, "latency_sec, item_key")] == [
        5.5,
        12.0,
        None,
        None,
    ]


def test_files_to_add_need_the_columns_by_which_the_log_was_read(tmp_path):
    ingest(tmp_path, "mine", written(tmp_path, "a.csv", LOG))
    other = written(tmp_path, "b.csv", "user,item,when\na,b,2020-01-01\n")
    result = ingest(tmp_path, "mine", other, "--append")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert "b.csv lacks time, by which the log was read" in result.stderr
    assert len(read(tmp_path)) == 2


def test_what_is_there_stays_where_the_new_cannot_be_put(tmp_path, monkeypatch):
    ingest(tmp_path, "mine", written(tmp_path, "a.csv", LOG))
    more = written(tmp_path, "b.csv", LOG.replace("ann", "eve"))
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if Path(target).name == "mine":
            monkeypatch.setattr(Path, "rename", rename)
            raise PermissionError(13, "Permission denied", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    result = ingest(tmp_path, "mine", more, "--append")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert "mine: Permission denied" in result.stderr
    assert len(read(tmp_path)) == 2
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["mine"]


def test_a_name_that_is_taken_is_left_as_it_is(tmp_path):
    log = written(tmp_path, "a.csv", LOG)
    assert ingest(tmp_path, "mine", log).exit_code == 0
    before = (tmp_path / "raw" / "mine" / "mine.parquet").read_bytes()
    again = ingest(tmp_path, "mine", log)
    assert again.exit_code == 1
    assert "is taken: add files to it with --append" in again.stderr
    assert (tmp_path / "raw" / "mine" / "mine.parquet").read_bytes() == before
    no_folder = ingest(log, "mine", log)
    assert no_folder.exit_code == 1 and no_folder.stderr.count("\n") == 1


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(tmp_path, by):
    """A real one, while DuckDB writes: it makes an error of its own of it."""
    log = tmp_path / "a.csv"
    duckdb.sql(
        "copy (select 'u' || i % 999 as user, i as item, to_timestamp(1e9 + i) as time "
        f"from range(1500000) t(i)) to '{log}'"
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = "from training.cli import main; main()"
    command = [sys.executable, "-c", run, "ingest", "mine", str(log)]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path), "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch), "MOOCMETA_THREADS": "1"},
    ) as process:
        written = "raw/*/mine/*.parquet"
        while process.poll() is None and not list(tmp_path.glob(written)):
            time.sleep(0.01)
        process.send_signal(by)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert error.strip() == "Aborted!"
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {"a.csv", "scratch"}
