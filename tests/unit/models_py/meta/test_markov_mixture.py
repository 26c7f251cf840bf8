"""A mixture of Markov chains against its formula as it reads, and kinds it finds."""

from collections import Counter
from itertools import pairwise

import pytest
import torch

from models_py.data import TrainSequences
from models_py.meta.blocks import Blocks
from models_py.meta.markov_mixture import MarkovMixture, MarkovMixtureConfig
from models_py.meta.tasks import Tasks, TrainTasks
from models_py.ragged import Ragged
from tests.unit.models_py.made_data import queries_of, train_of
from tests.unit.models_py.meta.made_tasks import either_way, pairs_of, random_tasks

N_ITEMS = 9


def unused(model: object, train: object) -> None:
    raise AssertionError("it has nothing to fit by steps")


def learners(sequences: list[list[list[int]]], n_items: int) -> TrainTasks:
    """Train users by the sequences of each."""
    whole = [items for own in sequences for items in own]
    n_pairs = [sum(len(items) - 1 for items in own) for own in sequences]
    pairs = pairs_of(whole)
    rows = torch.arange(sum(n_pairs))
    nothing = torch.zeros(0, 1, dtype=torch.int64)
    train: TrainSequences = train_of(whole, n_items=n_items)
    return TrainTasks(
        train,
        Tasks(pairs, nothing, nothing, torch.zeros(0)),
        Ragged.of_lengths(rows, torch.tensor(n_pairs)),
    )


def fitted(train: TrainTasks, **settings: object) -> MarkovMixture:
    model = MarkovMixture(N_ITEMS, MarkovMixtureConfig(**settings))
    model.fit(train, unused)
    return model


def as_it_reads(model: MarkovMixture, tasks: Tasks) -> torch.Tensor:
    """Probabilities of every query, item by item and kind by kind, (T, Q, n_items)."""
    markov, config, pairs = model.markov, model.config, tasks.pairs
    n_kinds, own, b = config.n_kinds, config.own_share, config.backoff
    steps = list(zip(markov.before.tolist(), markov.label.tolist(), strict=True))
    counts = dict(zip(steps, markov.count.tolist(), strict=True))
    by_kind = dict(zip(steps, model.by_kind.tolist(), strict=True))
    n_all = sum(counts.values())

    def probability(z: int, j: int, i: int) -> float:
        popular = sum(n for (_, to), n in counts.items() if to == i) / n_all
        followed = sum(n for (of, _), n in counts.items() if of == j)
        everyone = (counts.get((j, i), 0) + popular) / (followed + 1)
        asked = sum(n[z] for (_, to), n in by_kind.items() if to == i)
        in_all = sum(n[z] for n in by_kind.values())
        liked = (asked + b * popular) / (in_all + b)
        counted = by_kind.get((j, i), [0.0] * n_kinds)[z]
        n_from = sum(n[z] for (of, _), n in by_kind.items() if of == j)
        prior = (1 - own) * everyone + own * liked
        return (counted + b * prior) / (n_from + b)

    def told(items: list[int]) -> torch.Tensor:
        odds = torch.ones(n_kinds, dtype=torch.float64)
        for j, i in pairwise(items):
            odds *= torch.tensor([probability(z, j, i) for z in range(n_kinds)])
        return odds

    def prefix(row: int) -> list[int]:
        return pairs.prefixes.take(torch.tensor([row])).values.tolist()

    found = torch.zeros(*tasks.query.shape, N_ITEMS)
    for t, (support, query) in enumerate(
        zip(tasks.support.tolist(), tasks.query.tolist(), strict=True)
    ):
        # the last pair of a sequence tells of all before it
        last = {int(pairs.sequence[row]): row for row in support}
        for q, row in enumerate(query):
            odds = model.kinds * told(prefix(row))
            for sequence, known in last.items():
                if sequence != int(pairs.sequence[row]):
                    odds = odds * told([*prefix(known), int(pairs.label[known])])
            odds = odds / odds.sum()
            for i in range(N_ITEMS):
                each = [probability(z, prefix(row)[-1], i) for z in range(n_kinds)]
                found[t, q, i] = float(odds @ torch.tensor(each, dtype=odds.dtype))
    return found


def test_probabilities_are_those_of_the_formula():
    """Also where a query continues a sequence that is known, which counts once."""
    model = fitted(either_way(12, N_ITEMS, seed=1)[0], n_kinds=3, backoff=2.0)
    whole = [[0, 1, 2, 3, 2], [4, 3, 2], [5, 6, 7, 8], [1, 8]]
    # rows 0 to 3 are of the first sequence, 4 and 5, 6 to 8, 9 of the others
    support, query = (
        torch.tensor([[0, 1, 4], [6, 7, 9]]),
        torch.tensor([[3, 5], [8, 2]]),
    )
    made = Tasks(pairs_of(whole), support, query, torch.zeros(2))
    for tasks in (made, random_tasks(4), random_tasks(2, k=0)):
        found = model.score_tasks(tasks)
        torch.testing.assert_close(found, as_it_reads(model, tasks))
        # a popularity is of what was asked, and here all items were
        torch.testing.assert_close(found.sum(-1), torch.ones(tasks.query.shape))


def test_who_is_of_which_kind_is_read_off_the_support():
    """Learners walk round a circle, each one way; a first item leaves it open."""
    model = fitted(either_way(150, N_ITEMS, seed=1)[0], n_kinds=2)
    _, others = either_way(60, N_ITEMS, seed=2)
    labels = others.pairs.label[others.query]

    def hit_rate(tasks: Tasks) -> float:
        return float((model.score_tasks(tasks).argmax(-1) == labels).float().mean())

    assert hit_rate(others) > 0.95
    assert 0.35 < hit_rate(others.with_support(0)) < 0.65
    # half the learners each
    torch.testing.assert_close(model.kinds.sum(), torch.tensor(1.0).double())
    assert 0.35 < float(model.kinds.min()) <= 0.5


def test_of_one_kind_are_all_learners():
    """By hand: 0 was followed by 1 twice and by 2 once; 1 is two thirds of labels."""
    model = fitted(
        learners([[[0, 1], [0, 2]], [[0, 1]]], N_ITEMS), n_kinds=1, backoff=3.0
    )
    (found,) = model.score(queries_of([[0]]))
    prior = 0.3 * (2 + 2 / 3) / (3 + 1) + 0.7 * 2 / 3
    torch.testing.assert_close(float(found[1]), (2 + 3 * prior) / (3 + 3))
    assert found[3:].eq(0).all()  # nobody was ever asked for them


def test_every_step_counts_for_the_kinds_as_a_whole():
    model = fitted(either_way(20, N_ITEMS, seed=3)[0], n_kinds=4)
    counted = Counter(
        zip(
            *map(torch.Tensor.tolist, (model.markov.before, model.markov.label)),
            strict=True,
        )
    )
    assert len(counted) == len(model.by_kind)
    torch.testing.assert_close(
        model.by_kind.sum(1), model.markov.count.double(), atol=1e-4, rtol=1e-5
    )


def test_what_nobody_did_in_training_still_gets_a_probability():
    """An item that nothing followed, and a step that was never seen."""
    model = fitted(learners([[[0, 1, 2]], [[2, 1, 0]]], N_ITEMS), n_kinds=2)
    pairs = pairs_of([[7, 8], [7, 1]])
    tasks = Tasks(pairs, torch.tensor([[0]]), torch.tensor([[1]]), torch.zeros(1))
    found = model.score_blocks(Blocks.of_tasks(tasks))
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(), torch.tensor(1.0))


def test_a_backoff_too_small_to_divide_by_is_refused():
    with pytest.raises(ValueError, match="backoff must be 1e-9 or more"):
        MarkovMixtureConfig(backoff=1e-310)
