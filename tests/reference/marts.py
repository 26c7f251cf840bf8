"""Every mart of the recommendation chain from raw rows, in plain Python.

Written from the contract's wording only, rule by rule, with lists, dicts and
sorting. It is slow and meant to be obviously right: the dbt project is checked
against it row for row. Comments in quotation marks are the contract's words.

Python compares strings by code point, which is the byte-wise order of UTF-8.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from tests.reference.sessions import Event, Rules, Session, sessionize
from tests.reference.splits import SPLITS, Splits, percentile

Row = dict[str, object]
Marts = dict[str, list[Row]]


class Step(NamedTuple):
    """One item of a collapsed sequence, at the first event of its run."""

    item_key: str
    ts_epoch: int
    session_id: str


def marts(events: Iterable[Event], rules: Rules) -> Marts:
    """All marts of one data set, each in the order of its key."""
    sessions = sessionize(list(events), rules)
    kept = [event for _, members in sessions for event in members]
    splits = Splits(kept, rules)
    first_at = {}
    for event in sorted(kept, key=lambda e: (e.user_id, e.ts_epoch)):
        first_at.setdefault(event.user_id, event.ts_epoch)
    vocab = _vocab_mart(kept, splits, rules)
    session_rows = _sessions_mart(sessions, splits, rules)
    pairs = (
        _pairs_mart(sessions, session_rows, vocab, splits, rules)
        if rules.feeds_pairs
        else []
    )
    out = {
        "events": _events_mart(sessions, rules),
        "sessions": session_rows,
        "user_splits": [
            # "under time a user's row is the split of the first event"
            {"dataset": rules.dataset, "user_id": user, "split": splits.of(user, at)}
            for user, at in first_at.items()
        ],
        "split_times": splits.times,
        "vocab": vocab,
        "pairs": pairs,
        "episodes_k5_q10": _episodes_mart(pairs, _is_start_k5_q10, 5, 10),
        "episodes_k2_q3": _episodes_mart(pairs, _is_start_k2_q3, 2, 3),
        "user_latest": (
            _user_latest_mart(sessions, vocab, rules) if rules.feeds_pairs else []
        ),
    }
    out["dataset_summary"] = _summary_mart(out, splits)
    return out


def _events_mart(sessions: list[Session], rules: Rules) -> list[Row]:
    return [
        {
            "dataset": rules.dataset,
            "user_id": event.user_id,
            "item_key": event.item_key,
            "event_type": event.event_type,
            "event_at": event.event_at,
            "ts_epoch": event.ts_epoch,
            "session_id": session_id,
            "pos_in_session": position,
        }
        for session_id, members in sessions
        for position, event in enumerate(members, start=1)
    ]


def _vocab_mart(events: list[Event], splits: Splits, rules: Rules) -> list[Row]:
    # "nulls ... count in no n_items, main_item_key or vocabulary"
    events = [event for event in events if event.item_key is not None]
    n_events = Counter(event.item_key for event in events)
    # by time: "everything learned or counted uses events before T1 only"
    n_train = Counter(
        e.item_key for e in events if splits.of(e.user_id, e.ts_epoch) == "train"
    )
    return [
        {
            "dataset": rules.dataset,
            "item_id": item_id,
            "item_key": item_key,
            "n_events": n_events[item_key],
            "n_train_events": n_train[item_key],
            "in_train": n_train[item_key] > 0,
        }
        # "dense, 0-based, in byte-wise order of item_key, over the kept events"
        for item_id, item_key in enumerate(sorted(n_events))
    ]


def _sessions_mart(sessions: list[Session], splits: Splits, rules: Rules) -> list[Row]:
    rows = [
        _session_facts(session_id, members, splits, rules)
        for session_id, members in sessions
    ]
    train = [row for row in rows if row["split"] == "train"]
    intensity_cap = _cap(rules.intensity_cap, train, "n_events")
    duration_cap = _cap(rules.duration_cap_sec, train, "duration_sec")
    composition_cap = _cap(rules.composition_cap, train, "n_items")
    # "n_possible_action_types (XuetangX: distinct types in its events)"
    n_possible = len(
        {
            event.event_type
            for _, members in sessions
            for event in members
            if not splits.cuts or splits.of("", event.ts_epoch) == "train"
        }
    )
    for row in rows:
        intensity = _capped(row["n_events"], intensity_cap)
        extent = _capped(row["duration_sec"], duration_cap)
        composition = (
            _capped(row["n_action_types"], n_possible)
            if rules.has_event_types
            else _capped(row["n_items"], composition_cap)
        )
        # "reliability = weighted mean"
        weighted = (
            (intensity, rules.intensity_weight),
            (extent, rules.extent_weight),
            (composition, rules.composition_weight),
        )
        total = sum(part * weight for part, weight in weighted)
        reliability = total / sum(weight for _, weight in weighted)
        row |= {
            "intensity": intensity,
            "extent": extent,
            "composition": composition,
            "reliability": reliability,
            "reliability_tier": tier_of(reliability),
        }
    return rows


def _session_facts(
    session_id: str, members: list[Event], splits: Splits, rules: Rules
) -> Row:
    items = Counter(e.item_key for e in members if e.item_key is not None)
    start, end = members[0].ts_epoch, members[-1].ts_epoch
    return {
        "dataset": rules.dataset,
        "session_id": session_id,
        "user_id": members[0].user_id,
        # one that is before T1 ends before it
        "split": splits.of(members[0].user_id, end),
        "start_ts_epoch": start,
        "end_ts_epoch": end,
        "duration_sec": end - start,
        "n_events": len(members),
        "n_action_types": len({event.event_type for event in members}),
        "n_items": len(items),
        # "most events, ties to the byte-wise smallest"
        "main_item_key": min(
            items, key=lambda item: (-items[item], item), default=None
        ),
    }


def _cap(fixed: float | None, train: list[Row], column: str) -> float:
    """A cap; without train users there is no percentile and none is known."""
    if fixed is not None:
        return fixed
    # "A cap left empty = 95th percentile (linear interpolation) over sessions of
    # train users"
    return percentile([row[column] for row in train], 0.95) if train else 0.0


def _capped(value: float, cap: float) -> float:
    # "min(value / cap, 1)"; "a cap of 0 gives component 0"
    return min(value / cap, 1.0) if cap > 0 else 0.0


def tier_of(reliability: float) -> str:
    """ "low < 0.33 ≤ medium < 0.66 ≤ high"."""
    if reliability < 0.33:
        return "low"
    return "medium" if reliability < 0.66 else "high"


def _pairs_mart(
    sessions: list[Session],
    session_rows: list[Row],
    vocab: list[Row],
    splits: Splits,
    rules: Rules,
) -> list[Row]:
    item_id = {row["item_key"]: row["item_id"] for row in vocab}
    reliability = {row["session_id"]: row["reliability"] for row in session_rows}
    rows = []
    for (user_id, sequence_id), steps in _sequences(sessions, rules):
        for t in range(1, len(steps)):
            label, before = steps[t], steps[:t]
            prefix_max = max(step.ts_epoch for step in before)
            # "kept only if the largest prefix time is strictly before the label's"
            if not prefix_max < label.ts_epoch:
                continue
            rows.append(
                {
                    "dataset": rules.dataset,
                    # "in the order (user_id, sequence_id, position)"
                    "pair_id": len(rows),
                    "user_id": user_id,
                    "split": splits.of(user_id, label.ts_epoch),
                    "sequence_id": sequence_id,
                    # "prefix holds at most the last max_prefix_len items"
                    "prefix": [
                        item_id[step.item_key]
                        for step in before[-rules.max_prefix_len :]
                    ],
                    "label": item_id[label.item_key],
                    "label_ts_epoch": label.ts_epoch,
                    "prefix_max_ts_epoch": prefix_max,
                    # "prefix_len is the uncapped length"
                    "prefix_len": t,
                    # "that of the session in which the label event lies"
                    "session_reliability": reliability[label.session_id],
                }
            )
    return rows


def _sequences(sessions: list[Session], rules: Rules) -> list:
    """Collapsed sequences `((user_id, sequence_id), steps)` in order of their key."""
    # "A sequence is a session or a whole user"
    timelines = defaultdict(list)
    for session_id, members in sessions:
        user_id = members[0].user_id
        scope = session_id if rules.sequence_scope == "session" else user_id
        # "nulls ... count in no ... vocabulary": an action without an item is no step
        timelines[user_id, scope] += [
            (event, session_id) for event in members if event.item_key is not None
        ]
    return [
        (key, _collapsed(sorted(timeline, key=lambda pair: pair[0].order)))
        for key, timeline in sorted(timelines.items())
    ]


def _collapsed(timeline: list[tuple[Event, str]]) -> list[Step]:
    """ "Consecutive repeats of an item collapse to the first event of the run, with
    that event's time"."""
    firsts = [
        next(run) for _, run in groupby(timeline, key=lambda pair: pair[0].item_key)
    ]
    return [Step(e.item_key, e.ts_epoch, session_id) for e, session_id in firsts]


def _user_latest_mart(
    sessions: list[Session], vocab: list[Row], rules: Rules
) -> list[Row]:
    item_id = {row["item_key"]: row["item_id"] for row in vocab}
    sequences = defaultdict(dict)
    for (user_id, sequence_id), steps in _sequences(sessions, rules):
        if steps:
            sequences[user_id][sequence_id] = steps
    rows = []
    for user_id in sorted({members[0].user_id for _, members in sessions}):
        own = [(s, members) for s, members in sessions if members[0].user_id == user_id]
        events = [event for _, members in own for event in members]
        # the sequence of the session with items that ended last
        with_items = [(m[-1].ts_epoch, s) for s, m in own if any(e.item_key for e in m)]
        of_session = max(with_items)[1] if with_items else None
        last = of_session if rules.sequence_scope == "session" else user_id
        steps = sequences[user_id].get(last, [])
        rows.append(
            {
                "dataset": rules.dataset,
                "user_id": user_id,
                "sequence_id": last if steps else None,
                "prefix": [
                    item_id[step.item_key] for step in steps[-rules.max_prefix_len :]
                ],
                "prefix_len": len(steps),
                "items_seen": sorted(
                    {item_id[e.item_key] for e in events if e.item_key is not None}
                ),
                "as_of": max(event.event_at for event in events),
            }
        )
    return rows


def _is_start_k5_q10(start: int, split: str, last: int) -> bool:
    # "train users: every start (stride 1); val and test users: one episode, the
    # last K+Q pairs"
    return split == "train" or start + 15 - 1 == last


def _is_start_k2_q3(start: int, split: str, last: int) -> bool:
    # "all splits: starts 0, Q, 2Q, ..."
    return start % 3 == 0


def _episodes_mart(pairs: list[Row], is_start, k: int, q: int) -> list[Row]:
    rows = []
    for user_id, group in groupby(pairs, key=lambda pair: pair["user_id"]):
        # "A user's pairs in order (label_ts_epoch, pair_id)"
        own = sorted(group, key=lambda p: (p["label_ts_epoch"], p["pair_id"]))
        for start in range(len(own) - k - q + 1):
            # "K support pairs, then the Q that follow"
            support, query = own[start : start + k], own[start + k : start + k + q]
            # "the queries of one lie in one split, the support may be older"
            asked = {pair["split"] for pair in query}
            if len(asked) > 1:
                continue
            (split,) = asked
            last = max(i for i, pair in enumerate(own) if pair["split"] == split)
            if not is_start(start, split, last):
                continue
            support_max = max(pair["label_ts_epoch"] for pair in support)
            query_min = min(pair["label_ts_epoch"] for pair in query)
            # "dropped unless support_max_ts_epoch < query_min_ts_epoch"
            if not support_max < query_min:
                continue
            rows.append(
                {
                    "dataset": own[0]["dataset"],
                    # "0-based per data set in the order (user_id, start)"
                    "episode_id": len(rows),
                    "user_id": user_id,
                    "split": split,
                    "support_pair_ids": [pair["pair_id"] for pair in support],
                    "query_pair_ids": [pair["pair_id"] for pair in query],
                    "support_max_ts_epoch": support_max,
                    "query_min_ts_epoch": query_min,
                    # "mean session_reliability of the support pairs"
                    "episode_reliability": _mean(support, "session_reliability"),
                }
            )
    return rows


def _summary_mart(out: Marts, splits: Splits) -> list[Row]:
    events = [
        event | {"split": splits.of(event["user_id"], event["ts_epoch"])}
        for event in out["events"]
    ]
    rows = []
    for split in (*SPLITS, "all"):
        part = {
            mart: [row for row in found if split in ("all", row["split"])]
            for mart, found in {**out, "events": events}.items()
            if mart not in ("vocab", "split_times", "user_latest")
        }
        users = {event["user_id"] for event in part["events"]}
        if not users:
            continue
        per_user = Counter(row["user_id"] for row in part["events"]).values()
        n_events = len(part["events"])
        n_items = len({row["item_key"] for row in part["events"]} - {None})
        reliabilities = [row["reliability"] for row in part["sessions"]]
        rows.append(
            {
                "dataset": splits.rules.dataset,
                "split": split,
                "n_users": len(users),
                "n_events": n_events,
                "n_sessions": len(part["sessions"]),
                "n_items": n_items,
                "n_pairs": len(part["pairs"]),
                "n_episodes_k5_q10": len(part["episodes_k5_q10"]),
                "n_episodes_k2_q3": len(part["episodes_k2_q3"]),
                # "1 − n_events / (n_users × n_items)"
                "sparsity": 1 - n_events / (len(users) * n_items) if n_items else None,
                "events_per_user_p50": percentile(per_user, 0.50),
                "events_per_user_p90": percentile(per_user, 0.90),
                # by time, all sessions of a split may end in a later one
                "reliability_mean": _mean(part["sessions"], "reliability")
                if reliabilities
                else None,
                "reliability_p50": percentile(reliabilities, 0.50)
                if reliabilities
                else None,
            }
        )
    return rows


def _mean(rows: list[Row], column: str) -> float:
    return math.fsum(row[column] for row in rows) / len(rows)
