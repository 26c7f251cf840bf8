"""`moocmeta recommend --support`: adapted on the fly to what a learner did."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.cli.command_line import (
    MARS,
    SMALL,
    assert_one_line,
    moocmeta,
    options_of,
    trained,
)

STEPPING = ("fine_tune", "maml")  # on a GRU and on a SASRec
MOVED = (*STEPPING, "cavia", "best")


@pytest.fixture(scope="module")
def few_users(tmp_path_factory, built_project) -> dict[str, str]:
    """Marts of a fifth of the users: adapting to each costs, how well is not asked."""
    copy = tmp_path_factory.mktemp("few_users") / "few.duckdb"
    shutil.copy(built_project.duckdb_path, copy)
    with duckdb.connect(str(copy)) as marts:
        for mart in ("pairs", "episodes_k2_q3"):  # numbered in the order of the users
            marts.execute(
                f"delete from {mart} where dataset = 'mars' and user_id > '4'"
            )
    return {**built_project.env, "MOOCMETA_DUCKDB": str(copy)}


@pytest.fixture(scope="module")
def run(tmp_path_factory, few_users) -> Path:
    """A run of a baseline, of the control and of the model that reads support."""
    models = options_of("--model", "popularity", *MOVED)
    rates = (f"models.{name}.inner_rate=0.5" for name in STEPPING)
    base = ("base=sasrec", "validate_every=2", "tasks_per_step=2")
    settings = options_of("--set", *rates, *(f"models.maml.{of}" for of in base))
    options = (*MARS, *SMALL, "--epochs", "1", *models, *settings)
    return trained(few_users, tmp_path_factory.mktemp("runs"), *options)


@pytest.fixture(scope="module")
def items(run) -> list[str]:
    return json.loads((run / "vocab.json").read_text())


def written(path: Path, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def recommended(run: Path, *options: object):
    return moocmeta("recommend", "--run", run, "--json", *options)


def scores(run: Path, *options: object) -> dict[str, float]:
    result = recommended(run, "--top", 10_000, *options)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return {row["item_key"]: row["score"] for row in json.loads(result.stdout)}


@pytest.mark.parametrize("model", MOVED)
def test_support_moves_the_scores(run, items, tmp_path, model):
    first, second, third, *_ = items
    asked = ("--model", model, "--after", first)
    support = [{"after": [first, second], "next": third}] * 2
    plain = scores(run, *asked)
    adapted = scores(run, *asked, "--support", written(tmp_path / "s.json", support))
    assert plain.keys() == adapted.keys()
    assert plain != adapted
    # a step on the support makes what followed there more likely
    if model != "best":
        assert adapted[third] > plain[third]


def test_the_run_needs_a_model_that_adapts(run, items, tmp_path):
    file = written(tmp_path / "s.json", [{"after": items[:1], "next": items[1]}])
    options = ("--model", "popularity", "--after", items[0], "--support", file)
    result = recommended(run, *options)
    assert_one_line(
        result, "popularity does not adapt", "that do: fine_tune, maml, cavia, best"
    )


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        ([], ("holds no pair", "leave the option out")),
        ("{", ("file: Invalid JSON", "write a JSON list of")),
        ([{"after": ["x"]}], ("0.next: Field required",)),
        ([{"after": ["x"], "next": "y", "at": 5}], ("0.at: Unexpected keyword",)),
        ([{"after": [], "next": "x"}], ("pair 1 needs a course",)),
        ([{"after": ["x"], "next": "x"}], ("pair 1 needs", "another than `next`")),
        ([{"after": ["no such"], "next": "x"}], ("pair 1: x: unknown to this run",)),
    ],
)
def test_a_support_file_that_does_not_fit(run, items, tmp_path, content, fragments):
    file = written(tmp_path / "s.json", content)
    options = ("--model", "best", "--after", items[0], "--support", file)
    assert_one_line(recommended(run, *options), "--support", *fragments)


def test_a_support_file_may_begin_with_a_byte_order_mark(run, items, tmp_path):
    support = [{"after": items[:1], "next": items[1]}]
    plain, marked = tmp_path / "plain.json", tmp_path / "marked.json"
    plain.write_text(json.dumps(support))
    marked.write_text(json.dumps(support), encoding="utf-8-sig")
    asked = ("--model", "best", "--after", items[0], "--support")
    assert scores(run, *asked, plain) == scores(run, *asked, marked)


def test_a_support_file_that_is_not_there(run, items, tmp_path):
    options = ("--after", items[0], "--support", tmp_path / "none.json")
    assert_one_line(recommended(run, *options), "none.json: No such file")
