"""When students work on which problem: assignments of a few problems each."""

from dataclasses import dataclass

import numpy as np

from training.simulate.arrays import Floats, Ints
from training.simulate.practice.learning import DAY_MS, Items

MIN_LATENCY_MS = 348  # the shortest one of the EDM Cup's log
MAX_LATENCY_MS = 101 * DAY_MS  # and the longest


@dataclass(frozen=True)
class PracticeConfig:
    """How much students do. "Log-normal (m, s)" has median m.

    Args:
        first_day: ISO date on which the log begins.
        log_days: length of the log; students begin in its first four fifths.
        assignments_median, assignments_sigma: assignments of a student, log-normal,
            from `assignments_min` to `assignments_max`.
        problems_min, problems_max: problems of an assignment, never more than its
            skill has.
        absence_days, absence_sigma: time between assignments, log-normal.
        latency_sec, latency_sigma: time to the first answer, log-normal.
        interrupted_share: answers that come days later.
        pause_sec, pause_sigma: time from an answer to the next problem, log-normal.
    """

    first_day: str
    log_days: int
    assignments_median: float
    assignments_sigma: float
    assignments_min: int = 1
    assignments_max: int = 120
    problems_min: int = 3
    problems_max: int = 8
    absence_days: float = 4.0
    absence_sigma: float = 1.0
    latency_sec: float = 35.0
    latency_sigma: float = 1.2
    interrupted_share: float = 0.004
    pause_sec: float = 9.0
    pause_sigma: float = 0.7

    @property
    def begin_ms(self) -> int:
        """First millisecond of the log since 1970."""
        return int(np.datetime64(self.first_day, "ms").astype(np.int64))


@dataclass(frozen=True)
class Practice:
    """What a block of students works on: A assignments of N started problems.

    Times in ms.

    Args:
        assignment_user: student of each assignment, ascending, shape (A,).
        assignment_skill: its skill, shape (A,).
        assignment: of each problem, ascending, shape (N,).
        item: shape (N,).
        started_at: since 1970, rising within a student, shape (N,).
        latency: until the first answer, shape (N,).
        pause: from then to the next problem, shape (N,).
    """

    assignment_user: Ints
    assignment_skill: Ints
    assignment: Ints
    item: Ints
    started_at: Ints
    latency: Ints
    pause: Ints

    @property
    def user(self) -> Ints:
        """Student of each problem, ascending, shape (N,)."""
        return self.assignment_user[self.assignment]

    @property
    def answered_at(self) -> Ints:
        """Time of the first answer in ms since 1970, shape (N,)."""
        return self.started_at + self.latency

    def log_share(self, config: PracticeConfig) -> Floats:
        """Part of the log that has passed at each answer, shape (N,)."""
        return (self.answered_at - config.begin_ms) / (config.log_days * DAY_MS)

    def of_first_users(self, n_users: int) -> "Practice":
        """Only the first students of the block."""
        n_assignments = int(np.searchsorted(self.assignment_user, n_users))
        n_problems = int(np.searchsorted(self.assignment, n_assignments))
        return Practice(
            self.assignment_user[:n_assignments],
            self.assignment_skill[:n_assignments],
            self.assignment[:n_problems],
            self.item[:n_problems],
            self.started_at[:n_problems],
            self.latency[:n_problems],
            self.pause[:n_problems],
        )


def draw_practice(
    config: PracticeConfig, items: Items, n_users: int, rng: np.random.Generator
) -> Practice:
    """Draw one block of students."""
    drawn = rng.lognormal(
        np.log(config.assignments_median), config.assignments_sigma, n_users
    )
    n_assignments = np.clip(
        drawn.astype(np.int64), config.assignments_min, config.assignments_max
    )
    assignment_user = np.repeat(np.arange(n_users), n_assignments)
    skill = rng.integers(0, len(items.pool_size), len(assignment_user))
    n_problems = rng.integers(
        config.problems_min, config.problems_max + 1, len(assignment_user)
    )
    n_problems = np.minimum(n_problems, items.pool_size[skill])
    assignment = np.repeat(np.arange(len(assignment_user)), n_problems)
    position = np.arange(len(assignment)) - np.repeat(
        n_problems.cumsum() - n_problems, n_problems
    )
    # a problem set is a stretch of the skill's items, in their order
    begin = rng.integers(0, items.pool_size[skill])[assignment]
    pool = items.pool_size[skill][assignment]
    item = items.pool_first[skill][assignment] + (begin + position) % pool
    latency, pause = _draw_durations(config, len(assignment), rng)
    wait = _draw_waits(config, assignment_user, n_users, rng)
    before = np.where(position == 0, wait[assignment], 0)
    spent = (before + latency + pause).cumsum()
    user = assignment_user[assignment]
    user_first = np.searchsorted(user, np.arange(n_users))
    spent_before = (spent - before - latency - pause)[user_first]
    started_at = spent - latency - pause - spent_before[user]
    return Practice(
        assignment_user=assignment_user,
        assignment_skill=skill,
        assignment=assignment,
        item=item,
        started_at=config.begin_ms + started_at,
        latency=latency,
        pause=pause,
    )


def _draw_durations(
    config: PracticeConfig, size: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Latencies and pauses in ms, shape (N,) each."""
    latency = 1000 * rng.lognormal(
        np.log(config.latency_sec), config.latency_sigma, size
    )
    days_later = rng.exponential(12 * DAY_MS, size)
    latency += np.where(rng.random(size) < config.interrupted_share, days_later, 0)
    latency = np.clip(latency, MIN_LATENCY_MS, MAX_LATENCY_MS)
    pause = 2 + rng.lognormal(np.log(config.pause_sec), config.pause_sigma, size)
    return latency.astype(np.int64), (1000 * pause).astype(np.int64)


def _draw_waits(
    config: PracticeConfig, assignment_user: Ints, n_users: int, rng
) -> Ints:
    """Time before each assignment in ms, from the log's begin for a first one, (A,)."""
    wait = DAY_MS * rng.lognormal(
        np.log(config.absence_days), config.absence_sigma, len(assignment_user)
    )
    first = np.searchsorted(assignment_user, np.arange(n_users))
    wait[first] = rng.random(n_users) * 0.8 * config.log_days * DAY_MS
    return wait.astype(np.int64)
