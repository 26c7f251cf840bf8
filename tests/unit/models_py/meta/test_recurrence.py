"""The GRU recurrence of many learners: values and both derivatives."""

import torch
from torch import nn

from models_py.recommendation.recurrence import recurrence

T, R, L, H = 2, 3, 4, 5


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


def test_states_are_those_of_torchs_gru():
    torch.manual_seed(0)
    layers = [nn.GRU(4, H, batch_first=True).double() for _ in range(T)]
    inputs = torch.randn(T, R, L, 4, dtype=torch.double)
    from_items = torch.stack(
        [
            x @ g.weight_ih_l0.T + g.bias_ih_l0
            for g, x in zip(layers, inputs, strict=True)
        ]
    )
    weight = torch.stack([g.weight_hh_l0.T for g in layers])
    bias = torch.stack([g.bias_hh_l0[None] for g in layers])
    found = recurrence(from_items, weight, bias)
    for gru, x, states in zip(layers, inputs, found, strict=True):
        torch.testing.assert_close(states, gru(x)[0])


def test_first_and_second_derivatives_are_those_of_finite_differences():
    torch.manual_seed(1)
    inputs = drawn(T, R, L, 3 * H), drawn(T, H, 3 * H), drawn(T, 1, 3 * H)
    assert torch.autograd.gradcheck(recurrence, inputs)
    assert torch.autograd.gradgradcheck(recurrence, inputs)
