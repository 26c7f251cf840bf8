"""`moocmeta recommend`: what a model of a run ranks highest."""

import json
from pathlib import Path

import duckdb
import pytest

from tests.cli.command_line import MARS, assert_one_line, moocmeta, trained


@pytest.fixture(scope="module")
def run(tmp_path_factory, built_project) -> Path:
    """A run of a model that counts and of one that looks at the prefix."""
    models = ("--model", "popularity", "--model", "session_knn")
    return trained(built_project.env, tmp_path_factory.mktemp("runs"), *MARS, *models)


@pytest.fixture(scope="module")
def train_pairs(built_project) -> list[tuple[list[str], str]]:
    """Prefix and label of each train pair of MARS, as item keys."""
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as marts:
        keys = dict(
            marts.sql(
                "select item_id, item_key from vocab where dataset = 'mars'"
            ).fetchall()
        )
        pairs = marts.sql(
            "select prefix, label from pairs "
            "where dataset = 'mars' and split = 'train' order by pair_id"
        ).fetchall()
    return [([keys[i] for i in prefix], keys[label]) for prefix, label in pairs]


def ranked(run: Path, *after: str, top: int = 10, model: str = "popularity"):
    """Rows of `--json`."""
    options = [option for key in after for option in ("--after", key)]
    options += ["--run", run, "--top", top, "--model", model, "--json"]
    result = moocmeta("recommend", *options)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def test_popularity_ranks_by_how_often_an_item_follows(run, train_pairs):
    labels = [label for _, label in train_pairs]
    vocabulary = json.loads((run / "vocab.json").read_text())
    after = max(vocabulary, key=labels.count)  # the most popular one is left out
    expected = sorted(
        (key for key in vocabulary if key != after),
        key=lambda key: (-labels.count(key), key.encode()),
    )
    found = ranked(run, after, top=1000)
    assert [row["item_key"] for row in found] == expected
    assert [row["rank"] for row in found] == list(range(1, len(vocabulary)))
    assert [row["score"] for row in found] == [labels.count(key) for key in expected]


@pytest.mark.parametrize("model", ["popularity", "session_knn"])
def test_top_cuts_the_list_and_changes_nothing_else(run, train_pairs, model):
    prefix = train_pairs[40][0]
    every = ranked(run, *prefix, top=1000, model=model)
    assert ranked(run, *prefix, top=5, model=model) == every[:5]
    scores = [row["score"] for row in every]
    assert scores == sorted(scores, reverse=True)
    assert prefix[-1] not in {row["item_key"] for row in every}


def test_the_order_of_the_prefix_is_oldest_first(run, train_pairs):
    first, *_, last = next(prefix for prefix, _ in train_pairs if len(set(prefix)) > 2)
    assert first != last
    forward = ranked(run, first, last, model="session_knn")
    backward = ranked(run, last, first, model="session_knn")
    assert forward != backward
    # repeats in a row collapse, as in training
    assert ranked(run, first, first, last, last, model="session_knn") == forward


def test_the_table_shows_the_same_as_json(run, train_pairs):
    key = train_pairs[0][1]
    rows = ranked(run, key, top=3)
    options = ("--after", key, "--run", run, "--top", "3", "--model", "popularity")
    lines = moocmeta("recommend", *options).stdout.splitlines()
    assert lines[0].split() == ["rank", "item", "score"]
    assert [line.split() for line in lines[2:]] == [
        [str(row["rank"]), row["item_key"], f"{row['score']:.4f}"] for row in rows
    ]


def test_the_default_is_the_best_model_of_the_latest_run(run, train_pairs):
    key = train_pairs[0][1]
    best = json.loads((run / "metrics.json").read_text())["best_baseline"]
    options = ("--after", key, "--out", run.parent, "--json")
    latest = moocmeta("recommend", *options, "--run", "latest")
    assert json.loads(latest.stdout) == ranked(run, key, model=best)
    assert moocmeta("recommend", *options).stdout == latest.stdout
    assert moocmeta("recommend", *options, "--run", run.name).stdout == latest.stdout


def test_an_unknown_course_is_named_with_its_nearest_spellings(run):
    vocabulary = json.loads((run / "vocab.json").read_text())
    known = vocabulary[len(vocabulary) // 2]
    misspelt = f"{known}x"
    options = ("--run", run, "--after", known, "--after", misspelt)
    result = moocmeta("recommend", *options)
    assert_one_line(result, f"--after {misspelt}", "nearest")
    assert known in result.stderr.split("nearest are: ")[1].strip().split(", ")


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (("--model", "gru"), ("--model gru", "popularity, session_knn")),
        (("--run", "nope"), ("no run nope",)),
        (("--run", "latest", "--out", "/nowhere"), ("no runs", "moocmeta-train")),
    ],
)
def test_mistakes(run, train_pairs, options, fragments):
    options = ("--run", run, "--after", train_pairs[0][1], *options)
    assert_one_line(moocmeta("recommend", *options), *fragments)


def test_an_unfinished_run(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    result = moocmeta("recommend", "--run", tmp_path, "--after", "a")
    assert_one_line(result, "did not finish", f"--resume {tmp_path}")


@pytest.mark.parametrize("options", [(), ("--after", "a", "--top", "0")])
def test_wrong_usage(options):
    assert moocmeta("recommend", *options).exit_code == 2
