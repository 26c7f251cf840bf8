"""The process: its probabilities are distributions, and samples follow them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.simulate.courses.programme import ProgrammeConfig, draw_programmes

SMALL = ProgrammeConfig(
    n_items=9,
    n_programmes=3,
    membership=0.5,
    own_weights=(0.7, 0.3),
    n_shared=2,
    n_starts=2,
)


def draw(config: ProgrammeConfig, seed: int = 0):
    return draw_programmes(config, np.random.SeedSequence(seed))


@settings(max_examples=25, deadline=None)
@given(
    n_items=st.integers(8, 40),
    n_programmes=st.integers(1, 5),
    weight=st.floats(0.01, 0.99),
    floor=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
)
def test_probabilities_are_distributions(n_items, n_programmes, weight, floor, seed):
    config = replace(
        SMALL,
        n_items=n_items,
        n_programmes=n_programmes,
        programme_weight=weight,
        popularity_floor=floor,
    )
    programmes = draw(config, seed)
    steps = programmes.transition_probabilities()

    assert np.allclose(programmes.start_probabilities().sum(axis=1), 1)
    assert np.allclose(steps.sum(axis=2), 1)
    assert (np.diagonal(steps, axis1=1, axis2=2) == 0).all()
    off_diagonal = ~np.eye(n_items, dtype=bool)
    assert (steps[:, off_diagonal] > 0).all()


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), max_size=20),
    seed=st.integers(0, 2**32),
)
def test_no_item_follows_itself(lengths, seed):
    rng = np.random.default_rng(seed)
    programme = rng.integers(0, SMALL.n_programmes, len(lengths))
    items = draw(SMALL).sample(rng, programme, np.array(lengths, dtype=np.int64))

    assert len(items) == sum(lengths)
    begins = np.cumsum([0, *lengths])[:-1]
    is_inner = np.ones(len(items), dtype=bool)
    is_inner[begins] = False
    assert (items[is_inner] != items[np.flatnonzero(is_inner) - 1]).all()
    assert ((items >= 0) & (items < SMALL.n_items)).all()


def test_samples_follow_the_probabilities():
    programmes, n = draw(SMALL), 60_000
    rng = np.random.default_rng(1)
    programme = np.arange(n) % SMALL.n_programmes
    items = programmes.sample(rng, programme, np.full(n, 2)).reshape(n, 2)

    for z in range(SMALL.n_programmes):
        first, following = items[programme == z].T
        share = np.bincount(first, minlength=SMALL.n_items) / len(first)
        expected = programmes.start_probabilities()[z]
        assert np.abs(share - expected).max() < 0.02
        for last in np.flatnonzero(np.bincount(first) > 1500):
            seen = following[first == last]
            share = np.bincount(seen, minlength=SMALL.n_items) / len(seen)
            expected = programmes.transition_probabilities()[z, last]
            assert np.abs(share - expected).max() < 5 * 0.5 / np.sqrt(len(seen))


def test_a_programme_keeps_to_its_members():
    programmes = draw(SMALL)
    n_members = round(SMALL.membership * SMALL.n_items)
    for z in range(SMALL.n_programmes):
        assert len(np.unique(programmes.own[z])) <= n_members
        assert len(np.unique(programmes.starts[z])) == SMALL.n_starts


def test_popularity_is_zipf():
    config = replace(SMALL, zipf_exponent=1.0, zipf_shift=0.0)
    descending = np.sort(draw(config).popularity)[::-1]
    assert descending[0] / descending[2] == pytest.approx(3)


def test_same_seed_same_process():
    one, same, other = draw(SMALL, 5), draw(SMALL, 5), draw(SMALL, 6)
    assert np.array_equal(one.own, same.own)
    assert np.array_equal(one.popularity, same.popularity)
    assert not np.array_equal(one.own, other.own)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"own_weights": (0.5, 0.4)}, "own_weights"),
        ({"popularity_floor": 0.0}, "popularity_floor"),
        ({"programme_weight": 1.0}, "programme_weight"),
        ({"n_items": 4}, "4 items"),
        ({"n_starts": 7}, "at least 7"),
    ],
)
def test_settings_out_of_range_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        draw(replace(SMALL, **change))
