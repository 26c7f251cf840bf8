"""The contract's event layer in plain Python: kept rows, sessions, splits.

Part of the slow reference, see `marts.py`. Comments in quotation marks are the
contract's words. Python compares strings by code point, which is the byte-wise
order of UTF-8.
"""

import calendar
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

LEARNING_PREFIXES = ("load_", "problem_", "video_", "seek_", "speed_", "pause_")


@dataclass(frozen=True)
class Rules:
    """Parameters of one data set, the contract's defaults filled in.

    Args:
        dataset: name of the data set.
        sequence_scope: `session` or `user`.
        has_event_types: whether composition counts action types or items.
        intensity_cap, duration_cap_sec, composition_cap: None asks for the 95th
            percentile over sessions of train users.
    """

    dataset: str
    sequence_scope: str
    has_event_types: bool
    intensity_cap: float | None = None
    duration_cap_sec: float | None = None
    composition_cap: float | None = None
    session_method: str = "gap"
    session_gap_sec: int = 1800
    min_session_events: int = 1
    min_user_events: int = 1
    intensity_weight: float = 1
    extent_weight: float = 1
    composition_weight: float = 1
    split_method: str = "user"
    split_seed: int = 20260107
    split_train_until: float = 0.70
    split_val_until: float = 0.85
    max_prefix_len: int = 50
    feeds_pairs: bool = True
    treatment_window_sec: int = 300
    outcome_horizon_sec: int = 86_400
    outcome_product: str = "any"
    max_history_len: int = 500
    n_folds: int = 5


XUETANGX = Rules("xuetangx", "session", True, intensity_cap=100, duration_cap_sec=1800)
MARS = Rules("mars", "user", False, min_user_events=5)
ADS = Rules(
    "ad_events",
    "session",
    True,
    session_gap_sec=86_400,
    min_session_events=2,
    feeds_pairs=False,
)
AD_TYPES = ("auction", "impression", "click", "purchase")


class Event(NamedTuple):
    """One kept raw row."""

    user_id: str
    item_key: str | None
    event_type: str
    event_at: datetime  # UTC without zone
    session_hash: str

    @property
    def ts_epoch(self) -> int:
        """Whole seconds since 1970, floor."""
        return calendar.timegm(self.event_at.timetuple())

    @property
    def order(self) -> tuple:
        """`(ts_epoch, item_key, event_type)`, compared byte-wise, nulls first.

        Rows equal in all three differ at most in the fraction of their second;
        the earlier goes first so that `event_at` has one place too.
        """
        item = (self.item_key is not None, self.item_key or "")
        return self.ts_epoch, item, self.event_type, self.event_at


Session = tuple[str, list[Event]]  # session_id, events in order


def xuetangx_events(rows: Iterable[tuple]) -> list[Event]:
    """Rows `(course_id, user_id, session_hash, event_type, datetime)` as events."""
    return [
        Event(user_id, course_id, event_type, at, session_hash)
        for course_id, user_id, session_hash, event_type, at in rows
        # "keeps learning events only: types that begin with ..."
        if event_type.startswith(LEARNING_PREFIXES)
    ]


def mars_events(rows: Iterable[tuple]) -> list[Event]:
    """Rows `(item_id, user_id, datetime)` as events."""
    # "drops exact duplicates of (user_id, item_key, created_at)"
    distinct = {(user_id, item_id, at) for item_id, user_id, at in rows}
    return [
        # "event_type is watch"
        Event(user_id, item_id, "watch", at, "")
        for user_id, item_id, at in distinct
    ]


def ad_events(rows: Iterable[tuple]) -> list[Event]:
    """Rows `(user_id, event_type, product_id, datetime)` as events."""
    return [
        # "item_key is null where an action has no item (ad auctions ...)"
        Event(user_id, None if kind == "auction" else product, kind, at, "")
        for user_id, kind, product, at in rows
        if kind in AD_TYPES
    ]


def split_of(user_id: str, rules: Rules) -> str:
    """Split of a user by hash, the same on every engine and for ever."""
    # "u = ('0x' || first 8 hex digits of md5(split_seed || ':' || user_id)) / 2^32"
    digest = hashlib.md5(f"{rules.split_seed}:{user_id}".encode()).hexdigest()
    u = int(digest[:8], 16) / 2**32
    # "train if u < 0.70, val if u < 0.85, else test"
    if u < rules.split_train_until:
        return "train"
    return "val" if u < rules.split_val_until else "test"


def sessionize(events: list[Event], rules: Rules) -> list[Session]:
    """Kept sessions `(session_id, events in order)`, by user and session id."""
    by_user = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    sessions = []
    for user_id, timeline in sorted(by_user.items()):
        # "then users with fewer than min_user_events"
        if len(timeline) < rules.min_user_events:
            continue
        # "Order inside a user is always (ts_epoch, item_key, event_type)"
        timeline.sort(key=lambda event: event.order)
        named = _by_gap if rules.session_method == "gap" else _by_platform
        sessions += sorted(named(user_id, timeline, rules).items())
    # "Sessions shorter than min_session_events are dropped with their events;
    # numbering is before the drop"
    return [
        (session_id, members)
        for session_id, members in sessions
        if len(members) >= rules.min_session_events
    ]


def _by_gap(user_id: str, timeline: list[Event], rules: Rules) -> dict:
    """ "A new session starts at a user's first event and after every gap strictly
    greater than session_gap_sec to the previous event"."""
    groups = [[timeline[0]]]
    for previous, event in pairwise(timeline):
        if event.ts_epoch - previous.ts_epoch > rules.session_gap_sec:
            groups.append([])
        groups[-1].append(event)
    # "n from 1 in time order, zero-padded to at least six digits and never cut"
    return {f"{user_id}_{n:06d}": group for n, group in enumerate(groups, start=1)}


def _by_platform(user_id: str, timeline: list[Event], rules: Rules) -> dict:
    """ "session_id = user_id || '_' || session_hash"."""
    groups = defaultdict(list)
    for event in timeline:
        groups[f"{user_id}_{event.session_hash}"].append(event)
    return groups
