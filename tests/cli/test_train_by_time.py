"""`moocmeta-train --also-by-time`: one run, tested on other users and on the future."""

import os
from pathlib import Path
from subprocess import CompletedProcess

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.cli.command_line import (
    MARS,
    Finished,
    assert_one_line,
    files_under,
    finished,
    options_of,
    train_on,
)
from tests.dbt.one_process import Case, run_case

ALSO = "--also-by-time"
MODELS = options_of("--model", "popularity", "markov", "session_knn")
CUTS = "insert into split_times values ('mars', 1500000000, 1600000000)"


def run_dbt(command: list, *, env: dict[str, str], **how) -> CompletedProcess:
    """What a run asks of dbt, in the tests' own process of it: to start costs more."""
    program, *words = map(str, command)
    assert os.access(program, os.X_OK)
    for option in ("--log-path", "--target-path"):
        at = words.index(option)
        del words[at : at + 2]
    words.remove("--no-use-colors")
    data, database = Path(env["MOOCMETA_DATA_DIR"]), Path(env["MOOCMETA_DUCKDB"])
    outcome = run_case(Case(data, database, tuple(words)))
    return CompletedProcess(command, int(not outcome.success), outcome.output)


@pytest.fixture(scope="module")
def run(tmp_path_factory, built_project) -> Finished:
    out = tmp_path_factory.mktemp("by_time")
    options = (*MARS, *MODELS, ALSO, "--seeds", "2", "--tune", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.recommendation.rebuild.subprocess.run", run_dbt)
        return finished(built_project.env, out, *options)


@pytest.fixture(scope="module")
def predictions(run) -> pd.DataFrame:
    return pd.read_parquet(run.path / "predictions_by_time.parquet")


def asked_of(built_project, sql: str) -> list[tuple]:
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as marts:
        return marts.sql(sql).fetchall()


def test_the_future_is_asked_and_cold_labels_are_those_born_in_it(
    run, predictions, built_project
):
    """Cuts, labels' times and cold items, from the events and pairs by user alone."""
    by_time = run.metrics["by_time"]
    ((train_until, val_until),) = asked_of(
        built_project,
        "select floor(quantile_cont(ts_epoch, 0.7)), floor(quantile_cont(ts_epoch, "
        "0.85)) from events where dataset = 'mars'",
    )
    cuts = {"train_until": train_until, "val_until": val_until}
    assert by_time["split_times"] == cuts
    pairs = asked_of(
        built_project,
        "select pair_id, label_ts_epoch, label, item_key in (select item_key from "
        f"events where dataset = 'mars' and ts_epoch < {train_until}) from pairs join "
        "vocab on pairs.dataset = vocab.dataset and label = item_id "
        "where pairs.dataset = 'mars'",
    )
    labels = pd.DataFrame(pairs, columns=["pair_id", "at", "true_label", "is_known"])
    asked = predictions.query("model == 'markov'").merge(labels, on="pair_id")
    assert len(asked) == by_time["n_test_queries"] > 50
    assert (asked["at"] >= val_until).all()
    assert (asked["label"] == asked["true_label"]).all()
    assert by_time["share_cold_labels"] == pytest.approx(1 - asked["is_known"].mean())
    known = asked.loc[asked["is_known"], "rank"]
    without = by_time["models"]["markov"]["without_cold"]
    assert without["recall@10"] == pytest.approx((known <= 10).mean())


def test_metrics_by_time_follow_from_their_predictions(run, predictions):
    for name, model in run.metrics["by_time"]["models"].items():
        ranks = predictions.loc[predictions["model"] == name, "rank"]
        assert model["test"]["recall@10"] == pytest.approx((ranks <= 10).mean())
        assert model["test"]["mrr"] == pytest.approx((1 / ranks).mean())
    assert set(run.metrics["by_time"]["seeds"]["models"]) == set(run.metrics["models"])


def test_the_trials_of_both_splits_are_kept(run):
    tried = {"trials": run.metrics, "trials_by_time": run.metrics["by_time"]}
    for name, metrics in tried.items():
        trials = pd.read_parquet(run.path / f"{name}.parquet").set_index("model")
        reached = {model: each["best"] for model, each in metrics["tuning"].items()}
        assert trials["val_mrr"].to_dict() == reached


def test_the_run_says_how_the_order_changes(run):
    ways = run.metrics["models"], run.metrics["by_time"]["models"]
    reached = [[m["test"]["recall@10"] for m in models.values()] for models in ways]
    by_time = run.metrics["by_time"]
    correlation = stats.spearmanr(*reached).statistic
    assert by_time["rank_correlation"] == pytest.approx(correlation)
    low, high = by_time["rank_correlation_ci95"]
    assert -1 <= low <= high <= 1
    order = np.argsort(reached[0])[::-1], np.argsort(reached[1])[::-1]
    assert bool(by_time["changed_places"]) == (order[0].tolist() != order[1].tolist())
    page = (run.path / "report.html").read_text()
    for sentence in by_time["words"]:
        assert sentence in run.stdout
    assert "What the future changes" in page
    assert "recall@10 of each model on other users and on the future" in page
    # what was tested on other users is what it is without the option
    assert run.metrics["split_times"] is None


@pytest.mark.parametrize("mart", ["kt_sequences", "causal_trials"])
def test_other_families_are_not_split_by_time(tmp_path, built_project, mart):
    refused = train_on(built_project.env, tmp_path, "--mart", mart, ALSO)
    assert_one_line(refused, f"{ALSO} cannot be used with mart {mart}; leave it out")
    assert files_under(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ((CUTS,), (ALSO,), "data set mars is split by time already; leave the option"),
        ((CUTS,), ("--repeat-splits", "2"), "there is but one such split"),
        (
            (CUTS, "update pairs set split = 'test' where split = 'val'"),
            (),
            "no label lies from 2017-07-14 02:40:00 on and before 2020-09-13 12:26:40",
        ),
        (
            (CUTS, "update vocab set in_train = false"),
            (),
            "no item that its test queries ask for was met before 2017-07-14 02:40:00",
        ),
    ],
)
def test_what_cannot_be_split_so_is_refused_in_one_line(
    tmp_path, edited, changes, options, message
):
    refused = train_on(edited(*changes), tmp_path / "runs", *MARS, *MODELS, *options)
    assert_one_line(refused, message)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("options", [(ALSO,), ("--repeat-splits", "2")])
def test_without_raw_files_there_is_no_other_split_and_no_folder(
    tmp_path, built_project, options
):
    env = {**built_project.env, "MOOCMETA_DATA_DIR": str(tmp_path)}
    refused = train_on(env, tmp_path / "runs", *MARS, *MODELS, *options)
    assert_one_line(refused, f"{tmp_path}/raw/mars is not there; set MOOCMETA_DATA_DIR")
    assert files_under(tmp_path / "runs") == []
