"""Session-KNN against values by hand and a slow reference in plain Python."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models_py.data import Queries, TrainSequences
from models_py.recommendation.session_knn import SessionKNN, SessionKNNConfig
from tests.unit.models_py.made_data import queries_of, train_of

N_ITEMS = 8


def fitted(train: TrainSequences, **settings) -> SessionKNN:
    model = SessionKNN(train.n_items, SessionKNNConfig(**settings))
    model.fit(train, optimise=None)
    return model


def reference_scores(
    train: TrainSequences, queries: Queries, config: SessionKNNConfig
) -> list[list[float]]:
    """V-SKNN as its description reads: one query and one session at a time."""
    items, last_at = {}, {}
    found = train.items.values.split(train.items.lengths.tolist())
    for row, name, at in zip(found, train.sequence, train.last_at, strict=True):
        items.setdefault(int(name), set()).update(row.tolist())
        last_at[int(name)] = max(last_at.get(int(name), int(at)), int(at))
    prefixes = queries.prefixes.values.split(queries.prefixes.lengths.tolist())
    return [
        reference_row(prefix.tolist(), own, items, last_at, config, train.n_items)
        for prefix, own in zip(prefixes, queries.sequence.tolist(), strict=True)
    ]


def reference_row(prefix, own, items, last_at, config, n_items) -> list[float]:
    weight = {}  # a repeated item has the weight of its last position
    for position, item in enumerate(prefix, start=1):
        weight[item] = Fraction(position, len(prefix))
    norm = sum(value**2 for value in weight.values())

    candidates = [n for n in items if n != own and items[n] & weight.keys()]
    candidates.sort(key=lambda name: (-last_at[name], name))
    similar = []
    for recency, name in enumerate(candidates[: config.sample_size]):
        overlap = sum(weight[item] for item in items[name] & weight.keys())
        similar.append((-(overlap**2) / (norm * len(items[name])), recency, name))

    scores = [0.0] * n_items
    for closeness, _, name in sorted(similar)[: config.n_neighbours]:
        steps = 1
        while prefix[-steps] not in items[name]:
            steps += 1
        for item in items[name]:
            n_with = sum(item in other for other in items.values())
            idf = math.log(len(items) / n_with)
            vote = math.sqrt(-closeness) / steps * (1 + config.idf_weight * idf)
            scores[item] += vote if config.reminds or item not in weight else 0.0
    return scores


@st.composite
def training_sets(draw) -> TrainSequences:
    row = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=6)
    items = draw(st.lists(row, min_size=1, max_size=14))
    n = len(items)
    # few names and few times: several rows of one sequence, and ties in time
    names = st.lists(st.integers(0, 9), min_size=n, max_size=n)
    times = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    return train_of(items, n_items=N_ITEMS, sequence=draw(names), last_at=draw(times))


@st.composite
def some_queries(draw) -> Queries:
    row = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=7)
    prefixes = draw(st.lists(row, min_size=1, max_size=5))
    n = len(prefixes)
    names = draw(st.lists(st.integers(-1, 9), min_size=n, max_size=n))
    return queries_of(prefixes, names)


@settings(max_examples=100, deadline=None)
@given(
    training_sets(),
    some_queries(),
    st.builds(
        SessionKNNConfig,
        sample_size=st.integers(1, 6),
        n_neighbours=st.integers(1, 4),
        idf_weight=st.sampled_from([0.0, 0.5, 1.0]),
        reminds=st.booleans(),
    ),
)
def test_scores_equal_the_slow_reference(train, queries, config):
    model = SessionKNN(N_ITEMS, config)
    model.fit(train, optimise=None)
    expected = torch.tensor(reference_scores(train, queries, config))
    torch.testing.assert_close(model.score(queries), expected, rtol=1e-5, atol=1e-6)


def test_what_is_left_open_is_offered_each_way():
    train = train_of([[0, 1], [1, 2], [3, 2]], n_items=5, last_at=[30, 20, 10])
    model, queries = fitted(train), queries_of([[0, 1], [2]])
    settings = {(each.idf_weight, each.reminds) for each in model.choices}
    assert settings == {(1.0, True), (1.0, False), (0.0, True), (0.0, False)}
    offered = model.score_choices(queries)
    for choice, scores in zip(model.choices, offered, strict=True):
        model.choose(choice)
        assert torch.equal(model.score(queries), scores)


def test_scores_by_hand():
    train = train_of([[0, 1], [1, 2], [3, 2]], n_items=5, last_at=[30, 20, 10])
    model = fitted(train, idf_weight=0.0)
    # query 0, 1: weights 1/2 and 1, norm sqrt(5)/2; the third session shares nothing
    near = (0.5 + 1) / (math.sqrt(5) / 2 * math.sqrt(2))  # session {0, 1}
    far = 1 / (math.sqrt(5) / 2 * math.sqrt(2))  # session {1, 2}
    expected = torch.tensor([[near, near + far, far, 0, 0]])
    torch.testing.assert_close(model.score(queries_of([[0, 1]])), expected)


def test_a_neighbour_that_shares_an_older_item_counts_less():
    train = train_of([[0, 4]], n_items=5)
    model = fitted(train, idf_weight=0.0)
    # the shared item is the first of three: 3 steps back, weight 1/3
    norm = math.sqrt(1 / 9 + 4 / 9 + 1)
    expected = (1 / 3) / (norm * math.sqrt(2)) / 3
    score = model.score(queries_of([[0, 2, 3]]))[0]
    torch.testing.assert_close(score, torch.tensor([expected, 0, 0, 0, expected]))


def test_idf_counts_sessions_not_rows_or_events():
    # item 1 is in one of two sessions, though in three rows of it
    train = train_of([[0, 1], [1, 0], [1, 1], [0]], n_items=2, sequence=[5, 5, 5, 6])
    scores = fitted(train, idf_weight=1.0).score(queries_of([[1]]))[0]
    similarity = 1 / math.sqrt(2)
    expected = [similarity, similarity * (1 + math.log(2))]
    torch.testing.assert_close(scores, torch.tensor(expected))


@pytest.mark.parametrize(("own", "expected"), [(7, 0.0), (8, 1.0), (-1, 1.0)])
def test_the_querys_own_session_is_no_neighbour(own, expected):
    model = fitted(train_of([[2]], n_items=4, sequence=[7]), idf_weight=0.0)
    assert model.score(queries_of([[2]], [own]))[0, 2].item() == expected


def test_only_the_most_recent_candidates_are_compared():
    train = train_of(
        [[0, 1], [0, 2], [0, 3]], n_items=4, sequence=[3, 2, 1], last_at=[10, 20, 20]
    )
    scores = fitted(train, sample_size=2).score(queries_of([[0], [0]], [-1, 1]))
    assert (scores[0] > 0).tolist() == [True, False, True, True]
    # its own session makes room for the next most recent one
    assert (scores[1] > 0).tolist() == [True, True, True, False]
    one = fitted(train, sample_size=1).score(queries_of([[0]]))[0]
    assert (one > 0).tolist() == [True, False, False, True]  # ties: smaller id first


def test_without_training_data_every_score_is_zero():
    empty = train_of([], n_items=3)
    scores = fitted(empty).score(queries_of([[0], [1, 2]]))
    assert scores.tolist() == [[0.0] * 3] * 2


def test_state_of_a_larger_vocabulary_is_refused():
    large = fitted(train_of([[5, 6]], n_items=7))
    with pytest.raises(ValueError, match="vocabulary of 3"):
        SessionKNN(3, SessionKNNConfig()).load_state_dict(large.state_dict())
