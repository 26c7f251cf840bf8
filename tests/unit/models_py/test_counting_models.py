"""Random is fair and repeatable; Popularity counts labels."""

import pytest
import torch

from models_py import registry
from models_py.recommendation.markov import Markov, MarkovConfig
from models_py.recommendation.popularity import Popularity, PopularityConfig
from models_py.recommendation.random import Random, RandomConfig
from tests.unit.models_py.made_data import queries_of, train_of


def test_popularity_counts_admissible_labels_not_events():
    train = train_of(
        [[0, 1, 2], [0, 2, 1, 2], [3]],
        n_items=5,
        is_label=[[False, True, True], [False, True, False, True], [False]],
    )
    model = Popularity(5, PopularityConfig())
    model.fit(train, optimise=None)
    # item 0 opens sequences and 3 stands alone: neither is ever a label;
    # the second 1 is no admissible label
    assert model.score(queries_of([[4], [0]])).tolist() == [[0, 1, 3, 0, 0]] * 2


def test_markov_scores_followers_then_popularity():
    train = train_of(
        [[0, 1, 2], [0, 1], [0, 2, 1], [3, 0]],
        n_items=4,
        is_label=[
            [False, True, True],
            [False, True],
            [False, True, False],
            [False] * 2,
        ],
    )
    model = Markov(4, MarkovConfig(backoff=0.5))
    model.fit(train, optimise=None)
    # labels: 1 after 0 twice, 2 after 0 once, 2 after 1 once; nothing follows 3
    popular = [0, 0.5, 0.5, 0]
    after_0 = [0, (2 + 0.25) / 3.5, (1 + 0.25) / 3.5, 0]
    after_1 = [0, 0.25 / 1.5, (1 + 0.25) / 1.5, 0]
    scores = model.score(queries_of([[2, 0], [1], [3]]))
    torch.testing.assert_close(scores, torch.tensor([after_0, after_1, popular]))
    # the same of single steps, counted and not
    before, label = torch.tensor([0, 1, 1, 3]), torch.tensor([1, 2, 1, 2])
    expected = torch.tensor([after_0[1], after_1[2], after_1[1], popular[2]])
    torch.testing.assert_close(model.shares(before, label).float(), expected)


def test_random_scores_are_a_permutation():
    scores = Random(50, RandomConfig(seed=1)).score(queries_of([[3], [4, 4]]))
    assert scores.sort(dim=1).values.tolist() == [list(range(50))] * 2


def test_random_scores_depend_on_seed_and_prefix_alone():
    model = Random(50, RandomConfig(seed=1))
    first, again, zeros, more = model.score(
        queries_of([[3, 1], [3, 1], [3, 1, 0], [3, 1, 0, 0]], [1, 2, 3, 4])
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, zeros)
    assert not torch.equal(zeros, more)
    other = Random(50, RandomConfig(seed=2)).score(queries_of([[3, 1]]))[0]
    assert not torch.equal(first, other)


def test_random_ranks_every_item_alike():
    n_items, n_queries = 20, 4000
    prefixes = [[number // 64, number % 64] for number in range(n_queries)]
    scores = Random(n_items, RandomConfig()).score(queries_of(prefixes))
    # standard error of a mean of uniform ranks: sqrt((20² − 1) / 12 / 4000) = 0.09
    assert torch.allclose(scores.mean(0), torch.tensor(9.5), atol=0.5)


def test_registry_names_the_line_up_and_refuses_others():
    names = registry.names("recommendation")
    plain = ["random", "popularity", "markov", "session_knn", "gru", "sasrec"]
    assert names[:6] == plain
    assert names[-1] == "best"
    # a model is compared with those that read no support
    assert [name for name in names if registry.MODELS[name].is_baseline] == plain
    with pytest.raises(ValueError, match=r"'gro'.*random.*sasrec"):
        registry.create("gro", n_items=3)
