"""What a simulator is asked for, and what it says it did."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from training.progress import Bar, progress_bar
from training.simulate.arrays import Ints

FORMS = ("flat", "native")
SHOW_SECONDS = 0.5  # work that ends sooner needs no progress bar


@dataclass(frozen=True)
class Size:
    """How much to simulate: exactly one of the two is given.

    Args:
        users: that many users.
        events: users are added until there are at least that many events.
    """

    users: int | None = None
    events: int | None = None

    @property
    def wanted(self) -> int:
        """How much is asked for, users or events."""
        return self.users or self.events or 0

    def reached(self, n_users: int, n_events: int) -> int:
        """What there is of what was asked for."""
        return n_users if self.events is None else n_events

    def n_next(self, n_users: int, n_events: int, events_of_next: Ints) -> int:
        """How many of the next users are needed.

        Args:
            n_users, n_events: what there is already.
            events_of_next: events of each user who could be next, shape (U,).
        """
        if self.users is not None:
            needed = self.users - n_users
        else:
            n_missing = self.wanted - n_events
            needed = int(np.searchsorted(events_of_next.cumsum(), n_missing)) + 1
        return min(needed, len(events_of_next))

    def is_enough(self, n_users: int, n_events: int) -> bool:
        """Whether nothing is missing."""
        return self.reached(n_users, n_events) >= self.wanted

    def progress_bar(self, dataset: str, is_shown: bool) -> Bar:
        """A bar on stderr of what was asked for."""
        return progress_bar(
            title=f"simulate {dataset}",
            is_shown=is_shown,
            total=self.wanted,
            unit=" users" if self.events is None else " events",
            unit_scale=self.events is not None,
            delay=SHOW_SECONDS,
        )


@dataclass(frozen=True)
class Request:
    """One data set to simulate.

    Args:
        raw, truth: folders to create and fill.
        size: how much; None for the data set's own default.
        seed: the same request and seed give the same bytes.
        form: which of the forms that `moocmeta` reads; a data set with a single
            form writes that one.
        show_progress: draw a bar on stderr.
        settings: of the data set's own process; None for its defaults.
    """

    raw: Path
    truth: Path
    size: Size | None
    seed: int
    form: Literal["flat", "native"]
    show_progress: bool
    settings: Any = None

    def chance(self, *purpose: int) -> np.random.SeedSequence:
        """A source of chance of its own for each purpose (and block)."""
        return np.random.SeedSequence(self.seed, spawn_key=purpose)


@dataclass(frozen=True)
class Counts:
    """What was simulated: users and events of the log, rows with a known truth.

    Args:
        truth: what those rows are, in words.
    """

    n_users: int
    n_events: int
    n_true_rows: int
    truth: str = "pairs with their Bayes optimum"


Simulate = Callable[[Request], Counts]
