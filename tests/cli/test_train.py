"""`moocmeta-train` from marts to run folder, on the sample data."""

import html
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from math import log2
from pathlib import Path
from statistics import fmean

import duckdb
import pandas as pd
import pytest
import yaml

from models_py import registry
from models_py.recommendation.gru import GRUConfig
from models_py.recommendation.repeats import REPEAT_WEIGHTS
from tests.cli.command_line import (
    MARS,
    SMALL,
    Finished,
    assert_one_line,
    files_under,
    finished,
    interrupted_after,
    moocmeta,
    options_of,
    train_into,
    train_on,
    trained,
    without_timings,
)
from tests.side_by_side import side_by_side
from training.files import sha256_of
from training.fit import ahead
from training.fit.checkpoints import load_model
from training.runs import Run

BASELINES = ["random", "popularity", "markov", "session_knn", "gru", "sasrec"]
ADAPTING = ["anil_warm_adaptive", "anil", "best"]
LINEUP = [*BASELINES, *ADAPTING]
TRAINED = ["gru", "sasrec", *ADAPTING]
# all baselines and, of the many that adapt, three as different as can be
QUICKLY = (
    *(*MARS, *SMALL, "--epochs", "2", *options_of("--model", *LINEUP)),
    *options_of(
        "--set",
        *(f"models.{name}.validate_every=2" for name in ADAPTING[:2]),
        *(f"models.{name}.tasks_per_step=2" for name in ADAPTING[:2]),
    ),
)
# a network, and a learner that goes on from it
NETWORKS = (
    *(*MARS, *SMALL, "--epochs", "2", *options_of("--model", "gru", "anil_warm")),
    *options_of("--set", "models.anil_warm.validate_every=2"),
    *options_of("--set", "models.anil_warm.tasks_per_step=2"),
)
METRICS = {
    "accuracy@1": lambda rank: rank == 1,
    "recall@5": lambda rank: rank <= 5,
    "recall@10": lambda rank: rank <= 10,
    "ndcg@10": lambda rank: 1 / log2(1 + rank) if rank <= 10 else 0,
    "mrr": lambda rank: 1 / rank,
}
RUN_KEYS = {
    *("family", "run_id", "mart", "dataset", "seed", "device", "precision"),
    *("n_processes", "command", "n_items", "n_train_pairs", "n_train_users"),
    *("n_val_queries", "n_test_episodes", "n_test_queries", "n_test_users"),
    *("share_unseen_labels", "best_baseline", "models", "bayes_optimal"),
    *("bayes_optimal_given_support", "gradient_orders", "reliability", "repeat_splits"),
    *("data_summary", "funnel", "candidates", "n_all_pairs", "test_users_by_mart"),
    *("tuning", "seeds", "by_time", "split_times", "newest_train_at"),
}
MODEL_KEYS = {
    *("title", "test", "val", "ci95", "train_seconds", "eval_seconds", "n_parameters"),
    *("best_epoch", "monitor", "history", "vs_best_baseline", "slices", "adaptation"),
    *("vs_markov", "chosen", "all_pairs", "without_cold", "lists", "is_cut_short"),
}


@pytest.fixture(scope="module")
def full(tmp_path_factory, built_project) -> Finished:
    """A line-up of all kinds on MARS, two epochs, `--json`."""
    out = tmp_path_factory.mktemp("runs")
    return finished(built_project.env, out, *QUICKLY, "--json", draws=True)


@pytest.fixture(scope="module")
def xuetangx(tmp_path_factory, built_project) -> Path:
    """Popularity on the default data set of `episodes_k5_q10`."""
    out = tmp_path_factory.mktemp("runs")
    options = ("--mart", "episodes_k5_q10", "--model", "popularity")
    return trained(built_project.env, out, *options)


# --- what a run leaves --------------------------------------------------------


def test_the_run_folder_has_these_files_and_no_others(full):
    assert files_under(full.path) == sorted(
        [
            "config.json",
            "manifest.json",
            "metrics.json",
            "predictions.parquet",
            "report.html",
            "vocab.json",
            *(f"checkpoints/{name}.safetensors" for name in LINEUP),
        ]
    )
    assert files_under(full.path.parent)[-1] == "index.jsonl"


def test_json_alone_goes_to_stdout_and_quiet_leaves_stderr_empty(full):
    assert json.loads(full.stdout) == full.metrics
    assert full.stderr == ""


def test_metrics_have_the_promised_keys(full):
    metrics = full.metrics
    assert set(metrics) == RUN_KEYS
    assert list(metrics["models"]) == LINEUP
    for name, model in metrics["models"].items():
        assert set(model) == MODEL_KEYS, name
        assert list(model["test"]) == list(model["val"]) == list(METRICS)
        assert list(model["ci95"]) == list(METRICS)
        for metric, (low, high) in model["ci95"].items():
            assert 0 <= low <= model["test"][metric] <= high <= 1
        assert set(model["slices"]) == {
            *("prefix_length", "reliability_tier", "support_reliability_tier"),
            "popularity_fifth",
        }
        assert (model["adaptation"] is not None) == (name in ADAPTING)
        is_neural = name in TRAINED
        assert [epoch["epoch"] for epoch in model["history"]] == [1, 2] * is_neural
        assert (model["best_epoch"] in (1, 2)) == is_neural
        is_best = name == metrics["best_baseline"]
        assert (model["vs_best_baseline"] is None) == is_best
    reached = {n: metrics["models"][n]["val"]["recall@10"] for n in BASELINES}
    assert metrics["best_baseline"] == max(reached, key=reached.get)
    assert (metrics["mart"], metrics["dataset"]) == MARS[1::2]
    assert metrics["run_id"] == full.path.name


def test_adaptation_is_measured_from_no_support_on(full):
    """MARS holds k2_q3 episodes: two support pairs, no simulated optimum of support."""
    models = full.metrics["models"]
    found = {name: models[name]["adaptation"] for name in ADAPTING}
    for name, block in found.items():
        assert list(block["by_support"]) == ["1", "2"]
        assert block["by_support"]["2"] == models[name]["test"]
        gap = models[name]["test"]["mrr"] - block["zero_shot"]["mrr"]
        assert block["vs_zero_shot"]["mrr"]["difference"] == pytest.approx(gap)
        assert block["vs_fine_tune"] is None  # not in this line-up
    curve = found["anil"]["by_steps"]
    assert list(curve) == ["0", "1", "3", "5", "10", "20"]
    assert curve["0"] == found["anil"]["zero_shot"]
    assert curve["5"] == models["anil"]["test"]
    assert found["best"]["by_steps"] == found["anil_warm_adaptive"]["by_steps"] == {}


def test_every_metric_follows_from_the_predictions(full):
    predictions, metrics = full.predictions, full.metrics
    assert list(predictions) == [
        *("model", "episode_id", "pair_id", "user_id", "label", "rank")
    ]
    for name, model in metrics["models"].items():
        own = predictions[predictions["model"] == name]
        assert len(own) == metrics["n_test_queries"]
        assert own["episode_id"].nunique() == metrics["n_test_episodes"]
        assert own["user_id"].nunique() == metrics["n_test_users"]
        for metric, value_of in METRICS.items():
            expected = fmean(value_of(rank) for rank in own["rank"].tolist())
            assert model["test"][metric] == pytest.approx(expected, rel=1e-12)


def test_counts_are_those_of_the_marts(full, built_project):
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as marts:
        ((n_items,),) = marts.sql(
            "select count(*) from vocab where dataset = 'mars'"
        ).fetchall()
        ((n_pairs, n_users),) = marts.sql(
            "select count(*), count(distinct user_id) from pairs "
            "where dataset = 'mars' and split = 'train'"
        ).fetchall()
        ((n_unseen, n_queries),) = marts.sql(
            "select count(*) filter (not in_train), count(*) from ("
            "  select dataset, unnest(query_pair_ids) as pair_id"
            "  from episodes_k2_q3 where dataset = 'mars' and split = 'test') "
            "join pairs using (dataset, pair_id) "
            "join vocab on vocab.dataset = pairs.dataset and item_id = label"
        ).fetchall()
    metrics = full.metrics
    assert metrics["n_items"] == n_items
    assert (metrics["n_train_pairs"], metrics["n_train_users"]) == (n_pairs, n_users)
    assert metrics["n_test_queries"] == n_queries
    assert metrics["share_unseen_labels"] == n_unseen / n_queries
    assert {row["split"] for row in metrics["data_summary"]} == {
        *("train", "val", "test", "all")
    }
    assert {row["dataset"] for row in metrics["data_summary"]} == {"mars"}
    assert metrics["funnel"][0]["n_rows"] >= metrics["funnel"][-1]["n_rows"]
    # the sample data are simulated: nothing beats the optimum, and it is known
    optimum = metrics["bayes_optimal"]
    assert optimum["n_queries"] == n_queries
    assert 0 < optimum["accuracy@1"] < optimum["recall@10"] < 1


def test_the_manifest_seals_every_artifact_and_input(full, built_project):
    manifest = json.loads((full.path / "manifest.json").read_text())
    sealed = set(files_under(full.path)) - {"manifest.json"}
    assert set(manifest["artifacts"]) == sealed
    for name, entry in manifest["artifacts"].items():
        path = full.path / name
        assert entry == {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as marts:
        for mart, entry in manifest["inputs"].items():
            found = marts.execute(
                f"select count(*) from {mart} where dataset = 'mars'"
            ).fetchone()
            assert found == (entry["rows"],), mart
    assert {"pairs", "vocab", "episodes_k2_q3"} <= set(manifest["inputs"])


def test_the_report_is_that_of_the_run(full):
    page = (full.path / "report.html").read_text(encoding="utf-8")
    assert full.path.name in page
    for model in full.metrics["models"].values():
        assert model["title"] in page


def test_the_index_has_one_line_a_run_and_runs_lists_them(tmp_path, built_project):
    paths = [
        trained(built_project.env, tmp_path, *MARS, "--model", name)
        for name in ("popularity", "random")
    ]
    index = tmp_path / "index.jsonl"
    lines = [json.loads(line) for line in index.read_text().splitlines()]
    assert [line["run_id"] for line in lines] == [path.name for path in paths]
    # resuming what is done prints it again and makes up for a stop after the manifest
    report = (paths[0] / "report.html").read_text()
    (paths[0] / "report.html").unlink()
    (paths[0] / "state").mkdir()
    again = train_on(built_project.env, tmp_path, "--resume", paths[0].name, "--json")
    assert json.loads(again.stdout) == json.loads(
        (paths[0] / "metrics.json").read_text()
    )
    assert (paths[0] / "report.html").read_text() == report
    assert not (paths[0] / "state").exists()
    assert len(index.read_text().splitlines()) == 2
    listed = moocmeta("runs", "--out", tmp_path)
    assert listed.exit_code == 0
    for path, line, row in zip(
        paths, lines, listed.stdout.splitlines()[2:], strict=True
    ):
        (name,) = line["test"]
        recall = line["test"][name]["recall@10"]
        assert row.split() == [path.name, "1", name, "recall@10", f"{recall:.4f}"]


def test_the_table_names_every_model_and_the_report(tmp_path, built_project):
    options = (*MARS, "--model", "popularity", "--model", "random")
    result = train_on(built_project.env, tmp_path, *options)
    assert "recall@10 vs popularity" in result.stdout
    (run,) = (path.parent for path in tmp_path.glob("*/metrics.json"))
    metrics = json.loads((run / "metrics.json").read_text())
    for model in metrics["models"].values():
        assert model["title"] in result.stdout
        assert f"{model['test']['recall@10']:.4f}" in result.stdout
    assert result.stdout.endswith(f"{run}/report.html\n")


def test_a_model_that_was_cut_short_says_so_in_table_and_report(
    tmp_path, built_project
):
    options = (*MARS, *SMALL, *options_of("--model", "popularity", "fine_tune"))
    result = train_on(built_project.env, tmp_path, *options, "--epochs", "1")
    (run,) = (path.parent for path in tmp_path.glob("*/metrics.json"))
    models = json.loads((run / "metrics.json").read_text())["models"]
    cut_short = {name: model["is_cut_short"] for name, model in models.items()}
    assert cut_short == {"popularity": False, "fine_tune": True}
    assert "Fine-tuning (cut short)" in result.stdout  # of a network that was
    assert "\ncut short: fine_tune: validation may still rise" in result.stdout
    page = (run / "report.html").read_text()
    assert "Fine-tuning (cut short)" in page
    assert "Popularity (cut short)" not in page


# --- settings -----------------------------------------------------------------


def test_set_wins_over_flags_and_flags_over_the_file(tmp_path, built_project):
    path = tmp_path / "settings.yaml"
    settings = {
        "mart": "episodes_k5_q10",
        "dataset": "mars",
        "lineup": ["popularity"],
        "seed": 1,
        "score_chunk": 1,
        "models": {"gru": {"hidden_dim": 7, "dropout": 0}},
    }
    path.write_text(yaml.safe_dump(settings))
    run = trained(
        built_project.env,
        tmp_path / "runs",
        *("--config", path, "--mart", "episodes_k2_q3", "--seed", "2"),
        *("--set", "seed=3", "--set", "models.gru.hidden_dim=8"),
        *("--set", "score_chunk=100"),
    )
    config = json.loads((run / "config.json").read_text())["config"]
    assert (
        config.items()
        >= {
            "mart": "episodes_k2_q3",  # of the flag
            "seed": 3,  # of --set, as are these two
            "score_chunk": 100,
            "dataset": "mars",  # of the file
            "lineup": ["popularity"],
            "epochs": None,  # of none: the defaults are written down too
            "device": "cpu",
            "precision": "fp32",
            "exclude": "auto",
        }.items()
    )


def test_the_printed_settings_are_those_that_are_used(tmp_path, full, built_project):
    printed = train_on(built_project.env, tmp_path / "none", *QUICKLY, "--print-config")
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert not (tmp_path / "none").exists()
    config = json.loads((full.path / "config.json").read_text())
    given = yaml.safe_load(printed.stdout)
    assert given == {**config["config"], "models": config["models"]}

    path = tmp_path / "settings.yaml"
    path.write_text(printed.stdout)
    options = ("--config", path, "--print-config")
    assert train_on(built_project.env, tmp_path, *options).stdout == printed.stdout


def test_the_settings_of_every_model_are_resolved(full):
    resolved = json.loads((full.path / "config.json").read_text())["models"]
    assert list(resolved) == LINEUP  # with the networks that they adapt
    for name in TRAINED:
        assert resolved[name]["optimiser"]["epochs"] == 2
    for name in ("gru", "sasrec", "best"):
        assert resolved[name]["seed"] == 20260107


# --- ranks --------------------------------------------------------------------


def reference_predictions(database: Path, mart: str, dataset: str) -> list[tuple]:
    """Popularity's predictions in plain Python: episode, pair, user, label, rank."""
    with duckdb.connect(str(database), read_only=True) as marts:
        pairs = {
            pair_id: rest
            for pair_id, *rest in marts.execute(
                "select pair_id, user_id, split, prefix, label from pairs "
                "where dataset = ?",
                [dataset],
            ).fetchall()
        }
        vocabulary = marts.execute(
            "select item_id from vocab where dataset = ?", [dataset]
        ).fetchall()
        episodes = marts.execute(
            f"select episode_id, query_pair_ids from {mart} "
            "where dataset = ? and split = 'test' order by episode_id",
            [dataset],
        ).fetchall()
    counts = dict.fromkeys((item_id for (item_id,) in vocabulary), 0)
    for _, split, _, label in pairs.values():
        counts[label] += split == "train"
    rows = []
    for episode_id, query_pair_ids in episodes:
        for pair_id in query_pair_ids:
            user_id, _, prefix, label = pairs[pair_id]
            rank = sum(
                count >= counts[label]
                for item_id, count in counts.items()
                if item_id != prefix[-1]
            )
            rows.append((episode_id, pair_id, user_id, label, rank))
    return rows


@pytest.mark.parametrize("dataset", ["mars", "xuetangx"])
def test_popularity_equals_a_slow_reference(full, xuetangx, built_project, dataset):
    """Row for row; also shows that the data sets of one file never mix."""
    run = full.path if dataset == "mars" else xuetangx
    mart = "episodes_k2_q3" if dataset == "mars" else "episodes_k5_q10"
    expected = reference_predictions(built_project.duckdb_path, mart, dataset)
    found = pd.read_parquet(run / "predictions.parquet")
    found = found[found["model"] == "popularity"].drop(columns="model")
    assert list(found.itertuples(index=False, name=None)) == expected


def test_every_model_answers_the_same_questions(full):
    questions = [
        rows.drop(columns=["model", "rank"]).reset_index(drop=True)
        for _, rows in full.predictions.groupby("model", sort=False)
    ]
    assert len(questions) == len(LINEUP)
    for other in questions[1:]:
        pd.testing.assert_frame_equal(questions[0], other)


def test_random_is_at_chance(full):
    """Its rank is uniform over the candidates: all items but the last."""
    metrics = full.metrics
    low, high = metrics["models"]["random"]["ci95"]["recall@10"]
    assert low < 10 / (metrics["n_items"] - 1) < high


@pytest.fixture(scope="module")
def searched(tmp_path_factory, built_project):
    options = ("--model", "markov", "--model", "gru", "--epochs", "2")
    return trained(
        built_project.env,
        tmp_path_factory.mktemp("searched"),
        *(*MARS, *SMALL, *options, "--tune", "2", "--seeds", "2"),
    )


def test_trials_choose_settings_by_validation(searched):
    metrics = json.loads((searched / "metrics.json").read_text())
    trials = pd.read_parquet(searched / "trials.parquet")
    assert trials.groupby("model").size().to_dict() == {"markov": 2, "gru": 2}
    chosen = trials[trials["is_chosen"]].set_index("model")
    for name in ("markov", "gru"):
        block = metrics["tuning"][name]
        ended = trials[(trials["model"] == name) & (trials["outcome"] == "complete")]
        assert chosen["val_mrr"][name] == block["best"] == ended["val_mrr"].max()
        assert json.loads(chosen["settings"][name]) == block["chosen"]
    # the model that was tested is the best trial's, fitted as that was
    assert metrics["models"]["markov"]["history"] == []


def test_seeds_give_mean_and_spread(searched):
    metrics = json.loads((searched / "metrics.json").read_text())
    seeds = metrics["seeds"]
    assert seeds["n"] == 2 and len(set(seeds["seeds"])) == 2
    markov, gru = (seeds["models"][name]["mrr"] for name in ("markov", "gru"))
    assert markov["sd"] == 0  # it knows no seed
    assert markov["mean"] == pytest.approx(metrics["models"]["markov"]["test"]["mrr"])
    assert gru["sd"] > 0
    assert gru["ci95"][0] < gru["mean"] < gru["ci95"][1]
    assert not (searched / "state").exists()


def test_seeds_need_no_baseline_to_be_less_than(tmp_path, built_project):
    options = (*MARS, *SMALL, "--model", "markov_mixture", "--seeds", "2")
    run = trained(built_project.env, tmp_path / "runs", *options)
    assert json.loads((run / "metrics.json").read_text())["best_baseline"] is None
    assert "Less the best baseline" in (run / "report.html").read_text()


def test_all_pairs_are_asked_beside_the_episodes(full):
    """Popularity's rank is the same whoever asks: episodes' pairs are among all."""
    metrics = full.metrics
    assert metrics["n_all_pairs"] > metrics["n_test_episodes"]
    assert metrics["test_users_by_mart"]["pairs"] >= metrics["n_test_users"]
    for model in metrics["models"].values():
        low, high = model["all_pairs"]["ci95"]["mrr"]
        assert low < model["all_pairs"]["mrr"] < high
    titles = [metrics["models"][name]["title"] for name in ("best", *ADAPTING[:2])]
    with_earlier, *without = titles
    page = html.unescape((full.path / "report.html").read_text())
    assert f"Asked with the learner's earlier pairs: {with_earlier}. " in page
    assert f"Asked without: {', '.join(without)}. " in page


def test_all_pairs_say_who_is_above_markov(full):
    every = {name: m["all_pairs"] for name, m in full.metrics["models"].items()}
    assert every["markov"]["vs_markov"] is None
    lead = every["popularity"]["vs_markov"]["mrr"]
    apart = every["popularity"]["mrr"] - every["markov"]["mrr"]
    assert lead["difference"] == pytest.approx(apart)
    assert lead["ci95"][0] < apart < lead["ci95"][1]


def test_the_last_item_is_a_candidate_only_if_asked_for(tmp_path, full, built_project):
    options = (*MARS, "--model", "popularity", "--set", "exclude=none")
    run = trained(built_project.env, tmp_path, *options)
    with_last = pd.read_parquet(run / "predictions.parquet")["rank"]
    predictions = full.predictions
    without = predictions[predictions["model"] == "popularity"]["rank"]
    lost = with_last.to_numpy() - without.to_numpy()
    assert set(lost) == {0, 1}


def test_the_default_data_set_is_xuetangx(xuetangx):
    metrics = json.loads((xuetangx / "metrics.json").read_text())
    assert metrics["dataset"] == "xuetangx"
    assert {row["dataset"] for row in metrics["data_summary"]} == {"xuetangx"}


# --- the same again -----------------------------------------------------------


def test_a_model_does_not_depend_on_its_company(
    tmp_path, full, built_project, monkeypatch
):
    """The same seed, but three models only, in another order, by two processes."""
    others = []

    class Noted(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            others.append(self)

    monkeypatch.setattr(ahead, "START_AFTER", 0.0)
    monkeypatch.setattr(ahead.subprocess, "Popen", Noted)
    lineup = ["best", "session_knn", "gru"]
    options = (*MARS, *SMALL, "--epochs", "2", "--jobs", "2")
    named = options_of("--model", *lineup)
    run = trained(built_project.env, tmp_path, *options, *named)
    metrics = json.loads((run / "metrics.json").read_text())
    full_models = full.metrics["models"]
    assert list(metrics["models"]) == lineup
    assert [(process.args[-1], process.returncode) for process in others] == [
        ("gru", 0)
    ]
    for name, model in metrics["models"].items():
        alone, amid = without_timings(model), without_timings(full_models[name])
        for compared in (alone, amid):  # the best of two may not be the best of all
            del compared["vs_best_baseline"], compared["vs_markov"]
            del compared["all_pairs"]["vs_markov"]
        assert alone == amid
        checkpoint = f"checkpoints/{name}.safetensors"
        assert sha256_of(run / checkpoint) == sha256_of(full.path / checkpoint)


def test_another_seed_trains_another_network(tmp_path, full, built_project):
    options = (*MARS, *SMALL, "--epochs", "1", "--model", "gru", "--seed", "7")
    run = trained(built_project.env, tmp_path, *options)
    metrics = json.loads((run / "metrics.json").read_text())
    first_epoch = metrics["models"]["gru"]["history"][0]
    assert metrics["seed"] == 7
    assert first_epoch["loss"] != full.metrics["models"]["gru"]["history"][0]["loss"]


@pytest.fixture(scope="module")
def through(tmp_path_factory, built_project) -> Path:
    """A run that nobody interrupted."""
    return trained(built_project.env, tmp_path_factory.mktemp("runs"), *NETWORKS)


def test_a_learner_keeps_the_share_for_repeats_that_its_network_was_given(through):
    """Chosen by validation for the network, the first of the best."""
    metrics = json.loads((through / "metrics.json").read_text())
    found = metrics["models"]["gru"]["chosen"]
    reached = {each["repeat_weight"]: each["mrr"] for each in found["tried"]}
    assert tuple(reached) == REPEAT_WEIGHTS
    chosen = max(reached, key=reached.__getitem__)
    assert found["settings"]["repeat_weight"] == chosen
    run = Run(through)
    for network in (
        load_model(run.checkpoint("gru"))[1],
        load_model(run.checkpoint("anil_warm"))[1].network,
    ):
        assert network.config.repeat_weight == chosen


@pytest.mark.parametrize("model", ["gru", "anil_warm"])
def test_a_resumed_run_ends_as_if_never_interrupted(
    tmp_path, through, built_project, monkeypatch, model
):
    """Within its first fit, and after two, while a learner learns to adapt."""
    with interrupted_after(model, epoch=1):
        result = train_on(built_project.env, tmp_path, *NETWORKS)
    (run,) = tmp_path.iterdir()
    assert_one_line(result, f"interrupted; go on with `moocmeta-train --resume {run}`")
    assert f"state/{model}.safetensors" in files_under(run)
    assert not (run / "metrics.json").exists()

    @dataclass(frozen=True)
    class OfLater(GRUConfig):
        dropout: float | None = 0.9

    # a newer version has other defaults, of the network that is adapted too
    monkeypatch.setitem(registry.CONFIGS, "gru", OfLater)
    resumed = train_on(built_project.env, tmp_path, "--resume", run)
    assert resumed.exit_code == 0, resumed.output
    assert files_under(run) == files_under(through)
    for name in files_under(through):
        if name.startswith("checkpoints/") or name == "predictions.parquet":
            assert sha256_of(run / name) == sha256_of(through / name), name
    one, two = (
        without_timings(json.loads((path / "metrics.json").read_text()))
        for path in (through, run)
    )
    assert one == two


def test_control_c_leaves_a_resumable_run(tmp_path, built_project):
    """Not quiet, and yet what is no terminal gets no progress bar."""
    options = (*MARS, "--model", "gru", "--set", "models.gru.optimiser.patience=50")
    log, out = tmp_path / "said", tmp_path / "runs"
    (process,) = side_by_side(1, train_into, log, built_project.env, out, *options)
    while process.is_running() and not list(out.glob("*/state/gru.*")):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait() == 1
    (run,) = out.iterdir()
    told = f"Error: interrupted; go on with `moocmeta-train --resume {run}`\n"
    assert log.read_text() == told
    assert files_under(run) == ["config.json", "state/gru.safetensors"]


def test_characters_that_a_terminal_lacks_are_escaped(tmp_path):
    out = tmp_path / "Z\u00fcrich-\u8bfe"
    command = [Path(sys.executable).parent / "moocmeta", "runs", "--out", out]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    process = subprocess.run(command, env=environment, capture_output=True)
    told = f"Error: no runs under {out} yet: run `moocmeta-train` first\n"
    assert process.returncode == 1
    assert process.stderr == told.encode("cp1252", errors="backslashreplace")
