"""Simulated MARS explicit ratings: few users, most of them with hardly an event.

Figures of the real file: 3,659 rows, 4 of them exact repeats, of 822 users and 776
items; half of the users have at most 2 events, 164 have 5 or more.
"""

from dataclasses import asdict, dataclass

import numpy as np

from training.simulate.arrays import Ints
from training.simulate.courses.bayes import Sequences
from training.simulate.courses.episodes import EpisodeRule, Split
from training.simulate.courses.histories import Histories
from training.simulate.courses.mars_files import Ratings, write_english, write_french
from training.simulate.courses.programme import (
    ProgrammeConfig,
    Programmes,
    draw_programmes,
)
from training.simulate.courses.truth import TruthWriter
from training.simulate.request import Counts, Request, Size

EPISODES = EpisodeRule("episodes_k2_q3", n_support=2, n_query=3, last_only=False)
MIN_EVENTS = 5  # users below are dropped by the marts
FIRST_SECOND = int(np.datetime64("2018-09-28T14:00:00", "s").astype(np.int64))
DEFAULT_SIZE = Size(users=822)
PROCESS, BLOCK, RATINGS = range(3)  # purposes of chance


@dataclass(frozen=True)
class MarsConfig:
    """How the ratings are drawn. Times in seconds.

    Args:
        process: items and study programmes; fewer items than the real 776, so that
            so few events can teach a model something.
        block_users: users drawn together.
        max_items: items of a user n follow P(n >= t) = 1 / t up to here.
        again_share: events followed by another of the same item.
        near_share: gaps between events that are log-normal with `near_median`; the
            others with `far_median`.
        start_window: span in which users begin.
        french_every: one user in so many is in the French file.
    """

    process: ProgrammeConfig
    block_users: int = 1024
    max_items: int = 120
    again_share: float = 0.06
    near_share: float = 0.8
    near_median: float = 240.0
    near_sigma: float = 0.8
    far_median: float = 4 * 86400.0
    far_sigma: float = 1.2
    start_window: float = 700 * 86400.0
    french_every: int = 13


CONFIG = MarsConfig(process=ProgrammeConfig(n_items=120, n_programmes=4))


@dataclass(frozen=True)
class Views:
    """Views of a block of users in order of user and time.

    Args:
        histories: the users, and their items with repeats collapsed.
        user: position of each view's user in `histories.user_ids`, shape (N,).
        item: 0-based item, shape (N,).
        at: epoch second, shape (N,).
    """

    histories: Histories
    user: Ints
    item: Ints
    at: Ints

    def of_first_users(self, n_users: int) -> "Views":
        """Only the first users of the block."""
        n_views = int(np.searchsorted(self.user, n_users))
        is_kept = np.arange(len(self.histories.user_ids)) < n_users
        return Views(
            self.histories.of_users(is_kept),
            self.user[:n_views],
            self.item[:n_views],
            self.at[:n_views],
        )


def simulate(request: Request) -> Counts:
    """Write an English and a French file of ratings, and their truth."""
    config, size = CONFIG, request.size or DEFAULT_SIZE
    programmes = draw_programmes(config.process, request.chance(PROCESS))
    keys = [item_key(number) for number in range(config.process.n_items)]
    splits: frozenset[Split] = frozenset({"train", "val", "test"})
    blocks: list[Views] = []
    n_users = n_events = 0
    with (
        TruthWriter(request.truth, programmes, keys, EPISODES, splits) as truth,
        size.progress_bar("mars", request.show_progress) as bar,
    ):
        while not size.is_enough(n_users, n_events):
            chance = np.random.default_rng(request.chance(BLOCK, len(blocks)))
            drawn = _draw_views(config, programmes, chance, n_users)
            events = np.bincount(drawn.user)
            views = drawn.of_first_users(size.n_next(n_users, n_events, events))
            blocks.append(views)
            truth.add(views.histories.of_users(np.bincount(views.user) >= MIN_EVENTS))
            n_users += len(views.histories.user_ids)
            n_events += len(views.at)
            bar.update(size.reached(n_users, n_events) - bar.n)
        truth.finish(asdict(config))
    request.raw.mkdir()
    chance = np.random.default_rng(request.chance(RATINGS))
    english, french = _ratings(config, blocks, keys)
    write_english(request.raw / "explicit_ratings_en.csv", english, chance)
    if len(french.at):
        write_french(request.raw / "explicit_ratings_fr.csv", french, chance)
    return Counts(n_users, n_events, truth.n_pairs)


def user_key(number: int) -> str:
    """Digits of growing length."""
    return str(17 + 101 * number + (7 * number * number) % 101)


def item_key(number: int) -> str:
    """Digits of different lengths, so that byte-wise order is not numeric order."""
    return str(80 + 13 * number + (5 * number * number) % 13)


def _draw_views(
    config: MarsConfig,
    programmes: Programmes,
    chance: np.random.Generator,
    first_user: int,
) -> Views:
    n_users = config.block_users
    programme = chance.integers(0, config.process.n_programmes, n_users)
    n_items = np.minimum(1 / (1 - chance.random(n_users)), config.max_items)
    items = programmes.sample(chance, programme, n_items.astype(np.int64))
    sequences = Sequences.of_lengths(items, n_items.astype(np.int64))
    n_views = 1 + (chance.random(len(items)) < config.again_share)
    first_view = n_views.cumsum() - n_views
    user = np.repeat(sequences.number(), n_views)
    at = _draw_times(config, chance, user)
    users = range(first_user, first_user + n_users)
    histories = Histories(
        user_ids=[user_key(number) for number in users],
        programme=programme,
        sequences=sequences,
        user=np.arange(n_users),
        at=at[first_view],
    )
    return Views(histories, user, np.repeat(items, n_views), at)


def _draw_times(config: MarsConfig, chance: np.random.Generator, user: Ints) -> Ints:
    """Epoch second of each view, rising within a user, shape (N,)."""
    size = len(user)
    near = chance.lognormal(np.log(config.near_median), config.near_sigma, size)
    far = chance.lognormal(np.log(config.far_median), config.far_sigma, size)
    is_near = chance.random(size) < config.near_share
    gap = 1 + np.where(is_near, near, far).astype(np.int64)
    first = np.flatnonzero(np.diff(user, prepend=-1))
    gap[first] = chance.random(len(first)) * config.start_window
    elapsed = gap.cumsum()
    before = elapsed[first] - gap[first]
    return FIRST_SECOND + elapsed - before[user]


def _ratings(
    config: MarsConfig, blocks: list[Views], keys: list[str]
) -> tuple[Ratings, Ratings]:
    """The views of English and of French users, by time."""
    number = np.concatenate(
        [views.user + n * config.block_users for n, views in enumerate(blocks)]
    )
    at = np.concatenate([views.at for views in blocks])
    item = np.concatenate([views.item for views in blocks])
    is_french = number % config.french_every == 1
    by_time = np.argsort(at, kind="stable")
    users = np.array([user_key(n) for n in range(int(number.max()) + 1)], dtype=object)
    ratings = Ratings(users[number], np.array(keys, dtype=object)[item], at)
    return (
        ratings.take(by_time[~is_french[by_time]]),
        ratings.take(by_time[is_french[by_time]]),
    )
