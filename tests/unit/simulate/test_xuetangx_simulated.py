"""Raw logs and their truth, judged by a tiny implementation of the pair rules."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.simulate.courses.episodes import user_split
from training.simulate.courses.xuetangx import (
    LEARNING_EVENTS,
    OTHER_EVENTS,
    course_id,
    simulate,
)
from training.simulate.request import Request, Size

LEARNING_PREFIXES = ("load_", "problem_", "video_", "seek_", "speed_", "pause_")


def simulated(folder: Path, size: Size, form: str = "flat", seed: int = 4) -> Path:
    folder.mkdir()
    simulate(Request(folder / "raw", folder / "truth", size, seed, form, False))
    return folder


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("dense") / "flat", Size(users=60))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("published") / "flat", Size(events=60_000))


def read_flat(folder: Path) -> pd.DataFrame:
    events = pd.read_parquet(folder / "raw" / "events.parquet")
    events["ts"] = events["timestamp"].astype("datetime64[s]").astype("int64")
    return events.drop(columns="timestamp").astype({"ts": int})


def read_native(folder: Path) -> pd.DataFrame:
    nested = json.loads((folder / "raw" / "events.json").read_text(encoding="utf-8"))
    courses = [course for course, _ in nested]
    assert len(courses) == len(set(courses))
    rows = [
        (course, user, session_hash, event_type, moment)
        for course, users in nested
        for user, sessions in users.items()
        for session_hash, events in sessions.items()
        for event_type, moment in events
    ]
    columns = ["course_id", "user_id", "session_hash", "event_type", "ts"]
    events = pd.DataFrame(rows, columns=columns)
    times = pd.to_datetime(events["ts"], format="%Y-%m-%dT%H:%M:%S")
    events["ts"] = times.astype("datetime64[s]").astype("int64")
    return events


def learning(events: pd.DataFrame) -> pd.DataFrame:
    kept = events[events["event_type"].str.startswith(LEARNING_PREFIXES)]
    return kept.sort_values(list(kept.columns)).reset_index(drop=True)


def pairs_by_the_rules(events: pd.DataFrame) -> pd.DataFrame:
    """Sessions by gaps above 1,800 s, repeats collapsed, all but the first item."""
    rows = []
    for user_id, own in learning(events).groupby("user_id"):
        last_ts = last_course = None
        for ts, course in own.sort_values(["ts", "course_id"])[
            ["ts", "course_id"]
        ].itertuples(index=False):
            is_start = last_ts is None or ts - last_ts > 1800
            if is_start:
                session_start = ts
            if not is_start and course != last_course:
                assert ts > last_ts >= session_start
                rows.append((user_id, ts, course))
            last_ts, last_course = ts, course
    return pd.DataFrame(rows, columns=["user_id", "label_ts_epoch", "label"])


def as_set(pairs: pd.DataFrame) -> set:
    keys = pairs[["user_id", "label_ts_epoch", "label"]]
    assert not keys.duplicated().any()
    return set(keys.itertuples(index=False, name=None))


def test_truth_has_exactly_the_pairs_of_the_raw_log(dense):
    expected = pairs_by_the_rules(read_flat(dense))
    truth = pd.read_parquet(dense / "truth" / "pairs.parquet")
    assert len(truth) > 1000
    assert as_set(truth) == as_set(expected)


def test_truth_of_a_large_log_is_of_val_and_test_users(published):
    expected = pairs_by_the_rules(read_flat(published))
    is_judged = expected["user_id"].map(user_split) != "train"
    truth = pd.read_parquet(published / "truth" / "pairs.parquet")
    assert 0 < is_judged.sum() < len(expected)
    assert as_set(truth) == as_set(expected[is_judged])


def test_summary_is_the_mean_over_the_last_ten_of_fifteen_pairs(dense):
    truth = pd.read_parquet(dense / "truth" / "pairs.parquet")
    summary = json.loads((dense / "truth" / "bayes_optimal.json").read_text())
    episodes = [
        own.sort_values("label_ts_epoch").tail(10)
        for user_id, own in truth.groupby("user_id")
        if user_split(user_id) == "test" and len(own) >= 15
    ]
    queries = pd.concat(episodes)
    assert summary["mart"] == "episodes_k5_q10"
    assert summary["n_episodes"] == len(episodes) > 0
    assert summary["n_queries"] == len(queries) == 10 * len(episodes)
    for name, column in (
        ("accuracy@1", "accuracy_at_1"),
        ("recall@10", "recall_at_10"),
        ("mrr", "reciprocal_rank"),
    ):
        assert summary[name] == pytest.approx(queries[column].mean(), abs=1e-6)
    realised = summary["realised"]
    assert realised["recall@10"] == pytest.approx((queries["bayes_rank"] <= 10).mean())
    assert summary["given_support"]["recall@10"] > summary["recall@10"] + 0.03


def test_native_form_has_the_same_learning_events(dense, tmp_path):
    native = read_native(simulated(tmp_path / "native", Size(users=60), "native"))
    flat = read_flat(dense)
    pd.testing.assert_frame_equal(learning(native), learning(flat), check_dtype=False)
    n_learning = len(learning(native))
    assert 0.95 < (len(native) - n_learning) / n_learning < 1.15
    assert 0.03 < (len(flat) - n_learning) / n_learning < 0.07
    assert (dense / "truth" / "pairs.parquet").read_bytes() == (
        tmp_path / "native" / "truth" / "pairs.parquet"
    ).read_bytes()


def test_same_request_same_bytes_another_seed_another_log(tmp_path):
    one, two, other = (
        simulated(tmp_path / name, Size(users=5), "native", seed)
        for name, seed in (("one", 4), ("two", 4), ("other", 5))
    )
    raw = Path("raw") / "events.json"
    assert (one / raw).read_bytes() == (two / raw).read_bytes()
    assert (one / raw).read_bytes() != (other / raw).read_bytes()


def test_sizes(dense, published):
    assert read_flat(dense)["user_id"].nunique() == 60
    events = learning(read_flat(published))
    last_user = events.groupby("user_id").size().max()
    assert 60_000 <= len(events) < 60_000 + last_user


def test_more_users_keep_those_before_them(dense, tmp_path):
    few = read_flat(simulated(tmp_path / "few", Size(users=9)))
    many = read_flat(dense)
    first = many[many["user_id"].isin(few["user_id"].unique())]
    pd.testing.assert_frame_equal(
        learning(few), learning(first), check_dtype=False, check_like=True
    )


def test_raw_form(published):
    events = read_flat(published)
    shares = learning(events)["event_type"].value_counts(normalize=True)
    total = sum(LEARNING_EVENTS.values())
    for event_type, n_events in LEARNING_EVENTS.items():
        assert abs(shares[event_type] - n_events / total) < 0.02
    assert set(events["event_type"]) <= {*LEARNING_EVENTS, *OTHER_EVENTS}
    assert events["session_hash"].str.fullmatch("[0-9a-f]{32}").all()
    assert events["user_id"].str.fullmatch("[0-9]+").all()
    assert events.groupby("session_hash")["user_id"].nunique().max() == 1


def test_course_ids_are_distinct_and_not_all_ascii():
    ids = [course_id(number) for number in range(1518)]
    assert len(set(ids)) == 1518
    assert 0 < sum(not name.isascii() for name in ids) < 150


def test_users_programmes_and_the_process_are_written(dense):
    users = pd.read_parquet(dense / "truth" / "users.parquet")
    items = pd.read_parquet(dense / "truth" / "items.parquet")
    successors = pd.read_parquet(dense / "truth" / "successors.parquet")
    starts = pd.read_parquet(dense / "truth" / "starts.parquet")
    parameters = json.loads((dense / "truth" / "parameters.json").read_text())
    n_programmes = parameters["process"]["n_programmes"]
    assert len(users) == 60
    assert users["programme"].between(0, n_programmes - 1).all()
    assert items["popularity"].sum() == pytest.approx(1)
    sums = successors.groupby(["programme", "item"], dropna=False)["weight"].sum()
    assert len(sums) == (n_programmes + 1) * len(items)
    assert np.allclose(sums, 1)
    assert set(starts["item"]) <= set(items["item"])


def test_one_user_is_enough(tmp_path):
    folder = simulated(tmp_path / "one", Size(events=1))
    summary = json.loads((folder / "truth" / "bayes_optimal.json").read_text())
    assert summary["n_queries"] == 0
    assert summary["recall@10"] is None
    assert read_flat(folder)["user_id"].nunique() == 1
