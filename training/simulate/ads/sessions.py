"""Ad sessions drawn from the process: courses of impressions, laid out in time.

Times are whole seconds. Impressions of a user lie at least two minutes apart, a click
follows its impression within a minute, a session and its purchase fit into twelve
hours, and a session never shows a product twice. So the treatment of each impression
(that product clicked within 300 s, before any purchase) is the coin of the process and
its outcome (a purchase within 24 hours) is the session's.
"""

from dataclasses import dataclass, replace

import numpy as np

from training.simulate.ads.process import (
    APPEALS,
    LONGEST_RUN,
    AdProcess,
    AdSettings,
)
from training.simulate.arrays import Floats, Ints

AUCTION, IMPRESSION, CLICK, PURCHASE = range(4)
DAY = 86_400
FIRST_SECOND = int(np.datetime64("2024-03-04T00:00:00", "s").astype(np.int64))
START_DAYS, LOG_DAYS = 24, 30
LAST_SECOND = FIRST_SECOND + LOG_DAYS * DAY
PRODUCTS_PER_SHELF = 60
ZIPF_EXPONENT = 1.0
SECOND_CLICK, GOES_ON_AFTER = 0.2, 0.5  # what happens after the first click
LOST_AUCTIONS = 2  # of a burst, besides the one that wins


@dataclass(frozen=True)
class Steps:
    """Impressions in order of session and time, shape (N,) each.

    Args:
        session: number of the session.
        at: epoch second of the impression.
        product: number of the product shown.
        is_burst: whether three auctions went before, not one.
        is_eligible: no click and no purchase before.
        click_at: second of the click; -1 where the product was not clicked.
        intent, trait: state of the process; `trait` is what no event shows.
        propensity, outcome_if_clicked, outcome_if_not: its probabilities; of
            eligible impressions only.
    """

    session: Ints
    at: Ints
    product: Ints
    is_burst: np.ndarray
    is_eligible: np.ndarray
    click_at: Ints
    intent: Floats
    trait: Floats
    propensity: Floats
    outcome_if_clicked: Floats
    outcome_if_not: Floats

    def take(self, rows: np.ndarray) -> "Steps":
        """The chosen impressions."""
        return Steps(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Events:
    """Events in order of user and time, shape (N,) each; `product` -1 is none."""

    session: Ints
    kind: Ints
    product: Ints
    at: Ints

    def take(self, rows: np.ndarray) -> "Events":
        """The chosen events, in the order asked for."""
        return Events(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Sessions:
    """Whole sessions of a block of users.

    Args:
        user: 0-based user of each session, in order, shape (S,).
        number: 1-based number of each session within its user, shape (S,).
        purchase_at, purchase_product: what was bought when; -1 for nothing, shape (S,).
        steps, events: what happened in them.
    """

    user: Ints
    number: Ints
    purchase_at: Ints
    purchase_product: Ints
    steps: Steps
    events: Events

    def of_first_users(self, n_users: int) -> "Sessions":
        """Only the first users of the block."""
        n = int(np.searchsorted(self.user, n_users))
        return Sessions(
            self.user[:n],
            self.number[:n],
            self.purchase_at[:n],
            self.purchase_product[:n],
            self.steps.take(self.steps.session < n),
            self.events.take(self.events.session < n),
        )


class Courses:
    """Courses of many sessions at once, step by step."""

    def __init__(
        self, process: AdProcess, rng: np.random.Generator, trait: Ints
    ) -> None:
        """Begin a course for every session.

        Args:
            trait: 0 or 1, the user's trait, shape (S,).
        """
        n_sessions = len(trait)
        self._process, self._rng, self._trait = process, rng, trait
        self._bursts = np.zeros(n_sessions, np.int64)
        self._run = np.zeros(n_sessions, np.int64)
        self._shelf = rng.integers(0, n_shelves(process.settings), n_sessions)
        self._going = np.arange(n_sessions)
        self._is_settled = np.zeros(n_sessions, bool)
        # second of the session in which the last impression was
        self.clock = np.zeros(n_sessions, np.int64)
        # when and what was bought; -1 where nothing is
        self.purchase_at = np.full(n_sessions, -1)
        self.purchase_product = np.full(n_sessions, -1)
        self.steps: list[Steps] = []

    def run(self) -> None:
        """Draw every step of every course."""
        for step in range(1, self._process.settings.max_steps + 1):
            self._draw_step(step)

    def _draw_step(self, step: int) -> None:
        rng, process, going = self._rng, self._process, self._going
        is_burst = rng.random(len(going)) < process.burst[self._run[going]]
        self._bursts[going] += is_burst
        self._run[going] = np.where(
            is_burst, np.minimum(self._run[going] + 1, LONGEST_RUN), 0
        )
        self.clock[going] += draw_gaps(rng, len(going))
        state = (step, self._bursts[going], self._run[going], self._trait[going])
        product = self._draw_product(going, step)
        click = process.click_by_appeal[(*state, appeal_of(product))]
        is_eligible = ~self._is_settled[going]
        is_clicked = rng.random(len(going)) < np.where(is_eligible, click, SECOND_CLICK)
        drawn = Steps(
            session=going,
            at=self.clock[going],
            product=product,
            is_burst=is_burst,
            is_eligible=is_eligible,
            click_at=np.where(
                is_clicked, self.clock[going] + rng.integers(2, 61, len(going)), -1
            ),
            intent=process.intent[(*state[:3], 0)],
            trait=process.trait[self._trait[going]],
            propensity=click,
            outcome_if_clicked=process.outcome_if_clicked[state],
            outcome_if_not=process.outcome_if_not[state],
        )
        self.steps.append(drawn)
        self._settle(drawn, process.buys_anyway[state], step)

    def _settle(self, drawn: Steps, buys_anyway: Floats, step: int) -> None:
        """Draw purchases, and which courses go on."""
        rng, going = self._rng, drawn.session
        luck = rng.random(len(going))
        after_click = drawn.is_eligible & (drawn.click_at >= 0)
        unclicked = drawn.is_eligible & (drawn.click_at < 0)
        # what a click adds to purchases is of its product; the others are of a
        # product that the session never shows
        by_click = luck >= np.minimum(drawn.outcome_if_not, drawn.outcome_if_clicked)
        buys = after_click & (luck < drawn.outcome_if_clicked)
        buys_now = unclicked & (luck < buys_anyway)
        elsewhere = self._draw_product(going, self._process.settings.max_steps + 1)
        slow = 61 + np.minimum(rng.lognormal(np.log(900), 1.0, len(going)), 6 * 3600)
        soon = rng.integers(61, 90, len(going))
        for is_bought, product, delay in (
            (buys, np.where(by_click, drawn.product, elsewhere), slow),
            (buys_now, elsewhere, soon),
        ):
            sessions = going[is_bought]
            self.purchase_product[sessions] = product[is_bought]
            self.purchase_at[sessions] = drawn.at[is_bought] + delay[is_bought]
        self._is_settled[going] |= after_click | buys_now
        goes_on = rng.random(len(going)) < np.where(
            self._is_settled[going],
            GOES_ON_AFTER,
            self._process.settings.continue_share,
        )
        self._going = going[goes_on]

    def _draw_product(self, sessions: Ints, step: int) -> Ints:
        """A product of the step's shelf by popularity: each step has its own."""
        shelf = (self._shelf[sessions] + step) % n_shelves(self._process.settings)
        place = self._rng.choice(
            PRODUCTS_PER_SHELF, len(sessions), p=product_popularity()
        )
        return shelf * PRODUCTS_PER_SHELF + place


def draw_sessions(
    process: AdProcess, rng: np.random.Generator, n_users: int
) -> Sessions:
    """Sessions of users within the days of the log; what comes later is not seen.

    Args:
        process: what makes users click and buy.
        n_users: users to draw; each has at least one session.
    """
    user = np.repeat(np.arange(n_users), rng.geometric(0.45, n_users))
    trait = rng.integers(0, 2, n_users)[user]
    courses = Courses(process, rng, trait)
    courses.run()
    steps = _joined(courses.steps)
    events = _events(rng, courses, steps)
    begin = _session_starts(rng, user, events)
    return _as_logged(user, courses, steps, events, begin)


def _as_logged(
    user: Ints, courses: Courses, steps: Steps, events: Events, begin: Ints
) -> Sessions:
    """Sessions moved to where they begin, and cut where the log ends."""
    first_session = np.searchsorted(user, user)
    bought_at = np.where(
        courses.purchase_at >= 0, courses.purchase_at + begin, LAST_SECOND + 1
    )
    is_bought = bought_at <= LAST_SECOND
    begin_of_step = begin[steps.session]
    click_at = np.where(steps.click_at >= 0, steps.click_at + begin_of_step, -1)
    click_at[click_at > LAST_SECOND] = -1
    steps = replace(steps, at=steps.at + begin_of_step, click_at=click_at)
    events = replace(events, at=events.at + begin[events.session])
    order = np.lexsort((events.kind, events.product, events.at, events.session))
    events = events.take(order)
    return Sessions(
        user=user,
        number=np.arange(len(user)) - first_session + 1,
        purchase_at=np.where(is_bought, bought_at, -1),
        purchase_product=np.where(is_bought, courses.purchase_product, -1),
        steps=steps.take(steps.at <= LAST_SECOND),
        events=events.take(events.at <= LAST_SECOND),
    )


def product_popularity() -> Floats:
    """Share of each place of a shelf, by Zipf's law, shape (PRODUCTS_PER_SHELF,)."""
    weight = (1.0 + np.arange(PRODUCTS_PER_SHELF)) ** -ZIPF_EXPONENT
    return weight / weight.sum()


def appeal_of(product: Ints) -> Ints:
    """Position in `APPEALS` of each product: every shelf has some of each."""
    return product % PRODUCTS_PER_SHELF % len(APPEALS)


def appeal_shares() -> Floats:
    """How often products of each appeal are shown, shape (A,)."""
    places = np.arange(PRODUCTS_PER_SHELF)
    shares = np.bincount(appeal_of(places), weights=product_popularity())
    return shares.astype(np.float64)


def n_shelves(settings: AdSettings) -> int:
    """One for each step, one for what is bought unseen, and one that hides which."""
    return settings.max_steps + 2


def draw_gaps(rng: np.random.Generator, size: int) -> Ints:
    """Seconds between impressions: two minutes to half an hour, median four minutes."""
    gap = rng.lognormal(np.log(240), 0.8, size)
    return np.clip(gap, 120, 1800).astype(np.int64)


def _joined(steps: list[Steps]) -> Steps:
    """All steps, by session and time."""
    joined = Steps(
        **{
            name: np.concatenate([getattr(part, name) for part in steps])
            for name in vars(steps[0])
        }
    )
    return joined.take(np.argsort(joined.session, kind="stable"))


def _events(rng: np.random.Generator, courses: Courses, steps: Steps) -> Events:
    """Auctions, impressions, clicks and purchases, in seconds of their session."""
    burst = steps.take(steps.is_burst)
    clicked = steps.take(steps.click_at >= 0)
    bought = np.flatnonzero(courses.purchase_at >= 0)
    none = np.full(len(steps.at), -1)
    parts = [
        (steps.session, AUCTION, none, steps.at - 1),
        (steps.session, IMPRESSION, steps.product, steps.at),
        (clicked.session, CLICK, clicked.product, clicked.click_at),
        (
            bought,
            PURCHASE,
            courses.purchase_product[bought],
            courses.purchase_at[bought],
        ),
    ]
    for lost in range(LOST_AUCTIONS):
        delay = 5 + 25 * lost + rng.integers(0, 20, len(burst.at))
        parts.append((burst.session, AUCTION, none[: len(burst.at)], burst.at - delay))
    return Events(
        session=np.concatenate([part[0] for part in parts]),
        kind=np.concatenate([np.full(len(part[0]), part[1]) for part in parts]),
        product=np.concatenate([part[2] for part in parts]),
        at=np.concatenate([part[3] for part in parts]),
    )


def _session_starts(rng: np.random.Generator, user: Ints, events: Events) -> Ints:
    """Second in which each session begins: more than a day after the last event."""
    length = np.zeros(len(user), np.int64)
    np.maximum.at(length, events.session, events.at)
    pause = length + DAY + 1 + rng.exponential(2.0 * DAY, len(user)).astype(np.int64)
    first = np.flatnonzero(np.diff(user, prepend=-1))
    n_users = len(first)
    elapsed = pause.cumsum() - pause
    begin = rng.integers(0, START_DAYS * DAY, n_users)
    return FIRST_SECOND + elapsed - elapsed[first][user] + begin[user]
