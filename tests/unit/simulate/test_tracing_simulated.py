"""Logs of knowledge tracing and their truth, judged by pandas."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from training.simulate.practice import assistments_2009, edm_cup_2023
from training.simulate.practice import assistments_2009_files as files
from training.simulate.request import Counts, Request, Size

GRADED = ["correct_response", "wrong_response"]
SIMULATORS = {
    "edm_cup_2023": edm_cup_2023.simulate,
    "assistments_2009": assistments_2009.simulate,
}


def simulated(folder, dataset, size, seed=4) -> Counts:
    folder.mkdir()
    request = Request(folder / "raw", folder / "truth", size, seed, "flat", False)
    return SIMULATORS[dataset](request)


@pytest.fixture(scope="module", params=SIMULATORS)
def any_log(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("log") / request.param
    return request.param, folder, simulated(folder, request.param, Size(users=40))


@pytest.fixture(scope="module")
def edm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edm") / "out"
    simulated(folder, "edm_cup_2023", Size(users=150))
    return folder


@pytest.fixture(scope="module")
def actions(edm):
    return pd.read_csv(edm / "raw" / "action_logs.csv", dtype=str)


@pytest.fixture(scope="module")
def assistments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assistments") / "out"
    simulated(folder, "assistments_2009", Size(users=100))
    return folder


@pytest.fixture(scope="module")
def rows(assistments):
    path = assistments / "raw" / "skill_builder_data.csv"
    return pd.read_csv(path, dtype=str, encoding="latin-1")


def test_columns_of_the_edm_cup(actions, edm):
    assert list(actions) == [
        *("assignment_log_id", "timestamp", "problem_id", "max_attempts"),
        *("available_core_tutoring", "score_viewable", "continuous_score_viewable"),
        *("action", "hint_id", "explanation_id"),
    ]
    details = pd.read_csv(edm / "raw" / "assignment_details.csv", dtype=str)
    assert list(details) == [
        *("assignment_log_id", "teacher_id", "class_id", "student_id", "sequence_id"),
        *("assignment_release_date", "assignment_due_date"),
        *("assignment_start_time", "assignment_end_time"),
    ]
    assert details["assignment_log_id"].is_unique
    # the log covers a part of the assignments; one is due in the year 4202
    assert set(actions["assignment_log_id"]) < set(details["assignment_log_id"])
    assert (details["assignment_due_date"] == "70464012120").sum() == 1
    problems = pd.read_csv(edm / "raw" / "problem_details.csv", dtype=str)
    assert problems["problem_skill_code"].str.contains(",").any()
    assert problems["problem_skill_code"].isna().any()


def test_shares_of_the_published_edm_log(actions):
    key = ["assignment_log_id", "problem_id"]
    started = actions[actions["action"] == "problem_started"].groupby(key).size()
    graded = actions[actions["action"].isin(GRADED)].groupby(key).size()
    assert started.max() == 1
    assert set(graded.index) < set(started.index)
    assert 0.62 < len(graded) / len(started) < 0.75  # published: .682
    assert 0.13 < (graded > 1).sum() / len(started) < 0.21  # published: .164
    opened = actions[actions["action"] == "open_response"].groupby(key).size()
    assert not set(opened.index) & set(graded.index)


def test_edm_truth_is_about_the_first_graded_answers(actions, edm):
    details = pd.read_csv(edm / "raw" / "assignment_details.csv", dtype=str)
    graded = actions[actions["action"].isin(GRADED)].merge(
        details[["assignment_log_id", "student_id"]]
    )
    graded["at"] = pd.to_datetime(graded["timestamp"].astype(float), unit="s")
    first = graded.sort_values("at").drop_duplicates(
        ["assignment_log_id", "problem_id"]
    )
    found = pd.DataFrame(
        {
            "user_id": first["student_id"],
            "item_key": first["problem_id"],
            "ms": first["at"].dt.round("ms").astype("datetime64[ms]").astype("int64"),
            "correct": first["action"] == "correct_response",
        }
    )
    truth = pd.read_parquet(edm / "truth" / "answers.parquet")
    truth["ms"] = truth["answered_at"].astype("datetime64[ms]").astype("int64")
    truth = truth.astype({"user_id": str, "item_key": str})
    key = ["user_id", "item_key", "ms"]
    assert_frame_equal(
        found.sort_values(key).reset_index(drop=True),
        truth[found.columns].sort_values(key).reset_index(drop=True),
        check_dtype=False,
    )


def test_assistments_has_its_publishers_quirks(rows):
    assert list(rows)[:8] == [
        *("Unnamed: 0", "order_id", "assignment_id", "user_id", "assistment_id"),
        *("problem_id", "original", "correct"),
    ]
    assert len(rows.columns) == 31
    assert rows["skill_name"].str.contains("Á").any()
    assert rows["skill_id"].isna().any()
    assert set(rows["original"]) == {"0", "1"}
    assert set(rows["correct"]) == {"0", "1", "0.25", "0.5", "0.75"}
    per_answer = rows.groupby("order_id")
    assert per_answer.size().max() == 2
    assert per_answer["skill_id"].nunique().max() == 2
    same = per_answer[["user_id", "problem_id", "correct", "ms_first_response"]]
    assert (same.nunique() == 1).all().all()


@pytest.mark.parametrize(("n_items", "step"), [(30, 100_000), (17_700, 1_000_000)])
def test_a_scaffold_has_the_number_of_no_item(n_items, step):
    """Not even in the published bank, whose items are numbered beyond 100,000."""
    items = files._problems(np.arange(n_items))
    assert files._scaffold_step(n_items) == step
    assert len(np.unique(np.append(items, items + step))) == 2 * n_items


def test_assistments_truth_is_about_the_original_problems(rows, assistments):
    original = rows[rows["original"] == "1"].drop_duplicates("order_id")
    truth = pd.read_parquet(assistments / "truth" / "answers.parquet")
    since = truth["answered_at"] - pd.Timestamp("2009-01-01")
    assert (since.dt.total_seconds() == original["order_id"].astype(float).values).all()
    assert (truth["user_id"].astype(str).values == original["user_id"].values).all()
    assert (truth["item_key"].astype(str).values == original["problem_id"].values).all()
    assert (truth["correct"].values == (original["correct"] == "1").values).all()


def test_truth_knows_every_student_and_item(any_log):
    _, folder, counts = any_log
    answers = pd.read_parquet(folder / "truth" / "answers.parquet")
    items = pd.read_parquet(folder / "truth" / "items.parquet")
    users = pd.read_parquet(folder / "truth" / "users.parquet")
    assert len(users) == counts.n_users == 40
    assert len(answers) == counts.n_true_rows
    assert set(answers["user_id"]) <= set(users["user_id"])
    assert set(answers["item_key"]) <= set(items["item_key"])
    assert answers["probability"].between(0, 1).all()
    assert set(np.round(items["drift"].abs(), 6)) == {0, 1.6}


def test_same_request_same_bytes_another_seed_another_log(any_log, tmp_path):
    dataset, folder, _ = any_log
    simulated(tmp_path / "again", dataset, Size(users=40))
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            again = tmp_path / "again" / path.relative_to(folder)
            assert path.read_bytes() == again.read_bytes()
    simulated(tmp_path / "other", dataset, Size(users=40), seed=5)
    truth = "truth/answers.parquet"
    assert (folder / truth).read_bytes() != (tmp_path / "other" / truth).read_bytes()


def test_sizes_in_events_count_the_logs_rows(tmp_path):
    counts = simulated(tmp_path / "edm", "edm_cup_2023", Size(events=3000))
    actions = pd.read_csv(tmp_path / "edm" / "raw" / "action_logs.csv")
    assert len(actions) == counts.n_events >= 3000
    counts = simulated(tmp_path / "assistments", "assistments_2009", Size(events=900))
    rows = pd.read_csv(
        tmp_path / "assistments" / "raw" / "skill_builder_data.csv", encoding="latin-1"
    )
    assert rows["order_id"][rows["original"] == 1].nunique() == counts.n_events >= 900
