"""The same marts as notebooks make them: pandas and a Python loop over groups.

The slow side of the benchmark. It follows the project's rules, so that both sides
do the same work, in the style of the notebooks: one `groupby` loop per step.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LEARNING_PREFIXES = ("load_", "problem_", "video_", "seek_", "speed_", "pause_")
SESSION_GAP_SEC = 1800
INTENSITY_CAP, DURATION_CAP_SEC = 100, 1800
MAX_PREFIX_LEN = 50
SPLIT_SEED = 20260107


def run_pipeline(parquet_path: Path) -> dict[str, int]:
    """Rows of every table made from a flat XuetangX Parquet file.

    Args:
        parquet_path: columns `course_id, user_id, session_hash, event_type,
            timestamp`; the ids are strings, the timestamps without zone.
    """
    return {name: len(table) for name, table in build_tables(parquet_path).items()}


def build_tables(parquet_path: Path) -> dict[str, pd.DataFrame]:
    """Events, sessions, pairs and both episode tables of a flat Parquet file."""
    events = sessionize(load_events(parquet_path))
    sessions = score_sessions(events)
    pairs = make_pairs(events, sessions)
    return {
        "events": events,
        "sessions": sessions,
        "pairs": pairs,
        "episodes_k5_q10": make_episodes(pairs, 5, 10, _starts_k5_q10),
        "episodes_k2_q3": make_episodes(pairs, 2, 3, _starts_k2_q3),
    }


def load_events(parquet_path: Path) -> pd.DataFrame:
    """Learning events with integer seconds, in the order of a user's timeline."""
    raw = pd.read_parquet(parquet_path).drop(columns="session_hash")
    events = raw[raw["event_type"].str.startswith(LEARNING_PREFIXES)].copy()
    since_epoch = events["timestamp"] - pd.Timestamp(0)
    events["ts_epoch"] = since_epoch // pd.Timedelta(seconds=1)
    order = ["user_id", "ts_epoch", "course_id", "event_type", "timestamp"]
    return events.sort_values(order, ignore_index=True)


def sessionize(events: pd.DataFrame) -> pd.DataFrame:
    """Add `session_id` and `split`, user by user."""
    session_ids, splits = [], []
    for user_id, group in events.groupby("user_id", sort=False):
        numbers = (group["ts_epoch"].diff() > SESSION_GAP_SEC).cumsum() + 1
        session_ids += [f"{user_id}_{number:06d}" for number in numbers]
        splits += [split_of(user_id)] * len(group)
    return events.assign(session_id=session_ids, split=splits)


def split_of(user_id: str) -> str:
    """Split of a user by hash."""
    digest = hashlib.md5(f"{SPLIT_SEED}:{user_id}".encode()).hexdigest()
    share = int(digest[:8], 16) / 2**32
    return "train" if share < 0.70 else "val" if share < 0.85 else "test"


def score_sessions(events: pd.DataFrame) -> pd.DataFrame:
    """One row a session with its reliability."""
    sessions = events.groupby(["user_id", "split", "session_id"], as_index=False).agg(
        start_ts_epoch=("ts_epoch", "min"),
        end_ts_epoch=("ts_epoch", "max"),
        n_events=("ts_epoch", "size"),
        n_action_types=("event_type", "nunique"),
        n_items=("course_id", "nunique"),
    )
    duration_sec = sessions["end_ts_epoch"] - sessions["start_ts_epoch"]
    intensity = (sessions["n_events"] / INTENSITY_CAP).clip(upper=1)
    extent = (duration_sec / DURATION_CAP_SEC).clip(upper=1)
    composition = sessions["n_action_types"] / events["event_type"].nunique()
    return sessions.assign(
        duration_sec=duration_sec,
        main_item_key=sessions["session_id"].map(_main_items(events)),
        reliability=(intensity + extent + composition) / 3,
    )


def make_pairs(events: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Prefix → next course, session by session."""
    item_ids = {key: n for n, key in enumerate(sorted(events["course_id"].unique()))}
    reliability = dict(
        zip(sessions["session_id"], sessions["reliability"], strict=True)
    )
    ordered = events.assign(item_id=events["course_id"].map(item_ids))
    ordered = ordered.sort_values(["user_id", "session_id"], kind="stable")
    rows: list[dict[str, Any]] = []
    for session_id, group in ordered.groupby("session_id", sort=False):
        user_id, split = group["user_id"].iloc[0], group["split"].iloc[0]
        items, times = _collapse(group["item_id"].tolist(), group["ts_epoch"].tolist())
        for t in range(1, len(items)):
            if times[t - 1] >= times[t]:
                continue
            rows.append(
                {
                    "pair_id": len(rows),
                    "user_id": user_id,
                    "split": split,
                    "sequence_id": session_id,
                    "prefix": items[max(t - MAX_PREFIX_LEN, 0) : t],
                    "label": items[t],
                    "label_ts_epoch": times[t],
                    "prefix_max_ts_epoch": times[t - 1],
                    "prefix_len": t,
                    "session_reliability": reliability[session_id],
                }
            )
    return pd.DataFrame(rows)


def make_episodes(pairs: pd.DataFrame, k: int, q: int, starts) -> pd.DataFrame:
    """K support pairs and the Q that follow, user by user."""
    ordered = pairs.sort_values(["user_id", "label_ts_epoch", "pair_id"])
    rows: list[dict[str, Any]] = []
    for user_id, group in ordered.groupby("user_id", sort=False):
        if len(group) < k + q:
            continue
        split = group["split"].iloc[0]
        for start in starts(len(group), split):
            support = group.iloc[start : start + k]
            query = group.iloc[start + k : start + k + q]
            support_max = support["label_ts_epoch"].max()
            query_min = query["label_ts_epoch"].min()
            if support_max >= query_min:
                continue
            rows.append(
                {
                    "episode_id": len(rows),
                    "user_id": user_id,
                    "split": split,
                    "support_pair_ids": support["pair_id"].tolist(),
                    "query_pair_ids": query["pair_id"].tolist(),
                    "support_max_ts_epoch": support_max,
                    "query_min_ts_epoch": query_min,
                    "episode_reliability": support["session_reliability"].mean(),
                }
            )
    return pd.DataFrame(rows)


def _main_items(events: pd.DataFrame) -> pd.Series:
    counts = events.groupby(["session_id", "course_id"], as_index=False).size()
    by_rank = counts.sort_values(["size", "course_id"], ascending=[False, True])
    return by_rank.drop_duplicates("session_id").set_index("session_id")["course_id"]


def _collapse(items: list[int], times: list[int]) -> tuple[list[int], list[int]]:
    """Runs of one item as their first event."""
    firsts = [n for n in range(len(items)) if n == 0 or items[n] != items[n - 1]]
    return [items[n] for n in firsts], [times[n] for n in firsts]


def _starts_k5_q10(n_pairs: int, split: str) -> np.ndarray:
    last = n_pairs - 15
    return np.arange(last + 1) if split == "train" else np.array([last])


def _starts_k2_q3(n_pairs: int, split: str) -> np.ndarray:
    return np.arange(0, n_pairs - 5 + 1, 3)
