"""Marts in DuckDB against rows of the reference or of another build."""

import math
from pathlib import Path

import duckdb

from tests.reference.logs import Log
from tests.reference.marts import Marts, Row, marts, tier_of
from tests.reference.sessions import MARS, XUETANGX, Rules, mars_events, xuetangx_events

DATASETS = ("ad_events", "mars", "xuetangx")

# names, order and, where the contract gives them, types of the columns
CONTRACT = {
    "events": "dataset VARCHAR, user_id VARCHAR, item_key VARCHAR, event_type VARCHAR, "
    "event_at TIMESTAMP, ts_epoch BIGINT, session_id VARCHAR, pos_in_session INTEGER",
    "sessions": "dataset, session_id, user_id, split, start_ts_epoch, end_ts_epoch, "
    "duration_sec, n_events, n_action_types, n_items, main_item_key, intensity, "
    "extent, composition, reliability, reliability_tier",
    "user_splits": "dataset, user_id, split",
    "split_times": "dataset, train_until BIGINT, val_until BIGINT",
    "vocab": "dataset, item_id INTEGER, item_key VARCHAR, n_events BIGINT, "
    "n_train_events BIGINT, in_train BOOLEAN",
    "pairs": "dataset, pair_id BIGINT, user_id, split, sequence_id VARCHAR, "
    "prefix INTEGER[], label INTEGER, label_ts_epoch BIGINT, "
    "prefix_max_ts_epoch BIGINT, prefix_len INTEGER, session_reliability DOUBLE",
    "episodes_k5_q10": "dataset, episode_id BIGINT, user_id, split, "
    "support_pair_ids BIGINT[], query_pair_ids BIGINT[], support_max_ts_epoch, "
    "query_min_ts_epoch, episode_reliability DOUBLE",
    "dataset_summary": "dataset, split, n_users, n_events, n_sessions, n_items, "
    "n_pairs, n_episodes_k5_q10, n_episodes_k2_q3, sparsity, events_per_user_p50, "
    "events_per_user_p90, reliability_mean, reliability_p50",
}
CONTRACT["episodes_k2_q3"] = CONTRACT["episodes_k5_q10"]
CONTRACT["user_latest"] = (
    "dataset, user_id, sequence_id, prefix INTEGER[], prefix_len INTEGER, "
    "items_seen INTEGER[], as_of TIMESTAMP"
)
CONTRACT |= {
    "responses": "dataset, response_id BIGINT, user_id, split, session_id, "
    "item_id INTEGER, item_key, skill_keys VARCHAR[], correct BOOLEAN, "
    "answered_at TIMESTAMP, ts_epoch BIGINT, latency_sec DOUBLE, help_before BOOLEAN, "
    "attempt INTEGER",
    "skills": "dataset, skill_id INTEGER, skill_key, skill_name",
    "response_features": "dataset, response_id BIGINT, user_id, split, prior_n, "
    "prior_correct_rate, last_5_correct_rate, last_20_correct_rate, prior_hour_n, "
    "prior_day_n, prior_week_n, prior_month_n, skill_prior_n, "
    "skill_prior_correct_rate, skill_last_3_correct_rate, skill_last_10_correct_rate, "
    "skill_prior_hour_n, skill_prior_hour_n_correct, skill_prior_day_n, "
    "skill_prior_day_n_correct, skill_prior_week_n, skill_prior_week_n_correct, "
    "skill_prior_month_n, skill_prior_month_n_correct, answers_since_skill, "
    "seconds_since_skill, item_prior_n, item_prior_correct_rate, "
    "seconds_since_previous, prior_help_rate, prior_latency_sec",
    "kt_sequences": "dataset, sequence_id, user_id, split, window INTEGER, "
    "response_ids BIGINT[], item_ids INTEGER[], skill_ids INTEGER[][], "
    "correct BOOLEAN[], ts_epoch BIGINT[]",
}

KEYS = {
    "events": ("dataset", "user_id", "session_id", "pos_in_session"),
    "sessions": ("dataset", "session_id"),
    "user_splits": ("dataset", "user_id"),
    "split_times": ("dataset",),
    "vocab": ("dataset", "item_id"),
    "pairs": ("dataset", "pair_id"),
    "episodes_k5_q10": ("dataset", "episode_id"),
    "episodes_k2_q3": ("dataset", "episode_id"),
    "user_latest": ("dataset", "user_id"),
    "dataset_summary": ("dataset", "split"),
}
CAUSAL_KEYS = {
    "causal_vocab": ("dataset", "item_id"),
    "causal_sessions": ("dataset", "session_id"),
    "causal_trials": ("dataset", "trial_id"),
}
TRACING_KEYS = {
    "responses": ("dataset", "response_id"),
    "skills": ("dataset", "skill_id"),
    "response_features": ("dataset", "response_id"),
    "kt_sequences": ("dataset", "sequence_id"),
}
EVERY_KEY = KEYS | CAUSAL_KEYS | TRACING_KEYS
# a dbt command that makes the marts of `KEYS` and no others
MAKE_THESE = ("run", "-s", *(f"+{mart}" for mart in KEYS))
TIER_BOUNDS = (0.33, 0.66)


def reference_of(log: Log, xuetangx: Rules = XUETANGX, mars: Rules = MARS) -> Marts:
    """Reference marts of both data sets."""
    parts = (
        marts(xuetangx_events(log.xuetangx), xuetangx),
        marts(mars_events(log.mars), mars),
    )
    return {mart: [row for part in parts for row in part[mart]] for mart in KEYS}


def read_marts(database: Path, keys: dict = KEYS) -> Marts:
    """The rows of every mart of `keys`, sorted by key."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {mart: _read(connection, mart) for mart in keys}


def column_types(database: Path, mart: str) -> list[tuple[str, str]]:
    """Names and types of a mart's columns, in order."""
    with duckdb.connect(str(database), read_only=True) as connection:
        described = connection.execute(f"describe main.{mart}").fetchall()
    return [(name, kind) for name, kind, *_ in described]


def contract_types(mart: str) -> list[tuple[str, str | None]]:
    """Names of a mart's columns, in order, and their types where they are given."""
    columns = [column.split() for column in CONTRACT[mart].split(", ")]
    return [(column[0], column[1] if column[1:] else None) for column in columns]


def first_difference(mart: str, expected: list[Row], found: list[Row]) -> str | None:
    """What differs first, in words, or None; floats may differ by 1e-12."""
    expected, found = _by_key(mart, expected), _by_key(mart, found)
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    changed = [
        (key, column)
        for key in expected
        if key in found
        for column in expected[key]
        if not _same(expected[key], found[key], column)
    ]
    if not (missing or unexpected or changed):
        return None
    lines = [
        f"{mart}: {len(expected)} rows expected, {len(found)} found; "
        f"{len(missing)} missing, {len(unexpected)} unexpected, "
        f"{len(changed)} values differ"
    ]
    for key, column in changed[:1]:
        lines.append(
            f"first at {key}, {column}: expected {expected[key][column]!r}, "
            f"found {found[key].get(column)!r}"
        )
        lines += [f"expected row {expected[key]}", f"found row {found[key]}"]
    lines += [f"first missing row {expected[key]}" for key in missing[:1]]
    lines += [f"first unexpected row {found[key]}" for key in unexpected[:1]]
    return "\n".join(lines)


def _read(connection, mart: str) -> list[Row]:
    # of events, sessions and what is made of both, it knows no tracing data set
    known = f" where dataset in {DATASETS}" if mart in KEYS else ""
    cursor = connection.execute(f"select * from main.{mart}{known}")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    return sorted(rows, key=lambda row: [row[column] for column in EVERY_KEY[mart]])


def _by_key(mart: str, rows: list[Row]) -> dict[tuple, Row]:
    keyed = {tuple(row[column] for column in EVERY_KEY[mart]): row for row in rows}
    if len(keyed) != len(rows):
        raise AssertionError(f"{mart}: {EVERY_KEY[mart]} is not unique")
    return keyed


def _same(expected: Row, found: Row, column: str) -> bool:
    a, b = expected[column], found.get(column)
    if column == "reliability_tier":
        # a mean that touches a bound may fall on either side by its last bit
        at_bound = any(
            math.isclose(expected["reliability"], bound, rel_tol=1e-12)
            for bound in TIER_BOUNDS
        )
        return b == tier_of(found["reliability"]) if at_bound else a == b
    if isinstance(a, float):
        return isinstance(b, float) and math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return type(a) is type(b) and a == b
