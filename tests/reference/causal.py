"""The causal marts from kept events, in plain Python.

Written from the contract's wording only, with lists and loops; comments in quotation
marks are its words. Slow, and meant to be obviously right.
"""

import hashlib

from tests.reference.marts import Marts, Row
from tests.reference.sessions import Event, Rules, Session, sessionize, split_of

# "event ids auction 0, impression 1, click 2, purchase 3"
EVENT_IDS = {"auction": 0, "impression": 1, "click": 2, "purchase": 3}
ACTIONS = ("click", "purchase")


def causal_marts(events: list[Event], rules: Rules) -> Marts:
    """`causal_vocab`, `causal_sessions` and `causal_trials` of one data set."""
    sessions = sessionize(events, rules)
    tokens = _tokens(sessions, rules)
    item_id = {token: number for number, token in enumerate(tokens) if number > 2}

    def ids(members: list[Event]) -> dict[str, list[int]]:
        return {
            "event_ids": [EVENT_IDS[event.event_type] for event in members],
            "item_ids": [
                1 if e.event_type == "auction" else item_id.get(e.item_key, 2)
                for e in members
            ],
        }

    return {
        "causal_vocab": [
            {
                "dataset": rules.dataset,
                "item_id": number,
                "token": token,
                "is_product": number > 2,
            }
            for number, token in enumerate(tokens)
        ],
        "causal_sessions": [
            _session_row(session_id, members, ids, rules)
            for session_id, members in sessions
        ],
        "causal_trials": _trials(sessions, events, ids, rules),
    }


def fold_of(user_id: str, rules: Rules) -> int:
    """ "fold = 5 user-level folds by hash"."""
    digest = hashlib.md5(f"fold:{user_id}".encode()).hexdigest()
    return int(int(digest[:8], 16) / 2**32 * rules.n_folds)


def _tokens(sessions: list[Session], rules: Rules) -> list[str]:
    """ "item ids 0 [PAD], 1 [AUCTION], 2 [UNK], then products of train users
    byte-wise from 3"."""
    products = {
        event.item_key
        for _, members in sessions
        for event in members
        if event.item_key is not None and split_of(event.user_id, rules) == "train"
    }
    return ["[PAD]", "[AUCTION]", "[UNK]", *sorted(products)] if sessions else []


def _session_row(session_id: str, members: list[Event], ids, rules: Rules) -> Row:
    clicks = [e.ts_epoch for e in members if e.event_type == "click"]
    purchases = [e.ts_epoch for e in members if e.event_type == "purchase"]
    # "X = the events strictly before the first click or purchase"; "before means an
    # earlier second"
    first = min(clicks + purchases, default=None)
    before = [e for e in members if first is None or e.ts_epoch < first]
    # "at most the last 500"
    kept = before[-rules.max_history_len :]
    # "T = a click comes before any purchase"; "a click and a purchase in one second
    # count as the click first"
    treated = bool(clicks) and (not purchases or min(clicks) <= min(purchases))
    # "Y = a purchase after the index (the first click if T = 1, else the last event
    # of X)"
    if treated:
        outcome = any(at >= min(clicks) for at in purchases)
    else:
        index = before[-1].ts_epoch if before else float("-inf")
        outcome = any(at > index for at in purchases)
    return {
        "dataset": rules.dataset,
        "session_id": session_id,
        "user_id": members[0].user_id,
        "split": split_of(members[0].user_id, rules),
        **ids(kept),
        # "minutes since the session's first event"
        "minutes": [(e.ts_epoch - members[0].ts_epoch) / 60 for e in kept],
        "sequence_length": len(kept),
        "treatment": treated,
        "outcome": outcome,
        "first_click_epoch": min(clicks, default=None),
    }


def _trials(
    sessions: list[Session], events: list[Event], ids, rules: Rules
) -> list[Row]:
    rows: list[Row] = []
    if not events:
        return rows
    # "the data set's last event"
    last_epoch = max(event.ts_epoch for event in events)
    for session_id, members in sessions:
        user_id = members[0].user_id
        # "Sessions shorter than min_session_events are dropped with their events"
        own = [e for _, kept in sessions for e in kept if e.user_id == user_id]
        for place, index in enumerate(members):
            so_far = members[: place + 1]
            # "Eligible: no click and no purchase so far in the session"
            if index.event_type != "impression" or any(
                e.event_type in ACTIONS and e.ts_epoch < index.ts_epoch for e in so_far
            ):
                continue
            # "history up to and including the index impression (last 500)", "no click
            # or purchase in any X"
            history = [e for e in so_far if e.event_type not in ACTIONS]
            history = history[-rules.max_history_len :]
            rows.append(
                {
                    "dataset": rules.dataset,
                    "trial_id": len(rows),
                    "session_id": session_id,
                    "user_id": user_id,
                    "split": split_of(user_id, rules),
                    "fold": fold_of(user_id, rules),
                    "index_epoch": index.ts_epoch,
                    "item_id": ids([index])["item_ids"][0],
                    **ids(history),
                    "minutes_before": [
                        (index.ts_epoch - e.ts_epoch) / 60 for e in history
                    ],
                    "history_length": len(history),
                    "treatment": _is_treated(index, own, rules),
                    **_outcomes(index, own, rules),
                    "purchased_before": any(
                        e.event_type == "purchase" and e.ts_epoch < members[0].ts_epoch
                        for e in own
                    ),
                    "censored": last_epoch < index.ts_epoch + rules.outcome_horizon_sec,
                }
            )
    return rows


def _is_treated(index: Event, own: list[Event], rules: Rules) -> bool:
    """ "T = 1 if that product is clicked within treatment_window_sec and before any
    purchase"."""
    now = index.ts_epoch
    purchases = [
        e.ts_epoch for e in own if e.event_type == "purchase" and e.ts_epoch >= now
    ]
    return index.item_key is not None and any(
        e.event_type == "click"
        and e.item_key == index.item_key
        and now <= e.ts_epoch <= now + rules.treatment_window_sec
        and all(e.ts_epoch <= at for at in purchases)
        for e in own
    )


def _outcomes(index: Event, own: list[Event], rules: Rules) -> dict[str, bool]:
    """ "Y = a purchase in (index, index + outcome_horizon_sec]"."""
    bought = [
        (e.ts_epoch, index.item_key is not None and e.item_key == index.item_key)
        for e in own
        if e.event_type == "purchase"
        and index.ts_epoch < e.ts_epoch <= index.ts_epoch + rules.outcome_horizon_sec
    ]
    same = any(is_same for _, is_same in bought)
    first = min((at for at, _ in bought), default=None)
    return {
        "outcome": same if rules.outcome_product == "same" else bool(bought),
        "outcome_same": same,
        # the first second with a purchase has none of the product shown
        "outcome_other": bool(bought) and (first, True) not in bought,
    }
