"""Blocks of users: counts and times, and the rules that make them sessions."""

from dataclasses import replace

import numpy as np
import pytest

from training.simulate.courses.activity import (
    FIRST_SECOND,
    SESSION_GAP_SEC,
    WINDOW_SEC,
    draw_activity,
)
from training.simulate.courses.programme import draw_programmes
from training.simulate.courses.xuetangx import DENSE, PUBLISHED

SMALL_DENSE = replace(DENSE, block_users=80)
# the published shape in a small catalogue
SMALL_PUBLISHED = replace(PUBLISHED, block_users=12_000, process=DENSE.process)


def draw(config, seed=0):
    programmes = draw_programmes(config.process, np.random.SeedSequence(0))
    return draw_activity(config, programmes, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def published():
    return draw(SMALL_PUBLISHED)


@pytest.mark.parametrize("config", [SMALL_DENSE, SMALL_PUBLISHED])
def test_gaps_within_and_between_sessions(config):
    activity = draw(config)
    user, visit = activity.event_user(), activity.event_visit
    session = activity.visits.number()[visit]
    gap = np.diff(activity.event_at)
    same_user = np.diff(user) == 0
    same_session = np.diff(session) == 0
    new_visit = np.diff(visit) != 0

    assert (gap[same_session] >= 0).all()
    assert (gap[same_session] <= SESSION_GAP_SEC).all()
    assert (gap[same_session & new_visit] > 0).all()
    assert (gap[same_user & ~same_session] > SESSION_GAP_SEC).all()
    assert activity.event_at.min() >= FIRST_SECOND
    assert activity.event_at.max() <= FIRST_SECOND + WINDOW_SEC


def test_every_visit_and_user_has_an_event():
    activity = draw(SMALL_DENSE)
    assert set(activity.event_visit) == set(range(len(activity.visits.items)))
    assert set(activity.event_user()) == set(range(80))
    first = np.searchsorted(activity.event_visit, np.arange(len(activity.visits.items)))
    assert np.array_equal(activity.visit_at(), activity.event_at[first])


def test_platform_sessions_span_sessions_of_one_user(published):
    users = {}
    for platform, user in zip(
        published.platform.tolist(), published.session_user.tolist(), strict=True
    ):
        assert users.setdefault(platform, user) == user
    n_spanned = len(published.platform) - len(users)
    assert n_spanned > 0.3 * len(published.platform)


def test_published_shape(published):
    """Orders of magnitude of the published figures, with room for a small draw."""
    session = published.visits.number()[published.event_visit]
    n_events = np.bincount(session)
    gap = np.diff(published.event_at)[np.diff(session) == 0]
    is_last = np.diff(session, append=-1) != 0
    is_first = np.diff(session, prepend=-1) != 0
    duration = published.event_at[is_last] - published.event_at[is_first]
    place = published.visits.position()
    prefix_length = place[place > 0]
    n_pairs = np.bincount(
        published.session_user[published.visits.number()[place > 0]], minlength=12_000
    )
    assert 10 <= np.median(n_events) <= 16
    assert 3 <= np.median(gap) <= 5
    assert 300 <= np.quantile(gap, 0.95) <= 600
    assert 400 <= np.median(duration) <= 1000
    assert 1 <= np.median(prefix_length) <= 3
    assert 0.3 <= np.mean(n_pairs > 0) <= 0.5
    assert 0.02 <= np.mean(n_pairs >= 15) <= 0.07


def test_first_users_are_a_prefix():
    activity = draw(SMALL_DENSE)
    part = activity.of_first_users(7)
    n_events = int((activity.event_user() < 7).sum())
    assert len(part.programme) == 7
    assert np.array_equal(part.event_at, activity.event_at[:n_events])
    assert np.array_equal(part.event_user(), activity.event_user()[:n_events])
    assert part.visits.offsets[-1] == len(part.visits.items)
