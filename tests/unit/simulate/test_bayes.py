"""The filter against brute force: every programme and every hidden item, one by one."""

from itertools import pairwise, product

import numpy as np
import pytest

from training.simulate.courses.bayes import BayesFilter, Prediction, Sequences
from training.simulate.courses.programme import ProgrammeConfig, draw_programmes

CONFIG = ProgrammeConfig(
    n_items=12,
    n_programmes=3,
    membership=0.4,
    own_weights=(0.7, 0.3),
    n_shared=2,
    n_starts=2,
)
PROGRAMMES = draw_programmes(CONFIG, np.random.SeedSequence(3))
START = PROGRAMMES.start_probabilities()
STEP = PROGRAMMES.transition_probabilities()
FILTER = BayesFilter(PROGRAMMES)


def draw_sequences(lengths: list[int], seed: int = 0) -> Sequences:
    rng = np.random.default_rng(seed)
    programme = rng.integers(0, CONFIG.n_programmes, len(lengths))
    lengths = np.array(lengths)
    return Sequences.of_lengths(PROGRAMMES.sample(rng, programme, lengths), lengths)


def likelihood(items: list[int], z: int) -> float:
    value = START[z, items[0]]
    for last, following in pairwise(items):
        value *= STEP[z, last, following]
    return value


def enumerated(prefix: list[int], n_cut: int) -> np.ndarray:
    """P(next | visible prefix), summed over all items that were cut away."""
    joint = np.zeros(CONFIG.n_items)
    for z in range(CONFIG.n_programmes):
        for hidden in product(range(CONFIG.n_items), repeat=n_cut):
            joint += likelihood([*hidden, *prefix], z) * STEP[z, prefix[-1]]
    return joint / joint.sum()


@pytest.mark.parametrize("max_prefix", [50, 2])
def test_prediction_equals_enumeration(max_prefix):
    sequences = draw_sequences([4, 1, 3, 5])
    at = np.flatnonzero(sequences.position() > 0)
    items = sequences.items
    evidence = FILTER.prefix_evidence(sequences, at, max_prefix)
    found = FILTER.predict(evidence, items[at - 1], items[at])

    for row, label_at in enumerate(at):
        place = sequences.position()[label_at]
        n_cut = max(place - max_prefix, 0)
        prefix = items[label_at - place + n_cut : label_at].tolist()
        expected = enumerated(prefix, n_cut)
        best = sorted(expected, reverse=True)
        label_p = expected[items[label_at]]
        assert expected[prefix[-1]] == 0
        assert found.accuracy_at_1[row] == pytest.approx(best[0])
        assert found.recall_at_10[row] == pytest.approx(sum(best[:10]))
        assert found.reciprocal_rank[row] == pytest.approx(
            sum(p / rank for rank, p in enumerate(best, start=1))
        )
        assert found.rank[row] == sum(p >= label_p - 1e-15 for p in expected)


def test_support_counts_other_sequences_once():
    sequences = draw_sequences([3, 3, 4])
    # pairs of the first two sequences and the third's first support three queries
    support, query = np.array([[1, 2, 4, 5, 7]]), np.array([[8, 9]])
    told = FILTER.support_evidence(sequences, support, query)
    items = sequences.items.tolist()
    expected = [
        np.log(likelihood(items[0:3], z) * likelihood(items[3:6], z))
        for z in range(CONFIG.n_programmes)
    ]
    assert told.shape == (1, 2, CONFIG.n_programmes)
    assert np.allclose(told[0, 0], expected)
    assert np.allclose(told[0, 1], expected)


def test_support_stops_at_its_last_label():
    sequences = draw_sequences([5, 3])
    told = FILTER.support_evidence(sequences, np.array([[1, 2]]), np.array([[6]]))
    items = sequences.items[:3].tolist()  # the items behind it are not known
    expected = [np.log(likelihood(items, z)) for z in range(CONFIG.n_programmes)]
    assert np.allclose(told[0, 0], expected)


def test_long_prefixes_use_the_settled_marginal():
    sequences = draw_sequences([400, 2])
    at = np.array([60, 399, 401])
    evidence = FILTER.prefix_evidence(sequences, at, 50)
    for row, label_at in enumerate(at[:2]):
        visible = sequences.items[label_at - 50 : label_at]
        for z in range(CONFIG.n_programmes):
            first = START[z] @ np.linalg.matrix_power(STEP[z], label_at - 50)
            steps = np.log(STEP[z, visible[:-1], visible[1:]]).sum()
            expected = np.log(first[visible[0]]) + steps
            assert evidence[row, z] == pytest.approx(expected)


def test_expected_values_are_what_happens():
    """Calibration: over many queries, ranks come out as the filter expects."""
    sequences = draw_sequences([5] * 4000, seed=1)
    at = np.flatnonzero(sequences.position() > 0)
    items = sequences.items
    evidence = FILTER.prefix_evidence(sequences, at, 50)
    found = FILTER.predict(evidence, items[at - 1], items[at])
    tolerance = 4 * 0.5 / np.sqrt(len(at))
    for expected, happened in (
        (found.accuracy_at_1, found.rank <= 1),
        (found.recall_at_10, found.rank <= 10),
        (found.reciprocal_rank, 1 / found.rank),
    ):
        assert abs(expected.mean() - happened.mean()) < tolerance


def test_no_queries():
    none = np.zeros(0, dtype=np.int64)
    found = FILTER.predict(np.zeros((0, CONFIG.n_programmes)), none, none)
    joined = Prediction.joined([found, Prediction.empty(2)])
    assert len(found.rank) == 0
    assert len(joined.rank) == 2
    assert joined.rank.dtype == np.int64
