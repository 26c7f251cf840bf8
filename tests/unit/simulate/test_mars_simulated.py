"""Ratings and their truth, judged by a tiny implementation of the pair rules."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from training.simulate.courses.episodes import user_split
from training.simulate.courses.mars import simulate
from training.simulate.request import Request, Size

COLUMNS = {"user_id", "item_id", "watch_percentage", "created_at", "rating"}


def simulated(folder: Path, size: Size | None, seed: int = 4) -> Path:
    folder.mkdir()
    simulate(Request(folder / "raw", folder / "truth", size, seed, "flat", False))
    return folder


@pytest.fixture(scope="module")
def mars(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("mars") / "out", None)


def read(folder: Path, language: str) -> pd.DataFrame:
    path = folder / "raw" / f"explicit_ratings_{language}.csv"
    return pd.read_csv(path, dtype=str)


def views(folder: Path) -> pd.DataFrame:
    rows = pd.concat([read(folder, "en"), read(folder, "fr")])
    times = pd.to_datetime(rows["created_at"], format="ISO8601", utc=True)
    rows["moment"] = times.dt.tz_localize(None)
    distinct = rows.drop_duplicates(["user_id", "item_id", "moment"])
    n_events = distinct.groupby("user_id")["item_id"].transform("size")
    return distinct[n_events >= 5]


def test_truth_has_exactly_the_pairs_of_the_raw_files(mars):
    expected = set()
    for user_id, own in views(mars).groupby("user_id"):
        seconds = own["moment"].dt.floor("s").astype("datetime64[s]").astype("int64")
        timeline = sorted(zip(seconds, own["item_id"], strict=True))
        last = timeline[0]
        for ts, item in timeline[1:]:
            if item != last[1]:
                assert ts > last[0]
                expected.add((user_id, ts, item))
            last = (ts, item)
    truth = pd.read_parquet(mars / "truth" / "pairs.parquet")
    keys = truth[["user_id", "label_ts_epoch", "label"]]
    found = list(keys.itertuples(index=False, name=None))
    assert len(found) == len(set(found)) > 1000
    assert set(found) == expected


def test_summary_is_the_mean_over_the_queries_of_all_episodes(mars):
    truth = pd.read_parquet(mars / "truth" / "pairs.parquet")
    summary = json.loads((mars / "truth" / "bayes_optimal.json").read_text())
    parts = []
    for user_id, own in truth.groupby("user_id"):
        own = own.sort_values("label_ts_epoch")
        if user_split(user_id) == "test":
            starts = range(0, len(own) - 4, 3)
            parts += [own.iloc[start + 2 : start + 5] for start in starts]
    queries = pd.concat(parts)
    assert summary["mart"] == "episodes_k2_q3"
    assert summary["n_episodes"] == len(parts)
    assert summary["n_queries"] == len(queries)
    mean = queries["recall_at_10"].mean()
    assert summary["recall@10"] == pytest.approx(mean, abs=1e-6)


def test_shape_of_the_real_file(mars):
    rows = pd.concat([read(mars, "en"), read(mars, "fr")])
    n_events = rows.groupby("user_id").size()
    assert len(n_events) == 822
    assert n_events.median() in (1, 2)
    assert 130 <= (n_events >= 5).sum() <= 210
    assert n_events.max() > 40
    assert 3000 <= len(rows) <= 6000


def test_publishers_form(mars):
    english, french = read(mars, "en"), read(mars, "fr")
    assert set(english) == set(french) == COLUMNS
    assert list(english) != list(french)
    assert not set(english["user_id"]) & set(french["user_id"])
    assert english["created_at"].str.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").all()
    assert french["created_at"].str.endswith("Z").any()
    assert french["created_at"].str.contains(".", regex=False).any()
    watched = english["watch_percentage"].astype(int)
    assert watched.between(1, 100).all()
    assert (english["rating"].astype(int) == -(-watched // 10)).all()


def test_line_ends(mars):
    english = (mars / "raw" / "explicit_ratings_en.csv").read_bytes()
    french = (mars / "raw" / "explicit_ratings_fr.csv").read_bytes()
    assert b"\r" not in english
    assert french.count(b"\r\n") == french.count(b"\n") > 20
    with (mars / "raw" / "explicit_ratings_fr.csv").open(newline="") as file:
        assert len({len(row) for row in csv.reader(file)}) == 1


def test_each_file_has_exact_repeats(mars):
    assert read(mars, "en").duplicated(["user_id", "item_id", "created_at"]).sum() == 4
    french = read(mars, "fr")
    assert not french.duplicated(["user_id", "item_id", "created_at"]).any()
    french["moment"] = pd.to_datetime(french["created_at"], format="ISO8601", utc=True)
    assert french.duplicated(["user_id", "item_id", "moment"]).sum() == 4


@pytest.mark.parametrize("size", [Size(users=1), Size(users=1200), Size(events=6000)])
def test_sizes(tmp_path, size):
    folder = simulated(tmp_path / "out", size)
    rows = pd.concat(
        pd.read_csv(path, dtype=str) for path in sorted((folder / "raw").iterdir())
    )
    if size.users:
        assert rows["user_id"].nunique() == size.users
    else:
        assert 6000 <= len(rows) <= 6000 + 8 + 250
