"""`moocmeta-train --mart kt_sequences` from marts to run folder and exports."""

import json
from html import escape
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.cli.command_line import (
    assert_one_line,
    files_under,
    interrupted_after,
    train_on,
    trained,
    without_timings,
)
from tests.cli.tracing_run import EDM, KT, QUICK
from tests.conftest import BuiltProject
from training.evaluation.metrics import TRACING
from training.evaluation.tracing import metrics_of
from training.tracing import lineup

LINEUP = ["item_rate", "logistic", "gbt", "sakt", "wd_irt", "dkt", "blend"]
KEYS = {
    "sakt_predictions": [
        *("dataset", "response_id", "user_id", "item_id", "answered_at", "split"),
        *("position", "actual", "predicted"),
    ],
    "sakt_student_state": [
        *("dataset", "response_id", "user_id", "skill_key", "answered_at", "split"),
        "mastery",
    ],
    "item_params": [
        *("dataset", "item_id", "item_key", "skill_keys", "difficulty"),
        *("discrimination", "guessing", "difficulty_se", "discrimination_se"),
        *("guessing_se", "n_responses"),
    ],
    "item_drift": [
        *("dataset", "item_id", "period", "period_start", "difficulty", "drift"),
        *("drift_se", "p_value", "drift_flag"),
    ],
}


def rows(project: BuiltProject, query: str) -> list[tuple]:
    with duckdb.connect(str(project.duckdb_path), read_only=True) as marts:
        return marts.sql(query).fetchall()


# --- what a run leaves ------------------------------------------------------------


def test_the_run_folder_has_these_files_and_no_others(full):
    assert files_under(full.path) == sorted(
        [
            *("config.json", "manifest.json", "metrics.json", "vocab.json"),
            "skill_names.json",
            *("predictions.parquet", "report.html"),
            *(f"checkpoints/{name}.safetensors" for name in LINEUP),
            *(f"exports/{name}.parquet" for name in KEYS),
            *("exports/behavior_slices.md", "exports/mastery_report.md"),
        ]
    )


def test_metrics_follow_from_the_predictions(full):
    predictions = pd.read_parquet(full.path / "predictions.parquet")
    assert list(full.metrics["models"]) == LINEUP
    for name, model in full.metrics["models"].items():
        own = predictions[predictions["model"] == name]
        assert len(own) == full.metrics["n_test_responses"]
        assert own["user_id"].nunique() == full.metrics["n_test_users"]
        expected = metrics_of(own["actual"], own["predicted"])
        assert list(model["test"]) == list(model["val"]) == list(TRACING)
        for metric, value in expected.items():
            assert model["test"][metric] == pytest.approx(value, rel=1e-9)
            low, high = model["ci95"][metric]
            assert low <= value <= high
        first = own[own["attempt"] == 1]
        assert model["first_attempts"]["n"] == len(first)
        assert model["first_attempts"]["auc"] == pytest.approx(
            metrics_of(first["actual"], first["predicted"])["auc"], rel=1e-9
        )
        assert sum(row["n"] for row in model["calibration"]) == len(own)
        is_neural = name in ("sakt", "wd_irt", "dkt")
        assert [epoch["epoch"] for epoch in model["history"]] == [1, 2, 3] * is_neural
        assert (model["monitor"] == "auc") == is_neural
        is_best = name == full.metrics["best_baseline"]
        assert (model["vs_best_baseline"] is None) == is_best
    for kind in full.metrics["slices"].values():
        assert sum(row["n"] for row in kind) == full.metrics["n_test_responses"]


def test_counts_are_those_of_the_marts(full, built_project):
    counted = dict(
        rows(
            built_project,
            f"select split, count(*) from responses where dataset = '{EDM}' group by 1",
        )
    )
    for split in ("train", "val", "test"):
        assert full.metrics[f"n_{split}_responses"] == counted[split]
    assert full.metrics["dataset"] == EDM
    assert full.metrics["family"] == "tracing"


def test_the_oracle_of_the_simulation_is_found(full):
    oracle = full.metrics["oracle"]
    assert oracle["test"]["auc"] > 0.7
    assert oracle["test"]["log_loss"] == min(
        oracle["test"]["log_loss"],
        *(model["test"]["log_loss"] for model in full.metrics["models"].values()),
    )
    assert set(oracle["models"]) == set(LINEUP)
    gap = oracle["models"]["logistic"]["auc"]["difference"]
    reached = full.metrics["models"]["logistic"]["test"]["auc"]
    assert gap == pytest.approx(reached - oracle["test"]["auc"])


def test_no_model_moved_when_tampered_with(full):
    checks = full.metrics["checks"]
    assert set(checks["moved_by"]) == set(checks["random_answers"]) == set(LINEUP)
    for moved in checks["moved_by"].values():
        assert len(moved) == 3
        assert max(moved.values()) < 1e-5
    for found in checks["random_answers"].values():
        assert abs(found["auc"] - 0.5) <= 4 * found["standard_error"] + 1e-9


def test_the_table_and_the_page_name_every_model(full):
    page = (full.path / "report.html").read_text(encoding="utf-8")
    for model in full.metrics["models"].values():
        assert model["title"] in full.stdout
        assert escape(model["title"]) in page
    for part in ("Calibration", "Distance to the oracle", "By time taken", "AUC"):
        assert part in page


# --- exports ----------------------------------------------------------------------


def test_exports_have_the_promised_columns_and_keys(full):
    for name, columns in KEYS.items():
        assert list(full.export(name)) == columns
    schema = pq.read_schema(full.path / "exports" / "sakt_predictions.parquet")
    assert str(schema.field("answered_at").type) == "timestamp[us]"
    items = pq.read_schema(full.path / "exports" / "item_params.parquet")
    assert str(items.field("skill_keys").type) == "list<element: string>"
    predictions, state = (full.export(n) for n in list(KEYS)[:2])
    assert not predictions.duplicated(["dataset", "response_id"]).any()
    assert not state.duplicated(["dataset", "response_id", "skill_key"]).any()
    assert not full.export("item_params").duplicated(["dataset", "item_id"]).any()
    drift = full.export("item_drift")
    assert not drift.duplicated(["dataset", "item_id", "period"]).any()


def test_no_response_goes_unscored_and_answers_are_the_marts(full, built_project):
    found = full.export("sakt_predictions").sort_values("response_id")
    expected = rows(
        built_project,
        "select response_id, user_id, item_id, split, correct, answered_at "
        f"from responses where dataset = '{EDM}' order by response_id",
    )
    columns = ["response_id", "user_id", "item_id", "split", "actual", "answered_at"]
    assert list(found[columns].itertuples(index=False, name=None)) == expected
    by_user = found.sort_values(["user_id", "position"])
    assert (
        by_user.groupby("user_id")["answered_at"].diff().dropna().dt.total_seconds()
        >= 0
    ).all()
    assert found["predicted"].between(0, 1, inclusive="neither").all()


def test_skills_stay_lists_from_the_raw_file_to_the_exports(full, built_project):
    """The two skills of an item are one response, two states, one list."""
    known = rows(
        built_project,
        "select response_id, skill_keys from responses "
        f"where dataset = '{EDM}' order by response_id",
    )
    state = full.export("sakt_student_state")
    found = state.groupby("response_id")["skill_key"].agg(sorted).to_dict()
    assert found == {number: sorted(keys) for number, keys in known if keys}
    assert max(len(keys) for _, keys in known) >= 2
    assert state["mastery"].between(0, 1, inclusive="neither").all()
    of_items = dict(
        rows(
            built_project,
            "select distinct item_id, skill_keys from responses "
            f"where dataset = '{EDM}'",
        )
    )
    for row in full.export("item_params").itertuples():
        assert list(row.skill_keys) == sorted(of_items[row.item_id])


def test_items_rest_on_train_users_only(full, built_project):
    found = full.export("item_params")
    counts = dict(
        rows(
            built_project,
            "select item_id, count(*) from responses "
            f"where dataset = '{EDM}' and split = 'train' group by 1",
        )
    )
    assert dict(zip(found["item_id"], found["n_responses"], strict=True)) == counts
    for name in ("difficulty_se", "discrimination_se", "guessing_se"):
        assert (found[name] > 0).all()
    assert (found["discrimination"] > 0).all()
    assert found["guessing"].between(0, 1).all()
    drift = full.export("item_drift")
    assert set(drift["item_id"]) <= set(found["item_id"])
    assert (drift.groupby("item_id").size() >= 2).all()
    assert drift.groupby("item_id")["p_value"].nunique().max() == 1


def test_the_pages_name_slices_and_skills(full):
    exports = full.path / "exports"
    slices = (exports / "behavior_slices.md").read_text(encoding="utf-8")
    for title in ("Time taken", "Help before", "Attempt", "Reliability of the session"):
        assert title in slices
    mastery = (exports / "mastery_report.md").read_text(encoding="utf-8")
    assert set(full.export("sakt_student_state")["skill_key"]) <= {
        part.strip() for line in mastery.splitlines() for part in line.split("|")
    }


# --- again, interrupted, otherwise ---------------------------------------------------


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, built_project):
    models = ("--model", "sakt", "--model", "logistic")
    through = trained(built_project.env, tmp_path / "a", *QUICK, *models)

    with interrupted_after("sakt", epoch=1):
        result = train_on(built_project.env, tmp_path / "b", *QUICK, *models)
    assert_one_line(result, "interrupted; go on with", "--resume")
    (unfinished,) = (path.parent for path in (tmp_path / "b").glob("*/config.json"))
    resumed = train_on(built_project.env, tmp_path / "b", "--resume", unfinished.name)
    assert resumed.exit_code == 0, resumed.output
    for name in ("predictions.parquet", "exports/sakt_student_state.parquet"):
        assert (unfinished / name).read_bytes() == (through / name).read_bytes()
    one, two = (
        without_timings(json.loads((path / "metrics.json").read_text()))
        for path in (through, unfinished)
    )
    assert one == two


def test_a_run_without_sakt_leaves_no_sakt_exports(tmp_path, built_project):
    run = trained(built_project.env, tmp_path, *KT, "--model", "item_rate")
    assert files_under(run / "exports") == ["behavior_slices.md"]


def test_the_overview_may_not_have_been_built(tmp_path, edited):
    """`dbt build --select +kt_sequences +response_features` leaves it out."""
    env = edited("drop table dataset_funnel")
    run = trained(env, tmp_path, *KT, "--model", "item_rate")
    assert json.loads((run / "metrics.json").read_text())["funnel"] == []


def test_assistments_is_trained_on_when_named(tmp_path, built_project):
    options = ("--dataset", "assistments_2009", "--model", "logistic")
    run = trained(built_project.env, tmp_path, *KT, *options)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["dataset"] == "assistments_2009"
    assert 0.5 < metrics["models"]["logistic"]["test"]["auc"] < 1


def test_real_answers_beside_a_simulation_have_no_oracle(tmp_path, built_project):
    """A truth of other answers is no truth of these."""
    truth = tmp_path / "data" / "truth" / EDM
    truth.mkdir(parents=True)
    source = Path("sample_data") / "truth" / EDM / "answers.parquet"
    answers = pd.read_parquet(source)
    answers.iloc[: len(answers) // 2].to_parquet(truth / "answers.parquet")
    env = {**built_project.env, "MOOCMETA_DATA_DIR": str(tmp_path / "data")}
    run = trained(env, tmp_path / "runs", *KT, "--model", "item_rate")
    assert json.loads((run / "metrics.json").read_text())["oracle"] is None


# --- mistakes ------------------------------------------------------------------------


def test_a_broken_model_stops_the_run(tmp_path, built_project, monkeypatch):
    class Peeks:
        n_parameters = 0

        def fit(self, train, val, optimise):
            return None

        def predict(self, responses):
            return responses.correct.float() * 0.5 + 0.25

        def state_dict(self):
            return {}

    monkeypatch.setattr(lineup.registry, "create", lambda *args, **kwargs: Peeks())
    result = train_on(built_project.env, tmp_path, *KT, "--model", "item_rate")
    assert_one_line(result, "model item_rate is broken", "the answer itself changes")
    assert not list(tmp_path.glob("*/metrics.json"))


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (["--model", "gru"], ["--model gru is none for mart kt_sequences", "wd_irt"]),
        (["--dataset", "mars"], ["no rows of data set mars", EDM]),
        (["--repeat-splits", "2"], ["--repeat-splits", "kt_sequences"]),
        (["--set", "models.sakt.dim=5"], ["n_heads must divide dim"]),
    ],
)
def test_a_wrong_option_is_named_and_leaves_nothing(
    tmp_path, built_project, options, fragments
):
    result = train_on(built_project.env, tmp_path, *KT, *options)
    assert_one_line(result, *fragments)
    assert not list(tmp_path.iterdir())


def test_marts_that_do_not_fit_together_are_named(tmp_path, edited):
    """As after a build of a part of the graph."""
    env = edited(
        "create table few as select * from responses where response_id % 2 = 0",
        "drop table responses",
        "alter table few rename to responses",
    )
    result = train_on(env, tmp_path / "runs", *KT)
    fragments = ("edited.duckdb", "response_id 1 is missing", "run `dbt build`")
    assert_one_line(result, *fragments)


def test_too_few_users_are_named(tmp_path, edited):
    marts = ("responses", "kt_sequences", "response_features")
    env = edited(
        *(f"update {m} set split = 'train' where split = 'val'" for m in marts)
    )
    result = train_on(env, tmp_path / "runs", *KT)
    assert_one_line(result, f"{EDM} has no val responses", "split_seed")


def test_a_mart_that_leaks_stops_the_run(tmp_path, edited):
    """Features that know the answer of their own row."""
    env = edited(
        """
        create table kept as
        select features.* replace (
            case when correct then 9e-1 else 1e-1 end as skill_prior_correct_rate
        )
        from response_features as features
        join responses using (dataset, response_id)
        """,
        "drop table response_features",
        "alter table kept rename to response_features",
    )
    result = train_on(env, tmp_path / "runs", *KT)
    assert_one_line(
        result, "response_features is broken", "skill_prior_correct_rate", "dbt build"
    )
    assert not (tmp_path / "runs").exists()
