"""dbt takes what `moocmeta ingest NAME` wrote, with no edit of the project."""

import csv
import re
import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from tests.conftest import PROJECT_ROOT
from tests.dbt.one_process import Case, run_all
from tests.reference.compare import KEYS
from tests.reference.logs import seeded_log
from tests.reference.raw_files import write_log
from training.commands.ingest import ingest_command

COLUMNS = {
    "item_key": "course_id",
    "event_at": "timestamp",
    "platform_session": "session_hash",
}
# two users; of two answers to one item in one moment the wrong one comes first; one
# row says again what another says, one is of no item
ANSWERS = (
    "user,item,correct,time,skills\n"
    "u,p,1,2020-01-01 10:00,add;carry\n"
    "u,p,0,2020-01-01 10:00,\n"
    "v,q,1,2020-01-01 10:00,add\n"
    "v,q,1,2020-01-01 10:00,add\n"
    "w,,1,2020-01-01 10:00,add\n"
)
ORDERED = "user,item,correct,order\nu,p,1,1\nu,q,0,9000\n"
SPOILED = {
    "unknown parameter": ("session_gap_sec: 1800", "gap: 3", "unknown parameter gap"),
    "text for a number": (
        *("session_gap_sec: 1800", "session_gap_sec: soon"),
        "session_gap_sec is soon; it must be a whole number",
    ),
    "value it cannot have": (
        *("sequence_scope: session", "sequence_scope: week"),
        "sequence_scope is week; it must be session or user",
    ),
    "another name": ("dataset: mine", "dataset: yours", "it is of data set yours"),
}


def ingest(data: Path, name: str, *arguments: object) -> None:
    command = [name, *map(str, arguments), "--out", str(data), "--quiet"]
    result = CliRunner().invoke(ingest_command, command)
    assert result.exit_code == 0, result.output


def parameters_of(dataset: str) -> list[str]:
    """The seed's row as `--set` options, all but what an ingest settles itself."""
    with (PROJECT_ROOT / "dbt_project/seeds/datasets.csv").open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["dataset"] == dataset)
    given = {k: v for k, v in row.items() if v and k not in ("dataset", "family")}
    numbers = {
        k: f"{v}.0" if "weight" in k or "cap" in k else v for k, v in given.items()
    }
    return [text for k, v in numbers.items() for text in ("--set", f"{k}={v}")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Marts of a log as xuetangx and as an own log beside each other, and it alone."""
    scratch = tmp_path_factory.mktemp("own_logs")
    both, alone = scratch / "both", scratch / "alone"
    write_log(both, seeded_log(seed=41, n_users=60), n_files=4)
    files = sorted((both / "raw" / "xuetangx").iterdir())
    columns = [text for k, v in COLUMNS.items() for text in ("--map", f"{k}={v}")]
    ingest(both, "mine", *files, *columns, *parameters_of("xuetangx"))
    shutil.copytree(both / "raw" / "mine", alone / "raw" / "mine")
    for name, text in (("answers", ANSWERS), ("ordered", ORDERED)):
        (scratch / f"{name}.csv").write_text(text)
        options = ["--time-unit", "order"] if name == "ordered" else ["--drop-bad"]
        ingest(both, name, scratch / f"{name}.csv", *options)
    every_test = ("build", "--exclude-resource-type", "unit_test")
    only_marts = ("build", "--exclude-resource-type", "test", "unit_test")
    only_marts += ("-s", *(f"+{mart}" for mart in KEYS))
    cases = {
        name: Case(scratch / name, scratch / name / "moocmeta.duckdb", command)
        for name, command in (("both", every_test), ("alone", only_marts))
    }
    for name, (found, put, _) in SPOILED.items():
        folder = scratch / name
        shutil.copytree(alone / "raw", folder / "raw")
        file = folder / "raw" / "mine" / "dataset.yml"
        text = file.read_text("utf-8")
        assert found in text
        file.write_text(text.replace(found, put), "utf-8")
        cases[name] = Case(folder, folder / "moocmeta.duckdb", ("seed",))
    edited = scratch / "edited"
    shutil.copytree(alone / "raw", edited / "raw")
    file = edited / "raw" / "mine" / "dataset.yml"
    text = file.read_text("utf-8")
    file.write_text(re.sub("session_gap_sec: .*", "session_gap_sec: 1", text), "utf-8")
    (file.parent / "more.csv").write_text("user,item,time\n")
    (edited / "raw" / "other").mkdir()
    (edited / "raw" / "other" / "log.csv").write_text("user,item,time\n")
    sessions = (*only_marts[:4], "-s", "+sessions")
    cases["edited"] = Case(edited, edited / "moocmeta.duckdb", sessions)
    return scratch, run_all(cases, scratch)


def test_an_own_log_gives_what_the_built_in_gives_and_nothing_touches_it(built):
    scratch, outcomes = built
    for name in ("both", "alone"):
        assert outcomes[name].success, outcomes[name].output
    with duckdb.connect() as connection:
        for name in ("both", "alone"):
            file = scratch / name / "moocmeta.duckdb"
            connection.execute(f"attach '{file}' as in_{name} (read_only)")
        for mart in KEYS:
            mine, theirs, only = (
                f"select * exclude (dataset) from in_{database}.{mart} "
                f"where dataset = '{n}'"
                for database, n in (
                    ("both", "mine"),
                    ("both", "xuetangx"),
                    ("alone", "mine"),
                )
            )
            if mart != "split_times":  # both are split by user
                assert connection.sql(only).fetchone(), mart
            for other in (theirs, only):
                for a, b in ((mine, other), (other, mine)):
                    assert not connection.sql(f"{a} except all {b}").fetchall(), mart


def test_answers_are_responses_with_their_skills(built):
    with duckdb.connect(str(built[0] / "both" / "moocmeta.duckdb")) as connection:
        rows = connection.sql(
            "select user_id, item_key, skill_keys, correct, attempt, help_before "
            "from responses where dataset = 'answers' order by response_id"
        ).fetchall()
        gaps = connection.sql(
            "select dataset, count(*), count(seconds_since_previous) "
            "from response_features where dataset = 'ordered' group by dataset"
        ).fetchall()
        sessions = connection.sql(
            "select n_events, reliability < 1 from sessions where dataset = 'ordered'"
        ).fetchall()
    assert rows == [
        ("u", "p", [], False, 1, False),
        ("u", "p", ["add", "carry"], True, 2, False),
        ("v", "q", ["add"], True, 1, False),
    ]
    assert gaps == [("ordered", 2, 0)]  # between places of an order lies no time
    assert [n for n, _ in sessions] == [2]


def test_the_funnel_begins_with_the_rows_of_an_own_logs_files(built):
    with duckdb.connect(str(built[0] / "both" / "moocmeta.duckdb")) as connection:
        steps = connection.sql(
            "select step_number, step, n_rows from dataset_funnel "
            "where dataset = 'answers' and step_number < 2 order by step_number"
        ).fetchall()
    assert steps == [
        (-2, "rows of its files", 5),
        (-1, "without: no item", 4),
        (0, "rows of one answer as one", 3),
        (1, "raw rows", 3),
    ]


def test_an_edit_of_a_parameter_is_enough(built):
    scratch, outcomes = built
    assert outcomes["edited"].success, outcomes["edited"].output
    counts = []
    for name in ("alone", "edited"):
        with duckdb.connect(str(scratch / name / "moocmeta.duckdb")) as connection:
            counts += connection.sql("select count(*) from sessions").fetchall()
    assert counts[1] > counts[0]


def test_files_that_nobody_ingested_are_named(built):
    scratch, outcomes = built
    raw = scratch / "edited" / "raw"
    for folder, file, option in (("mine", "more", " --append"), ("other", "log", "")):
        told = f"{raw / folder}: not read: {file}.csv; move it out and run `moocmeta "
        told += f"ingest {folder} FILE{option}`"
        assert outcomes["edited"].output.count(told) == 1


@pytest.mark.parametrize("case", SPOILED)
def test_a_parameter_that_cannot_be_is_one_line(built, case):
    outcome = built[1][case]
    assert not outcome.success
    assert outcome.output.count(SPOILED[case][2]) == 1, outcome.output
