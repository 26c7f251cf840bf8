"""Next items that follow a known mixture of study programmes.

Each user has a latent programme, a part of the catalogue. The next item given the
last one comes, with weight lambda, from the items of that part which are most
related to the last one, else from successors that all programmes share, with a
floor of plain popularity under them:

    P(next | last, z) = lambda * Own(next | last, z)
                      + (1 - lambda) * ((1 - f) * Shared(next | last)
                                        + f * popularity(next | next != last))

Programmes overlap, so a short prefix tells only a part of a user's programme, and
what the user did in earlier sessions is worth knowing. Given the programme, items
form a first-order Markov chain; not knowing it, they form a hidden Markov model
whose state never changes (Rabiner 1989, doi:10.1109/5.18626). Its Bayes filter is
in `training.simulate.courses.bayes`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.simulate.arrays import Floats, Ints


@dataclass(frozen=True)
class ProgrammeConfig:
    """How a process is drawn.

    Args:
        n_items: size of the catalogue.
        n_programmes: latent programmes, equally likely beforehand.
        membership: share of the catalogue in a programme.
        own_weights: share of each of the programme's successors of an item.
        n_shared: successors of an item that all programmes share.
        programme_weight: lambda, the share of steps that follow the programme.
        popularity_floor: share of the other steps that follow popularity alone;
            above 0, so that every step is possible under every programme.
        n_starts: items in a programme's list of first items.
        start_weight: share of sequences that begin in the programme's list; the
            others begin anywhere, by popularity.
        zipf_exponent, zipf_shift: popularity of the item of rank r is
            proportional to (r + shift) ** -exponent.
        latent_size: items lie on a sphere of that dimension; an item is related
            to those near its own turned position, which is not symmetric: A may
            lead to B and B elsewhere.
        latent_weight, popularity_weight, noise_weight: what being related is
            made of: the latent product, log popularity, Gumbel noise.
    """

    n_items: int
    n_programmes: int = 8
    membership: float = 0.22
    own_weights: tuple[float, ...] = (0.42, 0.24, 0.15, 0.11, 0.08)
    n_shared: int = 4
    programme_weight: float = 0.75
    popularity_floor: float = 0.4
    n_starts: int = 12
    start_weight: float = 0.3
    zipf_exponent: float = 1.0
    zipf_shift: float = 10.0
    latent_size: int = 3
    latent_weight: float = 10.0
    popularity_weight: float = 0.5
    noise_weight: float = 0.2


@dataclass(frozen=True)
class Programmes:
    """The known process of C items and Z programmes.

    Args:
        config: what it was drawn with.
        popularity: shape (C,), sums to 1.
        own: a programme's successors of each item, in order of
            `config.own_weights`, never the item itself, shape (Z, C, S).
        shared: successors of each item under any programme, equally likely,
            never the item itself, shape (C, G).
        starts: a programme's first items, equally likely, shape (Z, A).
    """

    config: ProgrammeConfig
    popularity: Floats
    own: Ints
    shared: Ints
    starts: Ints

    def start_probabilities(self) -> Floats:
        """P(first item | programme), shape (Z, C)."""
        config = self.config
        probabilities = np.tile(
            (1 - config.start_weight) * self.popularity, (config.n_programmes, 1)
        )
        rows = np.arange(config.n_programmes)[:, None]
        probabilities[rows, self.starts] += config.start_weight / config.n_starts
        return probabilities

    def transition_probabilities(self) -> Floats:
        """P(next | last, programme), zero on the diagonal, shape (Z, C, C)."""
        config = self.config
        items = np.arange(config.n_items)
        other = self.popularity / (1 - self.popularity)[:, None]  # (C, C)
        other *= config.popularity_floor
        other[items, items] = 0
        other[items[:, None], self.shared] += (
            1 - config.popularity_floor
        ) / config.n_shared
        other *= 1 - config.programme_weight
        probabilities = np.tile(other, (config.n_programmes, 1, 1))
        rows = np.arange(config.n_programmes)[:, None]
        for rank, weight in enumerate(config.own_weights):
            probabilities[rows, items, self.own[..., rank]] += (
                config.programme_weight * weight
            )
        return probabilities

    def sample(self, rng: np.random.Generator, programme: Ints, length: Ints) -> Ints:
        """Draw one sequence a row, all rows step by step together.

        Args:
            rng: source of chance; the same state gives the same items.
            programme: programme of each sequence, shape (R,).
            length: items of each sequence, at least 1, shape (R,).
        Returns:
            Item ids, sequences one after the other, shape (sum of length,); an
            item always differs from the one before it.
        """
        return walked(
            length,
            lambda _: self.first(rng, programme),
            lambda rows, _, last: self.following(rng, programme[rows], last),
        )

    def first(self, rng: np.random.Generator, programme: Ints) -> Ints:
        """The first item of each sequence, shape of `programme`."""
        size, config = len(programme), self.config
        own = self.starts[programme, rng.integers(0, config.n_starts, size)]
        anywhere = self._popular(rng.random(size))
        return np.where(rng.random(size) < config.start_weight, own, anywhere)

    def following(self, rng: np.random.Generator, programme: Ints, last: Ints) -> Ints:
        """The item after each last one, shape of `last`."""
        size, config = len(last), self.config
        upper = np.cumsum(config.own_weights)[:-1]
        rank = np.searchsorted(upper, rng.random(size), side="right")
        own = self.own[programme, last, rank]
        shared = self.shared[last, rng.integers(0, config.n_shared, size)]
        popular = self._popular_but(rng.random(size), last)
        is_floor = rng.random(size) < config.popularity_floor
        is_own = rng.random(size) < config.programme_weight
        return np.where(is_own, own, np.where(is_floor, popular, shared))

    def _popular(self, uniform: Floats) -> Ints:
        found = np.searchsorted(self.popularity.cumsum(), uniform, side="right")
        return np.minimum(found, self.config.n_items - 1)

    def _popular_but(self, uniform: Floats, excluded: Ints) -> Ints:
        """By popularity among the others: one slice of [0, 1) is stepped over."""
        share = self.popularity[excluded]
        position = uniform * (1 - share)
        is_behind = position >= self.popularity.cumsum()[excluded] - share
        found = self._popular(np.where(is_behind, position + share, position))
        # rounding at the edges of the slice can still find the excluded item
        next_to_it = (found + 1) % self.config.n_items
        return np.where(found == excluded, next_to_it, found)


def walked(
    length: Ints,
    first: Callable[[Ints], Ints],
    following: Callable[[Ints, Ints, Ints], Ints],
) -> Ints:
    """Sequences drawn step by step, all rows together, one after the other.

    Args:
        length: items of each sequence, at least 1, shape (R,).
        first: from the places of the first items to the items.
        following: from some rows, the places of their next items and their last items
            to the next items.
    """
    begins = length.cumsum() - length
    drawn = np.empty(int(length.sum()), dtype=np.int64)
    drawn[begins] = first(begins)
    longest_first = np.argsort(-length, kind="stable")
    n_longer = len(length) - np.bincount(length).cumsum()  # [t]: length above t
    for step in range(1, len(n_longer) - 1):
        rows = longest_first[: n_longer[step]]
        at = begins[rows] + step
        drawn[at] = following(rows, at, drawn[at - 1])
    return drawn


def draw_programmes(
    config: ProgrammeConfig,
    seed: np.random.SeedSequence,
    absent: Ints | None = None,
) -> Programmes:
    """Draw a process; the same configuration and seed give the same one.

    Args:
        absent: items that the process never leads to.
    Raises:
        ValueError: a setting out of its range, or too few items.
    """
    _check(config)
    rng = np.random.default_rng(seed)
    ranks = np.arange(1, config.n_items + 1, dtype=np.float64)
    popularity = (ranks + config.zipf_shift) ** -config.zipf_exponent
    popularity = rng.permutation(popularity / popularity.sum())
    related = _draw_related(rng, config, popularity)
    mixed = [rng.permutation(config.n_items) for _ in range(config.n_programmes)]
    if absent is not None:
        popularity[absent] = 0.0
        popularity /= popularity.sum()
        is_last = np.isin(related, absent).argsort(axis=1, kind="stable")
        related = np.take_along_axis(related, is_last, axis=1)
        mixed = [row[~np.isin(row, absent)] for row in mixed]
    members = np.stack([row[: _n_members(config)] for row in mixed])  # (Z, M)
    n_own = len(config.own_weights)
    return Programmes(
        config=config,
        popularity=popularity,
        own=np.stack([_most_related(related, row, n_own) for row in members]),
        shared=related[:, : config.n_shared],
        starts=members[:, : config.n_starts],
    )


def _draw_related(
    rng: np.random.Generator, config: ProgrammeConfig, popularity: Floats
) -> Ints:
    """All other items in the order in which they are related, shape (C, C - 1)."""
    size = config.latent_size
    position = rng.normal(size=(config.n_items, size))
    position /= np.linalg.norm(position, axis=1, keepdims=True)
    turn, _ = np.linalg.qr(rng.normal(size=(size, size)))
    related = (
        config.latent_weight * (position @ turn) @ position.T
        + config.popularity_weight * np.log(popularity)
        + config.noise_weight * rng.gumbel(size=(config.n_items, config.n_items))
    )
    np.fill_diagonal(related, -np.inf)
    return np.argsort(-related, axis=1, kind="stable")[:, :-1]


def _most_related(related: Ints, members: Ints, n_own: int) -> Ints:
    """The first related items of each item that are members, shape (C, n_own)."""
    is_member = np.isin(related, members)
    first = np.argsort(~is_member, axis=1, kind="stable")[:, :n_own]
    return np.take_along_axis(related, first, axis=1)


def _n_members(config: ProgrammeConfig) -> int:
    return round(config.membership * config.n_items)


def _check(config: ProgrammeConfig) -> None:
    # one member more than successors: no item follows itself
    needed = max(len(config.own_weights) + 1, config.n_starts)
    if _n_members(config) < needed or config.n_items <= config.n_shared:
        raise ValueError(
            f"{config.n_items} items give programmes of {_n_members(config)} items; "
            f"at least {needed} are needed"
        )
    if not np.isclose(sum(config.own_weights), 1):
        raise ValueError("own_weights must sum to 1")
    for name in ("membership", "programme_weight", "popularity_floor", "start_weight"):
        if not 0 < getattr(config, name) < 1:
            raise ValueError(f"{name} must lie strictly between 0 and 1")
