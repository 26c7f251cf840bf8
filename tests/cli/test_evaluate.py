"""`moocmeta evaluate`: an old run's models on what happened since."""

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models_py.data import Queries
from models_py.meta.tasks import PairRows, Tasks
from models_py.ragged import Ragged
from tests.cli.command_line import MARS, assert_one_line, moocmeta, options_of, trained
from training.fit.checkpoints import load_model
from training.recommendation.known import KnownItems

MODELS = ("markov", "session_knn", "markov_mixture")
MONTH = 30 * 86_400
K = 2  # support pairs of an episode
# three of today's items are ones that the run never saw
BORN = "update vocab set item_key = 'born ' || item_key where dataset = 'mars' "
BORN += "and item_id in (3, 5, 8)"


@pytest.fixture(scope="module")
def run(tmp_path_factory, built_project) -> Path:
    """A run that learned until the middle of what today's marts hold, as it says."""
    out = tmp_path_factory.mktemp("runs")
    models = options_of("--model", *MODELS)
    path = trained(built_project.env, out, *MARS, *models)
    sql = "select cast(median(label_ts_epoch) as bigint) from pairs "
    sql += "where dataset = 'mars'"
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as marts:
        ((middle,),) = marts.sql(sql).fetchall()
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["newest_train_at"] > middle
    metrics["newest_train_at"] = middle
    (path / "metrics.json").write_text(json.dumps(metrics))
    return path


def slow_ranks(run: Path, env: dict[str, str], model: str) -> list[tuple]:
    """Month, user, whether the label is cold, and rank, pair by pair."""
    metrics = json.loads((run / "metrics.json").read_text())
    known = {
        key: i for i, key in enumerate(json.loads((run / "vocab.json").read_text()))
    }
    _, fitted = load_model(run / f"checkpoints/{model}.safetensors")
    with duckdb.connect(env["MOOCMETA_DUCKDB"], read_only=True) as marts:
        keys = dict(
            marts.sql(
                "select item_id, item_key from vocab where dataset = 'mars'"
            ).fetchall()
        )
        pairs = marts.sql(
            "select user_id, prefix, label, label_ts_epoch, sequence_id from pairs "
            "where dataset = 'mars' order by user_id, label_ts_epoch, pair_id"
        ).fetchall()
    pairs = [
        (user, of_run(prefix, keys, known), prefix[-1], known.get(keys[label]), *rest)
        for user, prefix, label, *rest in pairs
    ]
    found = []
    for number, (user, asked, last, label, at, _) in enumerate(pairs):
        if at <= metrics["newest_train_at"]:
            continue
        month = (at - metrics["newest_train_at"] - 1) // MONTH + 1
        earlier = [row for row in pairs[:number] if row[0] == user and row[4] < at]
        rank = len(keys)
        if label is not None and asked:
            scores = (
                fitted.score_tasks(task_of([*earlier[-K:], pairs[number]]))[0, 0]
                if model == "markov_mixture"
                else fitted.score(
                    Queries(Ragged.from_lists([asked]), torch.tensor([-1]))
                )[0]
            )
            scores = scores.tolist()
            left_out = known.get(keys[last])  # labels come back: the last item alone
            rank = sum(
                score >= scores[label]
                for item, score in enumerate(scores)
                if item != left_out
            )
        found.append((month, user, label is None, rank))
    return found


def of_run(prefix: list[int], keys: dict[int, str], known: dict[str, int]) -> list[int]:
    """What a run knows of a prefix, no item twice in a row."""
    items = [known[keys[item]] for item in prefix if keys[item] in known]
    kept = zip(items, [None, *items], strict=False)
    return [item for item, before in kept if item != before]


def task_of(rows: list[tuple]) -> Tasks:
    """The last pair as a query behind those of the others that a run knows."""
    *support, query = rows
    support = [row for row in support if row[1] and row[3] not in (None, row[1][-1])]
    rows = [*support, query]
    numbers = {sequence: n for n, sequence in enumerate({row[5] for row in rows})}
    prefixes, place = Ragged.from_lists([row[1] for row in rows]), len(support)
    pairs = PairRows(
        prefixes=prefixes,
        prefix_len=prefixes.lengths,
        sequence=torch.tensor([numbers[row[5]] for row in rows]),
        label=torch.tensor([row[3] for row in rows]),
        reliability=torch.ones(len(rows)),
    )
    row = torch.arange(len(rows))[None]
    return Tasks(pairs, row[:, :place], row[:, place:], torch.ones(1))


@pytest.mark.parametrize("model", MODELS)
def test_months_since_are_those_of_a_slow_count(run, edited, model):
    env = edited(BORN)
    result = moocmeta("evaluate", "--run", run, "--model", model, "--json", **env)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    expected = slow_ranks(run, env, model)
    month, users, is_cold, ranks = (
        np.array(each) for each in zip(*expected, strict=True)
    )
    assert found["n_queries"] == len(ranks) and is_cold.any()
    months = sorted(set(month.tolist()))
    assert [each["month"] for each in found["months"]] == months and len(months) > 2
    for row, told in zip(
        found["models"][model]["months"], found["months"], strict=True
    ):
        inside = month == row["month"]
        assert told["n_users"] == len(set(users[inside]))
        assert told["share_cold_labels"] == pytest.approx(is_cold[inside].mean())
        assert row["recall@10"] == pytest.approx((ranks[inside] <= 10).mean())
        assert row["mrr"] == pytest.approx((1 / ranks[inside]).mean())
        known = ranks[inside & ~is_cold]
        assert row["without_cold"]["mrr"] == pytest.approx((1 / known).mean())
        low, high = row["ci95"]["recall@10"]
        assert low <= row["recall@10"] <= high


def test_the_table_has_a_row_a_month_and_says_what_is_cold(run, built_project):
    files = sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*"))
    result = moocmeta("evaluate", "--run", run, **built_project.env)
    assert result.exit_code == 0, result.output
    assert "at training" in result.stdout and "month 2" in result.stdout
    assert files == sorted((path, path.stat().st_mtime_ns) for path in run.rglob("*"))


@pytest.fixture
def changed(run, tmp_path):
    """`changed(name, content)`: a copy of the run with one file other, or gone."""

    def change(name: str, content: dict | None) -> Path:
        copy = tmp_path / "run"
        shutil.copytree(run, copy)
        if content is None:
            (copy / name).unlink()
        else:
            value = json.loads((copy / name).read_text())
            (copy / name).write_text(json.dumps({**value, **content}))
        return copy

    return change


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", None, "vocab.json is gone, and nothing else says which items"),
        ("metrics.json", {"newest_train_at": None}, "it is of an earlier version"),
        (
            "metrics.json",
            {"newest_train_at": 4_000_000_000},
            "is newer than 2096-10-02",
        ),
        ("metrics.json", {"family": "tracing"}, "name a run of recommenders"),
    ],
)
def test_runs_that_cannot_be_asked_are_refused(
    built_project, changed, name, content, message
):
    copy = changed(name, content)
    assert_one_line(moocmeta("evaluate", "--run", copy, **built_project.env), message)


def test_marts_of_other_items_are_refused(run, edited):
    env = edited("update vocab set item_key = 'other ' || item_key")
    refused = moocmeta("evaluate", "--run", run, **env)
    assert_one_line(refused, "knows none of the", "name a run of these data with --run")


@given(st.lists(st.lists(st.integers(-1, 3), max_size=8), max_size=6))
def test_unknown_items_leave_no_gap_and_no_repeat(rows):
    to_run = torch.tensor([0, 1, 2, 3, -1])  # -1 is the marts' last item
    found = KnownItems(to_run).rows(
        Ragged.from_lists([[item % 5 for item in row] for row in rows])
    )
    expected = []
    for row in rows:
        known = [item for item in row if item != -1]
        kept = zip(known, [None, *known], strict=False)
        expected.append([item for item, before in kept if item != before])
    assert [
        found.take(torch.tensor([i])).values.tolist() for i in range(len(rows))
    ] == (expected)
