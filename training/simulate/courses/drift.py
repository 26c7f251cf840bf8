"""A world that changes: programmes shift, courses are born and end.

Two processes are drawn over one catalogue. From the first month to the last the share
of steps that follow the second rises in a line from 0 to `drift`:

    P(next | last, z, t) = (1 - w(t)) * Before(next | last, z)
                           + w(t) * After(next | last, z),     w(t) = drift * t

with t from 0 to 1 over the months of the log. Courses that are born are never reached
by the process before, those that end never by the one after. All is known, so the
exact Bayes filter is (`training.simulate.courses.bayes`), and so is what it costs to
take the world for what it was.
"""

from dataclasses import dataclass

import numpy as np

from training.simulate.arrays import Floats, Ints
from training.simulate.courses.activity import FIRST_SECOND, WINDOW_SEC
from training.simulate.courses.programme import (
    ProgrammeConfig,
    Programmes,
    draw_programmes,
    walked,
)

PAST = 0.35  # the middle of the months before a cut at 70%


@dataclass(frozen=True)
class CourseSettings:
    """What `--set` may change of a course platform.

    Args:
        drift: share of steps that follow the new process at the end of the log; 0
            changes nothing.
        born, ended: share of the catalogue that only the process after, or only the
            one before, leads to.
        guests: share of sessions of somebody else at the account, of a programme drawn
            anew, with one event a visit: session reliability tells whom to believe.
    """

    drift: float = 0.0
    born: float = 0.15
    ended: float = 0.15
    guests: float = 0.0

    def __post_init__(self) -> None:
        for name in ("drift", "born", "ended", "guests"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1")
        if self.born + self.ended > 0.5:
            raise ValueError("born and ended must not be more than half of all courses")
        if self.drift and self.guests:
            raise ValueError(
                "drift and guests are worlds of their own: set one of them"
            )


@dataclass(frozen=True)
class Drift:
    """What a process becomes, and how fast."""

    before: Programmes
    after: Programmes
    drift: float

    def later(self, at: Ints) -> Floats:
        """How far the process is the one after at some seconds, shape of `at`."""
        return self.drift * np.clip((at - FIRST_SECOND) / WINDOW_SEC, 0, 1)

    @property
    def past(self) -> float:
        """The same in the middle of the first 70% of the months."""
        return self.drift * PAST

    def sample(
        self, rng: np.random.Generator, programme: Ints, length: Ints, at: Ints
    ) -> Ints:
        """Draw one sequence a row, as `Programmes.sample` does, each item at its time.

        Args:
            at: second of each item, sequences one after the other, (sum of length,).
        """
        later = self.later(at)

        def first(places: Ints) -> Ints:
            found = [world.first(rng, programme) for world in (self.before, self.after)]
            return self._either(rng, later[places], *found)

        def following(rows: Ints, places: Ints, last: Ints) -> Ints:
            found = [
                world.following(rng, programme[rows], last)
                for world in (self.before, self.after)
            ]
            return self._either(rng, later[places], *found)

        return walked(length, first, following)

    @staticmethod
    def _either(
        rng: np.random.Generator, later: Floats, before: Ints, after: Ints
    ) -> Ints:
        return np.where(rng.random(len(later)) < later, after, before)


def draw_drift(
    config: ProgrammeConfig, settings: CourseSettings, seed: np.random.SeedSequence
) -> Drift:
    """Draw both processes, and which courses are born and end."""
    chosen, *seeds = seed.spawn(3)
    mixed = np.random.default_rng(chosen).permutation(config.n_items)
    n_born, n_ended = (
        round(share * config.n_items) for share in (settings.born, settings.ended)
    )
    born, ended = mixed[:n_born], mixed[n_born : n_born + n_ended]
    before, after = (
        draw_programmes(config, one, absent)
        for one, absent in zip(seeds, (born, ended), strict=True)
    )
    return Drift(before, after, settings.drift)
