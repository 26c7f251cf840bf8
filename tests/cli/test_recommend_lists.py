"""`moocmeta recommend --all`: a list for every learner, as a table."""

import json
import math
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.cli.command_line import (
    MARS,
    SMALL,
    assert_one_line,
    invoke,
    moocmeta,
    options_of,
    trained,
)
from training.commands.train import train_command as train
from training.evaluation.metrics import LISTS
from training.recommendation import lists
from training.recommendation.recommend import SupportPair, recommend

READERS = ("best", "markov_mixture")
MODELS = ("popularity", "session_knn", "gru", "fine_tune", *READERS)
COLUMNS = [
    *("dataset", "user_id", "rank", "item_key"),
    *("score", "model", "run_id", "as_of"),
]
COPY = Path("exports") / "recommendations.parquet"


@pytest.fixture(scope="module")
def run(tmp_path_factory, built_project) -> Path:
    out = tmp_path_factory.mktemp("runs")
    models = options_of("--model", *MODELS)
    rate = ("--set", "models.fine_tune.inner_rate=0.5")
    options = (*MARS, *SMALL, *rate, "--epochs", "1", *models)
    return trained(built_project.env, out, *options)


@pytest.fixture(scope="module")
def marts(built_project) -> dict[str, pd.DataFrame]:
    """What the lists go by, with items as keys."""
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as connection:
        vocab = connection.sql(
            "select item_key from vocab where dataset = 'mars' order by item_id"
        ).fetchall()
        users = connection.sql(
            "select user_id, as_of, prefix, split from user_latest "
            "join user_splits using (dataset, user_id) "
            "where dataset = 'mars' order by user_id"
        ).df()
        pairs = connection.sql(
            "select user_id, prefix, label from pairs where dataset = 'mars' "
            "order by user_id, label_ts_epoch, pair_id"
        ).df()
        seen = connection.sql(
            "select distinct user_id, item_key, max(event_at) over (partition by "
            "user_id) as as_of from events where dataset = 'mars'"
        ).df()
    keys = [key for (key,) in vocab]
    for table in (users, pairs):
        table["prefix"] = [[keys[i] for i in prefix] for prefix in table["prefix"]]
    pairs["label"] = [keys[i] for i in pairs["label"]]
    return {"users": users, "pairs": pairs, "seen": seen}


def written(
    env: dict[str, str], run: Path, file: Path, *options: object
) -> pd.DataFrame:
    """The lists that a command writes."""
    asked = options if "--users" in options else ("--all", *options)
    command = ("recommend", "--run", run, *asked, "--write", file)
    result = moocmeta(*command, **env)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert result.stdout.startswith(f"{file}: ")
    return pd.read_parquet(file)


@pytest.mark.parametrize("model", MODELS[1:])
def test_a_list_is_what_one_learner_alone_would_be_told(
    built_project, run, marts, tmp_path, model, monkeypatch
):
    """Others of the chunk change nothing, nor does the chunk's size."""
    monkeypatch.setattr(lists, "CHUNK", 50)
    file = tmp_path / "lists.parquet"
    found = written(built_project.env, run, file, "--model", model, "--top", 7)
    of_user = dict(list(found.groupby("user_id")))
    # sessions of train users are their own neighbours', which nobody says by hand
    asked = marts["users"][marts["users"]["split"] != "train"][::4]
    pairs = dict(list(marts["pairs"].groupby("user_id")))
    for user in asked.itertuples():
        known = pairs[user.user_id].tail(2).itertuples()
        support = [SupportPair(list(pair.prefix), pair.label) for pair in known]
        adapts = model in ("fine_tune", *READERS)
        told = recommend(run, model, list(user.prefix), 7, support if adapts else None)
        own = of_user[user.user_id]
        assert own["rank"].tolist() == [each.rank for each in told]
        assert own["score"].tolist() == pytest.approx(
            [each.score for each in told], rel=1e-5, abs=1e-5
        )
        assert own["item_key"].tolist() == [each.item_key for each in told]


@pytest.mark.parametrize("model", READERS)
def test_newer_marts_leave_the_lists_of_whom_no_model_learned_from(
    built_project, edited, run, marts, tmp_path, model
):
    """The own session is read once, whether or not its number is one of the run's."""
    others = marts["users"].loc[marts["users"]["split"] != "train", "user_id"]
    newer = edited(
        "update pairs set session_reliability = 0.37 "
        "where dataset = 'mars' and split = 'train'"
    )
    before, after = (
        written(env, run, tmp_path / name, "--model", model)
        for env, name in ((built_project.env, "old.parquet"), (newer, "new.parquet"))
    )
    assert len(others) > 10
    pd.testing.assert_frame_equal(
        *(each[each["user_id"].isin(others)] for each in (before, after))
    )


def test_every_user_has_a_list_after_what_was_done_last(
    built_project, run, marts, tmp_path
):
    file = tmp_path / "lists.parquet"
    found = written(built_project.env, run, file, "--model", "gru")
    assert list(found.columns) == COLUMNS
    assert set(found["run_id"]) == {run.name} and set(found["model"]) == {"gru"}
    users = marts["users"]
    assert found["user_id"].drop_duplicates().tolist() == users["user_id"].tolist()
    assert found["rank"].tolist() == list(range(1, 11)) * len(users)
    newest = marts["seen"].groupby("user_id")["as_of"].first()
    assert (found.groupby("user_id")["as_of"].unique().str[0] == newest).all()
    copy = pd.read_parquet(run / COPY)
    pd.testing.assert_frame_equal(copy[COLUMNS], found)
    assert set(copy["top"]) == {10} and set(copy["repeats"]) == {"auto"}
    manifest = json.loads((run / "manifest.json").read_text())
    assert (
        manifest["artifacts"][COPY.as_posix()]["bytes"] == (run / COPY).stat().st_size
    )


@pytest.mark.parametrize("model", ["popularity", "best"])
def test_repeats_none_lists_nothing_ever_met(
    built_project, run, marts, tmp_path, model
):
    """Courses that have not been met are left; where none is, the list is shorter."""
    last = dict(zip(marts["users"].user_id, marts["users"].prefix.str[-1], strict=True))
    seen = marts["seen"].merge(
        written(
            built_project.env, run, tmp_path / "none.parquet",
            *("--model", model, "--repeats", "none", "--top", 30),
        )
    )  # fmt: skip
    assert len(seen) == 0
    allowed = written(
        built_project.env, run, tmp_path / "allow.parquet",
        *("--model", model, "--repeats", "allow", "--top", 30),
    )  # fmt: skip
    assert len(marts["seen"].merge(allowed)) > 0
    # repeats collapse: what was done last is never next
    assert not (allowed["item_key"] == allowed["user_id"].map(last)).any()


def test_only_candidates_are_listed_to_the_users_of_a_file(
    built_project, run, tmp_path
):
    """A list of some users is none that the warehouse reads back."""
    every = written(built_project.env, run, tmp_path / "all.parquet", "--model", "gru")
    kept = (run / COPY).read_bytes()
    users, candidates = tmp_path / "users.txt", tmp_path / "candidates.txt"
    chosen = every["user_id"].unique()[[5, 2, 9]]
    users.write_text("\ufeff" + "\r\n".join(chosen) + "\n\n", encoding="utf-8")
    vocabulary = json.loads((run / "vocab.json").read_text())
    candidates.write_text("\n".join(vocabulary[::20]))
    found = written(
        built_project.env, run, tmp_path / "some.parquet", "--model", "gru",
        *("--users", users, "--candidates", candidates),
    )  # fmt: skip
    assert found["user_id"].drop_duplicates().tolist() == sorted(chosen)
    assert set(found["item_key"]) <= set(vocabulary[::20])
    assert (run / COPY).read_bytes() == kept
    lengths = found.groupby("user_id")["rank"].max()
    assert (lengths >= len(vocabulary[::20]) - 1).all()
    assert (lengths == found.groupby("user_id").size()).all()


def test_what_newer_marts_added_is_passed_over(built_project, run, edited, tmp_path):
    """Ids are others there; the run knows items by their keys."""
    command = ("--model", "gru", "--top", 20)
    before = written(built_project.env, run, tmp_path / "before.parquet", *command)
    one_up = "list_transform({0}, lambda i: i + 1)"
    newer = edited(
        "update vocab set item_id = item_id + 1 where dataset = 'mars'",
        "insert into vocab values ('mars', 0, '!new', 1, 1, true)",
        f"update pairs set label = label + 1, prefix = {one_up.format('prefix')} "
        "where dataset = 'mars'",
        # the new item first, in the midst of a repeat, and last
        "update user_latest set prefix = list_concat([0], "
        f"{one_up.format('prefix')}, [0, prefix[-1] + 1, 0]), items_seen = "
        f"list_concat([0], {one_up.format('items_seen')}) where dataset = 'mars'",
        # somebody who has met nothing else
        "insert into user_latest select dataset, '~', sequence_id, [0], 1, [0], as_of "
        "from user_latest where dataset = 'mars' limit 1",
    )
    file = tmp_path / "after.parquet"
    options = ("recommend", "--run", run, "--all", *command, "--write", file)
    result = moocmeta(*options, **newer)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("1 users have no list")
    pd.testing.assert_frame_equal(pd.read_parquet(file), before)


def test_an_interrupted_command_leaves_what_there_was(
    built_project, run, tmp_path, monkeypatch
):
    file = tmp_path / "lists.parquet"
    written(built_project.env, run, file, "--model", "gru")
    kept = file.read_bytes(), (run / COPY).read_bytes()
    monkeypatch.setattr(lists, "CHUNK", 20)
    scores, asked = lists.Lister._scores, []

    def stop(self, users, prefixes):
        asked.append(len(users))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return scores(self, users, prefixes)

    monkeypatch.setattr(lists.Lister, "_scores", stop)
    options = ("--run", run, "--all", "--write", file, "--top", 3)
    moocmeta("recommend", *options, **built_project.env)
    assert asked == [20, 20, 20]
    assert (file.read_bytes(), (run / COPY).read_bytes()) == kept
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert [path.name for path in (run / COPY).parent.iterdir()] == [COPY.name]


@pytest.mark.parametrize(
    ("options", "text", "fragments"),
    [
        (("--users", "FILE"), "17\nnobody", ("--users: nobody", "mars", "nearest")),
        (("--users", "FILE"), "\n\n", ("--users", "holds no line")),
        (("--users", "/nowhere"), "", ("--users /nowhere", "No such file")),
        (
            ("--all", "--candidates", "FILE"),
            "nothing",
            ("--candidates nothing", "unknown"),
        ),
        (("--all", "--top", "5000"), "", ("--top 5000", "ask for at most")),
        (("--all", "--model", "sasrec"), "", ("--model sasrec is not in",)),
        (
            ("--all", "--mart-dir", "/nowhere"),
            "",
            ("--mart-dir /nowhere is no folder",),
        ),
    ],
)
def test_mistakes(built_project, run, tmp_path, options, text, fragments):
    given = tmp_path / "given.txt"
    given.write_text(text)
    options = [given if option == "FILE" else option for option in options]
    command = ("recommend", "--run", run, *options, "--write", tmp_path / "l.parquet")
    assert_one_line(moocmeta(*command, **built_project.env), *fragments)
    assert not (tmp_path / "l.parquet").exists()


def test_the_run_s_own_copy_is_no_file_to_write_to(built_project, run):
    command = ("recommend", "--run", run, "--all", "--write", run / COPY)
    found = moocmeta(*command, **built_project.env)
    assert_one_line(found, "is where the run keeps its copy")


def test_candidates_that_all_have_met_make_no_file(built_project, run, marts, tmp_path):
    user = marts["seen"]["user_id"].value_counts().idxmax()
    met = marts["seen"][marts["seen"]["user_id"] == user]["item_key"]
    users, candidates = tmp_path / "users.txt", tmp_path / "candidates.txt"
    users.write_text(user)
    candidates.write_text("\n".join(met))
    command = ("recommend", "--run", run, "--users", users, "--candidates", candidates)
    options = ("--repeats", "none", "--write", tmp_path / "l.parquet")
    found = moocmeta(*command, *options, **built_project.env)
    assert_one_line(found, "--candidates: each of 1 users has met them all")
    assert not (tmp_path / "l.parquet").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--all",),
        ("--all", "--after", "a", "--write", "l.parquet"),
        ("--after", "a", "--write", "l.parquet"),
        ("--all", "--json", "--write", "l.parquet"),
        ("--all", "--write", "."),
    ],
)
def test_wrong_usage(options):
    assert moocmeta("recommend", *options).exit_code == 2


def test_the_metrics_of_lists_follow_from_the_lists(built_project, run):
    """Popularity's by hand: what is a label most often, less the prefix's last item."""
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as connection:
        rows = connection.sql("from pairs where dataset = 'mars' order by pair_id").df()
        asked = connection.sql(
            "select unnest(query_pair_ids) as pair_id from episodes_k2_q3 "
            "where dataset = 'mars' and split = 'test'"
        ).df()["pair_id"]
        counts = connection.sql(
            "select n_train_events from vocab where dataset = 'mars' order by item_id"
        ).df()["n_train_events"]
    n_labels = rows[rows["split"] == "train"]["label"].value_counts()
    counts, n_labels = counts.tolist(), n_labels.to_dict()
    order = sorted(range(len(counts)), key=lambda i: (-n_labels.get(i, 0), i))
    of_queries = [
        [item for item in order if item != last][:10]
        for last in rows["prefix"][asked].str[-1]
    ]
    times = pd.Series([item for one in of_queries for item in one])
    metrics = json.loads((run / "metrics.json").read_text())
    found = metrics["models"]["popularity"]["lists"]
    n_items = len(counts)
    assert found["coverage@10"] == times.nunique() / n_items
    x = times.value_counts().reindex(range(n_items), fill_value=0).to_numpy()
    gaps = abs(x[:, None] - x[None]).mean()
    assert found["gini@10"] == pytest.approx(gaps / (2 * x.mean()))
    bits = [-math.log2(max(counts[i], 1) / sum(counts)) for i in times]
    assert found["novelty@10"] == pytest.approx(sum(bits) / len(bits))
    below = {
        c: (sum(o < c for o in counts) + sum(o <= c for o in counts)) / 2
        for c in counts
    }
    places = [below[counts[i]] for i in times]
    assert found["popularity@10"] == pytest.approx(sum(places) / len(places) / n_items)
    head = sorted(range(n_items), key=lambda i: (-counts[i], i))[: -(-n_items // 5)]
    assert found["long_tail@10"] == pytest.approx((~times.isin(head)).mean())
    for name, (low, high) in found["ci95"].items():
        assert low <= found[name] <= high


def test_every_model_s_lists_are_measured_and_shown_on_request(built_project, run):
    models = json.loads((run / "metrics.json").read_text())["models"]
    for model in models.values():
        assert model["lists"].keys() == {*LISTS, "ci95"}
        fifths = model["slices"]["popularity_fifth"]
        assert sum(row["n_queries"] for row in fifths) == len(
            pd.read_parquet(run / "predictions.parquet").query("model == 'gru'")
        )
    shown = invoke(
        train, "--resume", run, "--quiet", "--beyond-accuracy", **built_project.env
    )
    assert shown.exit_code == 0, shown.output
    value = models["best"]["lists"]["coverage@10"]
    assert "lists of ten  " in shown.stdout and f"{value:.4f}" in shown.stdout
    plain = invoke(train, "--resume", run, "--quiet", **built_project.env)
    assert "lists of ten" not in plain.stdout
    assert 'id="lists"' in (run / "report.html").read_text()
