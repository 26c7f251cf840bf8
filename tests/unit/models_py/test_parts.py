"""Batches dealt out: gradients of parts add up to the whole batch's, noise and all."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models_py import registry
from models_py.config import OptimiserConfig
from models_py.parts import Dropout, Part, Span, drawn_like, noise_of
from models_py.seeding import seeded
from tests.unit.causal.made_trials import simulated
from tests.unit.models_py.made_answers import N_ITEMS, N_SKILLS, responses_of
from tests.unit.models_py.made_data import random_walks
from tests.unit.models_py.meta.made_tasks import either_way
from training.fit.processes import Team

SETTINGS = OptimiserConfig(batch_size=16, min_steps=1)
MANY = 40  # more processes than a batch has rows


@given(st.integers(0, 50), st.integers(1, 9))
def test_parts_hold_everything_once_and_differ_by_one_at_most(n, of):
    slices = [Part(number, of).slice(n) for number in range(of)]
    things = list(range(n))
    assert [x for own in slices for x in things[own]] == things
    sizes = [own.stop - own.start for own in slices]
    assert max(sizes) - min(sizes) <= 1


# --- noise --------------------------------------------------------------------


def test_dropout_is_torchs_where_nothing_is_dealt_out():
    x = torch.randn(7, 5, 3)
    ours, theirs = Dropout(0.3), nn.Dropout(0.3)
    with seeded(4):
        expected = theirs(x)
    with seeded(4):
        assert torch.equal(ours(x), expected)
    ours.eval()
    assert torch.equal(ours(x), x)


@given(st.integers(1, 9), st.integers(1, 4))
def test_parts_have_the_noise_of_the_whole(n_rows, of):
    whole = torch.arange(3.0 * n_rows).view(n_rows, 3)

    def drawn(own: slice) -> torch.Tensor:
        with seeded(1), noise_of({"rows": Span(own.start, n_rows)}):
            drawn_like(whole[own], "rows", torch.Tensor.uniform_)
            return drawn_like(whole[own], "rows", torch.Tensor.uniform_)

    parts = [drawn(Part(number, of).slice(n_rows)) for number in range(of)]
    assert torch.equal(torch.cat(parts), drawn(slice(0, n_rows)))
    assert len(torch.cat(parts).unique()) == 3 * n_rows


# --- gradients ----------------------------------------------------------------


def answers(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randint(0, 11, (9, 12), generator=generator).tolist()
    return responses_of(
        [[(n, 60, n % 2 == 0) for n in row[: 3 + u]] for u, row in enumerate(numbers)]
    )


def network_and_data(name: str):
    """A model that is fitted by the loop, and what it is fitted to."""
    entry = registry.MODELS[name]
    if entry.family == "tracing":
        model = registry.create(name, n_items=N_ITEMS, n_skills=N_SKILLS)
        return model, answers()
    if entry.family == "causal":
        trials = simulated(40).trials
        return registry.create(name, n_items=trials.n_items), trials
    if entry.wraps:
        base = registry.create("gru", n_items=9)
        model = registry.create(name, n_items=9, network=base)
        return model, either_way(6, 9, seed=0)[0].episodes
    if entry.adapts:
        return registry.create(name, n_items=9).networks, either_way(6, 9, seed=0)[0]
    return registry.create(name, n_items=12), random_walks(12, 30)


FITTED = (
    *("gru", "sasrec", "sakt", "wd_irt", "causal_transformer"),
    *("maml", "fomaml_adaptive", "meta_sgd", "anil_warm", "best"),
)


def gradient_of(model: nn.Module, batch, team: Team) -> torch.Tensor:
    """The process's part of the batch's loss and gradient, as it stands in the loop."""
    model.zero_grad()
    own = team.own(batch)
    with seeded(3), noise_of(own.spans):
        loss = own.share * model.loss(own.batch)
    loss.backward()
    grads = [
        torch.zeros_like(w) if w.grad is None else w.grad for w in model.parameters()
    ]
    return torch.cat([loss.detach().view(1), *(grad.flatten() for grad in grads)])


@pytest.mark.parametrize("of", [2, 3, MANY])
@pytest.mark.parametrize("name", FITTED)
def test_gradients_of_parts_add_up_to_the_whole_batchs(name, of):
    model, train = network_and_data(name)
    model.train()
    batches = model.batches(train, SETTINGS, torch.Generator().manual_seed(2))
    for _, batch in zip(range(2), batches, strict=False):
        whole = gradient_of(model, batch, Team())
        parts = [gradient_of(model, batch, Team(number, of)) for number in range(of)]
        assert whole.abs().max() > 0
        torch.testing.assert_close(sum(parts), whole, atol=1e-5, rtol=1e-4)


def test_every_model_that_is_fitted_by_the_loop_is_tried():
    kinds = {type(network_and_data(name)[0]) for name in FITTED}
    found = set()
    for name in registry.MODELS:
        model, _ = network_and_data(name)
        if isinstance(model, nn.Module) and hasattr(model, "batches"):
            found.add(type(model))
    assert found == kinds
