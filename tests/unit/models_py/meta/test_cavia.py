"""CAVIA's batched, dual way against the algorithm as it reads; what moves a context."""

import dataclasses
from functools import partial

import pytest
import torch
from torch.nn import functional

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.fitting import Diverged
from models_py.meta.blocks import Blocks, cut_into_blocks
from models_py.meta.cavia import Cavia, CaviaConfig
from models_py.meta.tasks import Tasks, TrainTasks
from models_py.ragged import Ragged
from tests.unit.models_py.made_data import train_of
from tests.unit.models_py.meta.made_tasks import pairs_of, random_tasks
from tests.unit.models_py.meta.test_adaptation import (
    BASES,
    N_ITEMS,
    gradients_of,
    network_of,
)
from training.fit.loop import fit

CAP = 6


def cavia(base: str = "gru") -> Cavia:
    """A small one whose numbers all have steps of their own."""
    config = CaviaConfig(context_dim=3, inner_steps=3, dropout=0.0)
    model = Cavia(N_ITEMS, config, network=network_of(base)).double()
    torch.manual_seed(5)
    model.directions.data = torch.randn_like(model.directions)
    model.rates.data = 0.7 * torch.rand_like(model.rates)
    return model.eval()


def plain_loss(model: Cavia, tasks: Tasks) -> torch.Tensor:
    """Mean query loss, learner by learner, each step by a gradient of autograd."""
    pairs, network = tasks.pairs, model.network

    def states(row: int) -> torch.Tensor:
        """Behind each item of a pair's prefix, (L, D)."""
        prefix = pairs.prefixes.take(torch.tensor([row])).values
        return network.states(prefix[-CAP:][None] + 1)[0]

    def logits(states: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return network.output(states + context @ model.directions)

    losses = []
    for support, query in zip(
        tasks.support.tolist(), tasks.query.tolist(), strict=True
    ):
        # the last pair of a sequence tells of all before it, unless its prefix is cut
        told = [
            row
            for row, later in zip(support, [*support[1:], None], strict=True)
            if later is None
            or pairs.sequence[row] != pairs.sequence[later]
            or pairs.prefix_len[later] > CAP
        ]
        known = torch.cat([states(row) for row in told])
        labels = torch.cat(
            [
                torch.cat([pairs.prefixes.take(row).values[1:], pairs.label[row]])
                for row in torch.tensor(told)[:, None]
            ]
        )
        context = model.rates.new_zeros(3, requires_grad=True)
        for rate in model.rates:
            loss = functional.cross_entropy(logits(known, context), labels)
            (gradient,) = torch.autograd.grad(loss, context, create_graph=True)
            context = context - rate * gradient
        asked = torch.stack([states(row)[-1] for row in query])
        losses.append(
            functional.cross_entropy(
                logits(asked, context), pairs.label[query], reduction="none"
            )
        )
    return torch.cat(losses).mean()


@pytest.mark.parametrize("base", BASES)
def test_loss_and_meta_gradient_are_those_of_the_plain_loop(base):
    model, tasks = cavia(base), random_tasks(5, n_items=N_ITEMS, cap=CAP)
    loss = model.loss(model.lay_out(Blocks.of_tasks(tasks)))
    plain = plain_loss(model, tasks)
    torch.testing.assert_close(loss, plain, rtol=0, atol=1e-6)
    expected = gradients_of(model, plain)
    for name, gradient in gradients_of(model, loss).items():
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-6)
    assert float(expected["rates"].abs().max()) > 1e-3
    assert float(expected["directions"].abs().max()) > 1e-3


def test_nothing_but_a_learners_own_support_moves_the_context():
    """Neither other learners nor what the queries ask or how they end."""
    model, tasks = cavia(), random_tasks(6, n_items=N_ITEMS, cap=CAP)
    scores = model.score_tasks(tasks)
    one = torch.tensor([2])
    torch.testing.assert_close(model.score_tasks(tasks.take(one)), scores[one])
    blind = tasks.pairs.label.clone()
    blind[tasks.query] = (blind[tasks.query] + 1) % N_ITEMS
    pairs = dataclasses.replace(tasks.pairs, label=blind)
    torch.testing.assert_close(
        model.score_tasks(dataclasses.replace(tasks, pairs=pairs)), scores
    )
    first = dataclasses.replace(tasks, query=tasks.query[:, :1])
    torch.testing.assert_close(model.score_tasks(first), scores[:, :1])
    assert not torch.allclose(model.score_tasks(tasks.with_support(1)), scores)


def test_without_support_it_is_the_network():
    model, tasks = cavia(), random_tasks(4, n_items=N_ITEMS, cap=CAP)
    queries = Blocks.of_tasks(tasks).queries()
    plain = model.network.score(queries).unflatten(0, tasks.query.shape)
    torch.testing.assert_close(model.score(queries), plain.flatten(0, 1))
    torch.testing.assert_close(model.score_tasks(tasks.with_support(0)), plain)
    before, after = model.score_tasks_after(tasks, [0, 3])
    torch.testing.assert_close(before, plain)
    torch.testing.assert_close(after, model.score_tasks(tasks))


def test_blocks_of_every_size_are_scored_as_the_tasks_they_are():
    model, tasks = cavia(), random_tasks(3, n_items=N_ITEMS, cap=CAP)
    histories = Ragged.of_lengths(
        torch.cat([tasks.support, tasks.query], 1).flatten(), torch.full((3,), 7)
    )
    order = torch.Generator().manual_seed(1)
    blocks = cut_into_blocks(tasks.pairs, histories, 3, 4, order)
    together, n_seen = model.score_blocks(blocks), 0
    for number in range(len(blocks)):
        one = blocks.take(torch.tensor([number]))
        alone = Tasks(
            tasks.pairs, one.support.values[None], one.query.values[None], torch.ones(1)
        )
        size = alone.query.shape[1]
        expected = model.score_tasks(alone)[0]
        torch.testing.assert_close(together[n_seen : n_seen + size], expected)
        n_seen += size
    assert len(blocks) > 3


def of_two_tastes(n_users: int, seed: int) -> tuple[TrainTasks, Tasks]:
    """All begin with item 0; a learner goes on to 1 … 4, or to 5 … 8."""
    generator = torch.Generator().manual_seed(seed)
    taste = torch.randint(0, 2, (n_users, 1), generator=generator)
    items = 1 + 4 * taste + torch.randint(0, 4, (n_users, 7), generator=generator)
    sequences = [[0, int(item)] for item in items.flatten()]
    pairs, rows = pairs_of(sequences), torch.arange(len(sequences)).view(n_users, 7)
    tasks = Tasks(pairs, rows[:, :3], rows[:, 3:], torch.full((n_users,), 0.5))
    train = train_of(sequences, n_items=N_ITEMS)
    return TrainTasks(train, tasks, Ragged.from_lists(rows.tolist())), tasks


def test_it_learns_to_tell_tastes_by_the_support():
    """Without, eight items are alike; with it, the four of the learner's taste."""
    settings = OptimiserConfig(learning_rate=1e-2, epochs=12, batch_size=64)
    base = registry.CONFIGS["gru"](embedding_dim=8, hidden_dim=8)
    model = registry.create(
        "cavia",
        n_items=N_ITEMS,
        config=CaviaConfig(context_dim=4, optimiser=settings),
        network=registry.create("gru", n_items=N_ITEMS, config=base),
    )
    train, _ = of_two_tastes(100, seed=1)
    model.fit(train, partial(fit, settings=settings, validate=lambda: 0.0, seed=3))
    _, others = of_two_tastes(60, seed=2)

    def share_of_own_taste(tasks: Tasks) -> float:
        """Of the four best items."""
        own = (tasks.pairs.label[tasks.query] - 1) // 4
        best = model.score_tasks(tasks).topk(4).indices
        return float(((best - 1) // 4 == own[..., None]).float().mean())

    assert share_of_own_taste(others) > 0.95
    assert 0.3 < share_of_own_taste(others.with_support(0)) < 0.7


def test_scores_that_are_no_numbers_are_named():
    model = cavia()
    model.rates.data *= torch.inf
    with pytest.raises(Diverged, match=r"queries after step 3"):
        model.score_tasks(random_tasks(4, n_items=N_ITEMS, cap=CAP))
