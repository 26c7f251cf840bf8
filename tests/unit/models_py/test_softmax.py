"""The fast cross-entropy is the plain one; the sampled one is it on average."""

import pytest
import torch
from torch.nn import functional

from models_py.recommendation.output import SharedOutput
from models_py.recommendation.softmax import (
    Negatives,
    full_cross_entropy,
    sampled_cross_entropy,
)


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_value_and_gradients_equal_torch(scale):
    generator = torch.Generator().manual_seed(0)
    output = torch.nn.Linear(5, 11)
    targets = torch.randint(0, 11, (7,), generator=generator)
    found, expected = [], []
    for results, loss_of in (
        (found, lambda states: full_cross_entropy(states, output, targets)),
        (expected, lambda s: functional.cross_entropy(output(s), targets)),
    ):
        # large logits: exp would overflow without the shift by the highest
        states = torch.linspace(-scale, scale, 35).reshape(7, 5).requires_grad_()
        loss = loss_of(states) * 3
        inputs = (states, output.weight, output.bias)
        results += [loss, *torch.autograd.grad(loss, inputs)]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_nan_is_passed_on():
    loss = full_cross_entropy(
        torch.full((2, 3), torch.nan), torch.nn.Linear(3, 4), torch.tensor([0, 1])
    )
    assert loss.isnan()


def test_negatives_are_drawn_half_evenly_and_half_by_popularity():
    labels = torch.tensor([0, 0, 0, 1])
    torch.manual_seed(0)
    negatives = Negatives(labels, n_items=4, n_drawn=40_000)
    share = torch.bincount(negatives.draw(), minlength=4) / 40_000
    expected = torch.tensor([0.125 + 0.375, 0.125 + 0.125, 0.125, 0.125])
    torch.testing.assert_close(share, expected, atol=0.01, rtol=0)
    torch.testing.assert_close(negatives.log_expected.exp() / 40_000, expected)


def test_with_many_draws_sampled_loss_and_gradients_are_the_full_ones():
    torch.manual_seed(0)
    table = torch.nn.Embedding(31, 6)
    output = SharedOutput(table, 30)
    output.bias.data = torch.randn(30)
    states, targets = torch.randn(9, 6), torch.randint(0, 30, (9,))
    # skewed: without the correction the frequent items would count twenty times
    labels = torch.tensor([0] * 200 + [1] * 50 + list(range(30)))
    negatives = Negatives(labels, 30, n_drawn=200_000)
    weights = (table.weight, output.bias)
    full = functional.cross_entropy(output(states), targets)
    sampled = sampled_cross_entropy(states, output, targets, negatives)
    torch.testing.assert_close(sampled, full, rtol=5e-3, atol=0)
    for ours, theirs in zip(
        torch.autograd.grad(sampled, weights),
        torch.autograd.grad(full, weights),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=5e-3)


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_sampled_value_and_gradients_are_those_of_its_formula(scale):
    """-log of the target's exp(s) among it and the drawn others, each over n q."""
    torch.manual_seed(0)
    table = torch.nn.Embedding(12, 5).double()  # at 300 single precision is too coarse
    output = SharedOutput(table, 11)
    output.bias.data = torch.randn(11).double()
    states = (torch.randn(7, 5).double() * scale).requires_grad_()
    targets = torch.randint(0, 11, (7,))
    negatives = Negatives(targets, 11, n_drawn=6)

    def formula() -> torch.Tensor:
        drawn, losses = negatives.draw(), []
        for state, target in zip(states, targets, strict=True):
            others = drawn[drawn != target]
            scores = output(state)
            corrected = scores[others] - negatives.log_expected[others]
            among = torch.cat([scores[target][None], corrected])
            losses.append(among.logsumexp(0) - scores[target])
        return torch.stack(losses).mean() * 3

    found = []
    for loss_of in (
        lambda: sampled_cross_entropy(states, output, targets, negatives) * 3,
        formula,
    ):
        torch.manual_seed(1)  # the same draws
        loss = loss_of()
        inputs = (states, table.weight, output.bias)
        found.append([loss, *torch.autograd.grad(loss, inputs)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
