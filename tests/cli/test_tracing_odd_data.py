"""Training, exports and traces on logs that lack what most have."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.command_line import assert_one_line, moocmeta, trained
from tests.cli.tracing_run import EDM, QUICK
from tests.conftest import PROJECT_ROOT, BuiltProject, build
from tests.reference.sessions import split_of
from tests.reference.tracing import EDM as RULES

SAMPLE = PROJECT_ROOT / "sample_data" / "raw" / EDM
MODELS = [f"--model={name}" for name in ("logistic", "gbt", "sakt", "wd_irt")]
NEWCOMER = next(f"new{n}" for n in range(99) if split_of(f"new{n}", RULES) == "test")
LATER = next(f"late{n}" for n in range(99) if split_of(f"late{n}", RULES) == "train")


def traced(data_dir: Path, scratch: Path) -> Path:
    """Folder of a run of the whole line-up on the data."""
    marts = ("run", "-s", "datasets", "+marts.tracing", "+sessions")
    project: BuiltProject = build(data_dir, scratch, *marts)
    return trained(project.env, scratch / "runs", *QUICK, *MODELS)


@pytest.fixture(scope="module")
def without_skills(tmp_path_factory) -> Path:
    """A run on actions and assignments without `problem_details.csv`."""
    folder = tmp_path_factory.mktemp("without_skills")
    raw = folder / "data" / "raw" / EDM
    ignored = shutil.ignore_patterns("problem_details.csv")
    shutil.copytree(SAMPLE, raw, ignore=ignored)
    return traced(folder / "data", folder)


@pytest.fixture(scope="module")
def with_newcomers(tmp_path_factory) -> Path:
    """A run with a test user of one answer, to an item and a skill no one else met.

    A train user gives a single answer, too.
    """
    folder = tmp_path_factory.mktemp("with_newcomers")
    raw = folder / "data" / "raw" / EDM
    shutil.copytree(SAMPLE, raw)
    for file, rows in {
        "assignment_details.csv": [
            f"ANEW,t0,c0,{NEWCOMER},Q1,,,,",
            f"ALATE,t0,c0,{LATER},Q1,,,,",
        ],
        "problem_details.csv": ["PNEW,,1,Number,8.NEW,,0,0,0,"],
        "action_logs.csv": [
            "ANEW,1621270640.5,PNEW,3,answer,1,1,correct_response,,",
            "ALATE,1621270640.5,PFM,3,answer,1,1,wrong_response,,",
        ],
    }.items():
        with (raw / file).open("a") as log:
            log.writelines(row + "\n" for row in rows)
    return traced(folder / "data", folder)


def trace(run: Path, user: str, *options: object):
    return moocmeta("trace", "--out", run.parent, "--user", user, *options)


def test_a_data_set_without_skills_is_trained_exported_and_traced(without_skills):
    exports = without_skills / "exports"
    state = pd.read_parquet(exports / "sakt_student_state.parquet")
    items = pd.read_parquet(exports / "item_params.parquet")
    answers = pd.read_parquet(exports / "sakt_predictions.parquet")
    assert len(state) == 0 < len(answers)
    assert set(items["skill_keys"].map(len)) == {0}
    user, plot = answers["user_id"].iloc[0], without_skills / "story.svg"
    result = trace(without_skills, user, "--plot", plot)
    assert result.exit_code == 0, result.output
    assert plot.stat().st_size > 0
    assert "name no skill" in result.stdout
    steps = json.loads(trace(without_skills, user, "--json").stdout)["steps"]
    assert len(steps) == (answers["user_id"] == user).sum()
    assert {(step["skill_key"], step["mastery"]) for step in steps} == {(None, None)}


def test_a_skill_of_a_run_without_any_is_refused(without_skills):
    answers = pd.read_parquet(without_skills / "exports" / "sakt_predictions.parquet")
    result = trace(without_skills, answers["user_id"].iloc[0], "--skill", "7")
    assert_one_line(result, "--skill 7: no such skill", "none of its items has a skill")


def test_a_user_of_one_answer_to_what_no_one_met_has_mastery(with_newcomers):
    found = json.loads(trace(with_newcomers, NEWCOMER, "--json").stdout)
    (step,) = found["steps"]
    assert (found["split"], step["skill_key"]) == ("test", "8.NEW")
    assert 0 < step["predicted"] < 1
    assert 0 < step["mastery"] < 1
    assert step["difficulty"] is None  # no train user answered the item
    assert len(json.loads(trace(with_newcomers, LATER, "--json").stdout)["steps"]) >= 1
