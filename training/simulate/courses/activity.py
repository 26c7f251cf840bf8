"""Sessions, visits and events of users of a course platform, in blocks of users.

A user has sessions, a session visits to courses, a visit events. Within a session
gaps are log-normal, cut at the length that ends a session; that one law gives the
gaps, durations and sessions per platform session that were published for XuetangX.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from training.simulate.arrays import Floats, Ints
from training.simulate.courses.bayes import Sequences
from training.simulate.courses.programme import ProgrammeConfig, Programmes

SESSION_GAP_SEC = 1800  # a longer gap starts a new session
FIRST_SECOND = int(np.datetime64("2017-02-01T00:00:00", "s").astype(np.int64))
WINDOW_SEC = 180 * 86400  # February to July


@dataclass(frozen=True)
class ActivityConfig:
    """How much users do. Times in seconds; "log-normal (m, s)" has median m.

    Args:
        process: courses and study programmes.
        block_users: users drawn together; results do not depend on memory.
        sessions_base, sessions_median, sessions_sigma: sessions of a user are
            base + floor(log-normal), at most `max_sessions`.
        switching_max, switching_power: share of a user's sessions with more than
            one course, max * uniform ** power.
        switches_shift, switches_power: switches k of such a session follow
            P(k >= t) = ((1 + shift) / (t + shift)) ** power, at most `max_switches`.
        extra_median, extra_sigma: events of a session are one a visit plus
            floor(log-normal), at most `max_extra`.
        gap_median, gap_sigma: gap between events, log-normal, within a session.
        same_hash_share: sessions that continue the platform session before.
        pause_median, pause_sigma: idle time before such a session, log-normal.
        absence_median, absence_sigma: idle time before any other session. Both are
            shortened where a user would not fit into the months of the log.
    """

    process: ProgrammeConfig
    block_users: int
    sessions_base: int
    sessions_median: float
    sessions_sigma: float
    switching_max: float
    switching_power: float
    switches_shift: float
    switches_power: float
    extra_median: float
    extra_sigma: float
    max_sessions: int = 400
    max_switches: int = 1000
    max_extra: int = 20_000
    gap_median: float = 4.0
    gap_sigma: float = 2.94
    same_hash_share: float = 0.546
    pause_median: float = 4 * 3600.0
    pause_sigma: float = 1.2
    absence_median: float = 2 * 86400.0
    absence_sigma: float = 1.5


@dataclass(frozen=True)
class Activity:
    """What a block of users did: U users, R sessions, V visits, E learning events.

    Args:
        programme: of each user, shape (U,).
        is_guest: sessions of somebody else at the account, shape (R,).
        session_user: user of each session, ascending, shape (R,).
        platform: platform session of each session, ascending, shape (R,).
        visits: courses visited, a sequence a session; neighbours differ.
        event_visit: visit of each event, ascending, shape (E,).
        event_at: epoch second of each event; rises from visit to visit, may stand
            still within one. Shape (E,).
    """

    programme: Ints
    is_guest: np.ndarray
    session_user: Ints
    platform: Ints
    visits: Sequences
    event_visit: Ints
    event_at: Ints

    def visit_at(self) -> Ints:
        """Epoch second of each visit's first event, shape (V,)."""
        return self.event_at[_first_of_runs(self.event_visit)]

    def event_user(self) -> Ints:
        """User of each event, ascending, shape (E,)."""
        return self.session_user[self.visits.number()[self.event_visit]]

    def of_first_users(self, n_users: int) -> "Activity":
        """Only the first users of the block."""
        n_sessions = int(np.searchsorted(self.session_user, n_users))
        n_visits = int(self.visits.offsets[n_sessions])
        n_events = int(np.searchsorted(self.event_visit, n_visits))
        return Activity(
            programme=self.programme[:n_users],
            is_guest=self.is_guest[:n_sessions],
            session_user=self.session_user[:n_sessions],
            platform=self.platform[:n_sessions],
            visits=Sequences(
                self.visits.items[:n_visits], self.visits.offsets[: n_sessions + 1]
            ),
            event_visit=self.event_visit[:n_events],
            event_at=self.event_at[:n_events],
        )


def draw_activity(
    config: ActivityConfig,
    programmes: Programmes,
    rng: np.random.Generator,
    guests: float = 0.0,
) -> Activity:
    """Draw one block of `config.block_users` users.

    Args:
        guests: share of sessions of somebody else, whose programme is drawn anew, with
            one event a visit.
    """
    programme = rng.integers(0, config.process.n_programmes, config.block_users)
    n_sessions = _draw_session_counts(config, rng)
    session_user = np.repeat(np.arange(config.block_users), n_sessions)
    n_visits = 1 + _draw_switches(config, rng, session_user)
    followed, is_guest = programme[session_user], np.zeros(len(session_user), bool)
    if guests:
        is_guest = rng.random(len(session_user)) < guests
        others = rng.integers(0, config.process.n_programmes, len(session_user))
        followed = np.where(is_guest, others, followed)
    items = programmes.sample(rng, followed, n_visits)
    visits = Sequences.of_lengths(items, n_visits)
    event_visit = _draw_event_visits(config, rng, visits, is_guest)
    starts_hash = rng.random(len(session_user)) >= config.same_hash_share
    starts_hash[_first_of_runs(session_user)] = True
    return Activity(
        programme=programme,
        is_guest=is_guest,
        session_user=session_user,
        platform=starts_hash.cumsum() - 1,
        visits=visits,
        event_visit=event_visit,
        event_at=_draw_times(
            config, rng, session_user, starts_hash, visits, event_visit
        ),
    )


def _draw_session_counts(config: ActivityConfig, rng: np.random.Generator) -> Ints:
    more = _log_normal(
        rng, config.sessions_median, config.sessions_sigma, config.block_users
    )
    count = config.sessions_base + more.astype(np.int64)
    return np.minimum(count, config.max_sessions)


def _draw_switches(
    config: ActivityConfig, rng: np.random.Generator, session_user: Ints
) -> Ints:
    """How often each session goes on to another course, shape (R,)."""
    uniform = rng.random(config.block_users)
    share = config.switching_max * uniform**config.switching_power
    shift = config.switches_shift
    uniform = 1 - rng.random(len(session_user))  # in (0, 1]
    switches = (1 + shift) * uniform ** (-1 / config.switches_power) - shift
    switches = np.minimum(switches, config.max_switches).astype(np.int64)
    does_switch = rng.random(len(session_user)) < share[session_user]
    return np.where(does_switch, switches, 0)


def _draw_event_visits(
    config: ActivityConfig,
    rng: np.random.Generator,
    visits: Sequences,
    is_guest: np.ndarray,
) -> Ints:
    """Visit of each event: one a visit, the others anywhere in the session, (E,)."""
    n_visits = np.diff(visits.offsets)
    drawn = _log_normal(rng, config.extra_median, config.extra_sigma, len(n_visits))
    extra = np.minimum(drawn, config.max_extra).astype(np.int64)
    extra[is_guest] = 0
    session = np.repeat(np.arange(len(n_visits)), extra)
    within = (rng.random(len(session)) * n_visits[session]).astype(np.int64)
    n_events = 1 + np.bincount(
        visits.offsets[session] + within, minlength=len(visits.items)
    )
    return np.repeat(np.arange(len(n_events)), n_events)


def _draw_times(
    config: ActivityConfig,
    rng: np.random.Generator,
    session_user: Ints,
    starts_hash: np.ndarray,
    visits: Sequences,
    event_visit: Ints,
) -> Ints:
    """Epoch second of each event, shape (E,)."""
    quantiles = _gap_quantiles(config)
    gap = quantiles[rng.integers(0, len(quantiles), len(event_visit))]
    visit_begin = _first_of_runs(event_visit)
    # courses never tie: a label must lie strictly after its prefix
    gap[visit_begin] = np.maximum(gap[visit_begin], 1)
    begin = visit_begin[visits.offsets[:-1]]  # first event of each session
    gap[begin] = 0
    duration = np.add.reduceat(gap, begin)
    gap[begin] = _draw_idle(config, rng, session_user, starts_hash, duration)
    first = begin[_first_of_runs(session_user)]  # first event of each user
    elapsed = gap.cumsum()
    before = elapsed[first] - gap[first]
    n_events = np.diff(np.append(first, len(gap)))
    return FIRST_SECOND + elapsed - np.repeat(before, n_events)


def _draw_idle(
    config: ActivityConfig,
    rng: np.random.Generator,
    session_user: Ints,
    starts_hash: np.ndarray,
    duration: Ints,
) -> Ints:
    """Seconds before each session: after the log's start, or the last event, (R,)."""
    size = len(session_user)
    absence = _log_normal(rng, config.absence_median, config.absence_sigma, size)
    pause = _log_normal(rng, config.pause_median, config.pause_sigma, size)
    idle = np.where(starts_hash, absence, pause)
    opens = _first_of_runs(session_user)
    idle[opens] = 0
    needed = np.full(size, SESSION_GAP_SEC + 1)
    needed[opens] = 0
    free = WINDOW_SEC - np.bincount(session_user, duration + needed)
    total = np.bincount(session_user, idle)
    fitting = np.clip(free / np.maximum(total, 1), 0, 1)
    idle *= fitting[session_user]
    slack = np.maximum(free - total * fitting, 0)
    idle[opens] = rng.random(len(opens)) * slack
    return needed + idle.astype(np.int64)


def _gap_quantiles(config: ActivityConfig) -> Ints:
    """65,536 equally likely gaps, 0 to `SESSION_GAP_SEC`, ascending."""
    n_quantiles = 1 << 16
    location = np.log(config.gap_median)
    below = ndtr((np.log(SESSION_GAP_SEC) - location) / config.gap_sigma)
    level = (np.arange(n_quantiles) + 0.5) / n_quantiles * below
    gaps = np.exp(location + config.gap_sigma * ndtri(level))
    return np.minimum(np.rint(gaps), SESSION_GAP_SEC).astype(np.int64)


def _log_normal(
    rng: np.random.Generator, median: float, sigma: float, size: int
) -> Floats:
    return rng.lognormal(np.log(median), sigma, size)


def _first_of_runs(ascending: Ints) -> Ints:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.diff(ascending, prepend=-1))
