"""The GRU recurrence of many learners: values and both derivatives."""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from models_py.recommendation.recurrence import (
    fused_states,
    packed_states,
    recurrence,
)

T, H = 2, 2
SIZES = [3, 3, 1]  # rows of lengths 3, 2 and 2
P = sum(SIZES)


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


def test_states_are_those_of_torchs_gru():
    torch.manual_seed(0)
    layers = [nn.GRU(4, H, batch_first=True).double() for _ in range(T)]
    inputs = torch.randn(T, P, 4, dtype=torch.double)
    from_items = torch.stack(
        [
            x @ g.weight_ih_l0.T + g.bias_ih_l0
            for g, x in zip(layers, inputs, strict=True)
        ]
    )
    weight = torch.stack([g.weight_hh_l0.T for g in layers])
    bias = torch.stack([g.bias_hh_l0[None] for g in layers])
    found = recurrence(from_items, weight, bias, SIZES)
    for row in ([0, 3, 6], [1, 4], [2, 5]):
        for gru, x, states in zip(layers, inputs, found, strict=True):
            torch.testing.assert_close(states[row], gru(x[None, row])[0][0])


def test_first_and_second_derivatives_are_those_of_finite_differences():
    torch.manual_seed(1)
    inputs = drawn(T, P, 3 * H), drawn(T, H, 3 * H), drawn(T, 1, 3 * H), SIZES
    # along drawn directions: of every entry by itself it costs thirty times as much
    assert torch.autograd.gradcheck(recurrence, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(recurrence, inputs, fast_mode=True)


def test_states_of_ragged_rows_are_those_of_torchs_gru_and_so_are_gradients():
    torch.manual_seed(2)
    gru = nn.GRU(4, H, batch_first=True).double()
    lengths = (6, 3, 3, 1)
    rows = [drawn(n, 4) for n in lengths]
    first = drawn(len(rows), H)
    learned = [*rows, first, *gru.parameters()]

    def derived(states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad((states**2).sum(), learned, retain_graph=True)

    packed = pack_sequence(rows)
    expected = gru(packed, first[None])[0].data
    alone = PackedSequence(packed.data, packed.batch_sizes)
    fused = fused_states(alone, first, list(gru.parameters()), gru.training)
    for found in (packed_states(gru, alone, first), fused):
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(derived(found), derived(expected))


def test_weights_given_take_the_place_of_the_grus_own():
    torch.manual_seed(3)
    gru, others = (nn.GRU(4, H, batch_first=True).double() for _ in range(2))
    packed, first = pack_sequence([drawn(n, 4) for n in (6, 3, 1)]), drawn(3, H)
    alone = PackedSequence(packed.data, packed.batch_sizes)
    found = packed_states(gru, alone, first, others.weight_hh_l0)
    with torch.no_grad():
        gru.weight_hh_l0.copy_(others.weight_hh_l0)
    torch.testing.assert_close(found, gru(packed, first[None])[0].data)
