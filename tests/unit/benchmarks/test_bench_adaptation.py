"""The table of adaptation says what the finished runs of a log say."""

import json

import click
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.adaptation_runs import kept_in
from benchmarks.bench_adaptation import main, rows_of

HALF = {"recall@10": 0.5, "mrr": 0.3}
WIDE = {"recall@10": [0.4, 0.6], "mrr": [0.2, 0.4]}


def made_run(folder, run_id, name, ranks, mart_sha="same", gru=None, **own):
    """A finished run of one model that asked two users a query each."""
    path = folder / run_id
    path.mkdir()
    settings = {"validate_every": 100, "optimiser": {"patience": 3, "epochs": 30}}
    settings |= own
    gain = {m: {"difference": 0.02, "ci95": [0.01, 0.03]} for m in HALF}
    model = {
        "test": HALF,
        "ci95": WIDE,
        "best_epoch": 2,
        "history": [{"seconds": seconds} for seconds in (2, 3, 900, 2, 3)],
        "adaptation": {
            "zero_shot": {"recall@10": 0.48, "mrr": 0.28},
            "vs_zero_shot": gain,
            "vs_fine_tune": None,
        },
    }
    metrics = {"seed": 1, "repeat_splits": None, "models": {name: model}}
    files = {
        "metrics": metrics,
        "config": {
            "config": {"seed": 1, "exclude": "auto"},
            "models": {name: settings, "gru": gru or {"optimiser": {}}},
        },
        "manifest": {"created_at": "then", "inputs": {"pairs": mart_sha}},
    }
    for file, content in files.items():
        (path / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")
    asked = {"episode_id": [0, 1], "pair_id": [5, 6], "user_id": ["a", "b"]}
    frame = pd.DataFrame({"model": name, **asked, "rank": ranks})
    frame.sample(frac=1, random_state=0).to_parquet(path / "predictions.parquet")


def test_a_row_has_steps_and_its_gain_on_the_uniform_form_of_another_run(tmp_path):
    made_run(tmp_path, "1", "anil", [20, 2])
    made_run(tmp_path, "2", "anil_adaptive", [4, 2])
    rows = dict(rows_of(kept_in(tmp_path)))
    assert list(rows) == ["anil", "anil_adaptive"]
    row = rows["anil_adaptive"]
    assert (row["best_step"], row["steps"], row["steps_at_most"]) == (200, 500, 3000)
    assert row["seconds"] == 15  # not the pause
    assert row["adapted"]["recall@10"] == [0.5, 0.4, 0.6]
    assert row["less_zero_shot"]["mrr"] == [0.02, 0.01, 0.03]
    assert "less_fine_tune" not in row and "less_uniform" not in rows["anil"]
    # by hand: one of two labels comes among the first ten, 1/20 becomes 1/4
    assert row["less_uniform"]["recall@10"][0] == 0.5
    assert row["less_uniform"]["mrr"][0] == 0.1


def test_the_latest_run_of_a_model_counts(tmp_path):
    made_run(tmp_path, "9", "anil", [1, 1])
    made_run(tmp_path, "10", "anil", [2, 2])
    assert kept_in(tmp_path)["anil"].ranks("anil").tolist() == [2, 2]


def test_runs_of_other_marts_are_refused(tmp_path):
    made_run(tmp_path, "1", "anil", [1, 1])
    made_run(tmp_path, "2", "maml", [1, 1], mart_sha="other")
    with pytest.raises(click.ClickException, match="read other marts"):
        kept_in(tmp_path)


def test_a_row_says_what_was_set(tmp_path):
    made_run(tmp_path, "1", "anil", [1, 1], inner_rate=0.2)
    assert dict(rows_of(kept_in(tmp_path)))["anil"]["set"] == {"inner_rate": 0.2}


def test_a_run_on_another_network_is_refused(tmp_path):
    made_run(tmp_path, "1", "anil", [1, 1])  # of a version that averaged nothing
    made_run(tmp_path, "2", "maml", [1, 1], gru={"optimiser": {"averaging": 0.0}})
    assert len(kept_in(tmp_path)) == 2
    made_run(tmp_path, "3", "maml", [1, 1], gru={"optimiser": {"averaging": 0.1}})
    words = "3 has optimiser.averaging 0.1 where others have 0.0"
    with pytest.raises(click.ClickException, match=words):
        kept_in(tmp_path)


def test_settings_that_would_not_fit_are_refused_before_training(tmp_path):
    made_run(tmp_path, "1", "anil", [1, 1])
    options = ("--log", "x", "--set", "models.gru.hidden_dim=9", "--runs", tmp_path)
    result = CliRunner().invoke(main, [str(word) for word in (tmp_path, "x", *options)])
    assert result.exit_code == 1
    assert "hidden_dim 9 where others have None" in result.stderr
