"""The logs of the differential test really hold the cases they are there for."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.reference.logs import hard_log
from tests.reference.marts import SPLITS, marts
from tests.reference.sessions import MARS, XUETANGX, mars_events, xuetangx_events


@pytest.fixture(scope="module")
def log():
    return hard_log()


def test_raw_rows_are_unsorted_duplicated_and_not_all_learning(log):
    rows = log.xuetangx
    assert any(a[4] > b[4] for a, b in pairwise(rows))
    assert max(Counter(rows).values()) > 1
    assert len(xuetangx_events(rows)) < len(rows)
    assert len(mars_events(log.mars)) < len(log.mars)


@pytest.mark.parametrize("rules", [XUETANGX, MARS], ids=lambda rules: rules.dataset)
def test_hard_cases_are_there(log, rules):
    events = (
        xuetangx_events(log.xuetangx) if rules is XUETANGX else mars_events(log.mars)
    )
    out = marts(events, rules)
    order = sorted(events, key=lambda event: (event.user_id, *event.order))
    steps = [(a, b) for a, b in pairwise(order) if a.user_id == b.user_id]
    gaps = Counter(b.ts_epoch - a.ts_epoch for a, b in steps)
    assert min(gaps[0], gaps[1799], gaps[1800], gaps[1801]) > 0
    same_second = [(a, b) for a, b in steps if a.ts_epoch == b.ts_epoch]
    assert any(a.item_key != b.item_key for a, b in same_second)
    assert any(a.event_at > b.event_at for a, b in same_second)
    assert max(row["prefix_len"] for row in out["pairs"]) > rules.max_prefix_len
    per_user = Counter(row["user_id"] for row in out["pairs"])
    assert {4, 5, 14, 15} <= set(per_user.values())
    for mart in ("episodes_k5_q10", "episodes_k2_q3"):
        assert {row["split"] for row in out[mart]} == set(SPLITS)
    assert {row["in_train"] for row in out["vocab"]} == {True, False}
    assert {row["reliability_tier"] for row in out["sessions"]} == {
        "low",
        "medium",
        "high",
    }


def test_one_event_users_and_too_small_users(log):
    n_events = Counter(event.user_id for event in xuetangx_events(log.xuetangx))
    assert min(n_events.values()) == 1
    n_ratings = Counter(event.user_id for event in mars_events(log.mars))
    assert {4, 5} <= set(n_ratings.values())
