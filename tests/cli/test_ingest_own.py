"""A log of any platform becomes one data set, or one line says why not."""

import json
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from training.commands.ingest import ingest_command

LOG = "user,item,time\nann,a,2020-01-01 10:00\nbob,b,2020-01-01 11:00\n"
ANSWERS = (
    "user_id,problem_id,correct,time,skills,ms_first_response\n"
    "u,p,1,1600000000,add;carry,1500\n"
    "u,q,0.5,1600000060,,\n"
)


def ingest(data: Path, *args: object):
    command = [*map(str, args), "--out", str(data), "--quiet"]
    return CliRunner().invoke(ingest_command, command)


def written(folder: Path, name: str, content: str | bytes | list) -> Path:
    path = folder / name
    if isinstance(content, list):  # a JSON object a line
        content = "".join(json.dumps(row) + "\n" for row in content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


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


HASH = "09f1d1b4a8b1d9c8f8a0e1e3b6a3c5b1"  # replaced below by the true one
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
    '"2/10/21, 08:00",-,-,Quiz: Café,Quiz,Quiz attempt started,'
    "The user with id '44' has started the attempt with id '1'.,web,\n"
    '"2/10/21, 08:00",-,-,Turnitin: x,Turnitin,List,User viewed their inbox,web,\n'
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
        *("x.json", json.dumps({"statements": XAPI, "more": ""}), ["--form", "xapi"]),
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
        *("tracking.log", EDX, ["--form", "openedx"]),
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
        *("log.csv", REPORT.encode("cp1252"), ["--form", "moodle"]),
        [
            ("44", "Quiz: Café", "quiz_attempt_started", "2021-10-02 08:00:00"),
            ("44", None, "course_viewed", "2021-10-17 12:39:00"),
        ],
        {"of nobody who is logged in": 1},
    ),
    "recbole": (
        *(
            "ml.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
            '1\tthe "a"\t4\t1600000000.5\n',
            ["--form", "recbole"],
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
