"""The fast cross-entropy is the plain one, values and gradients."""

import pytest
import torch
from torch.nn import functional

from models_py.recommendation.softmax import full_cross_entropy


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
