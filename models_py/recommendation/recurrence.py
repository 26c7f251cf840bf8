"""The recurrence of a GRU layer for many sets of weights, twice differentiable.

Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014, in
the form of `torch.nn.GRU`:

    r, z = sigmoid(x_r + h W_r + b_r), sigmoid(x_z + h W_z + b_z)
    n    = tanh(x_n + r * (h W_n + b_n))
    h'   = (1 - z) * n + z * h
"""

import torch
from torch import Tensor


def recurrence(from_items: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """States from an all-zero first one.

    Args:
        from_items: what the inputs add to the gates r, z and n, shape (T, R, L, 3H).
        weight: from state to gates, one matrix for each of T, shape (T, H, 3H).
        bias: shape (T, 1, 3H).
    Returns:
        Shape (T, R, L, H).
    """
    return _Recurrence.apply(from_items, weight, bias)


class _Recurrence(torch.autograd.Function):
    """Back-propagation through time with one product for all steps' weight gradients.

    Left to autograd, every time step would add a gradient as large as the weights.
    `backward` is made of differentiable operations on inputs and outputs alone, so it
    can be differentiated again.
    """

    @staticmethod
    def forward(ctx, from_items: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        size = weight.shape[1]
        state = from_items.new_zeros(*from_items.shape[:2], size)
        states = []
        for x in from_items.unbind(2):  # (T, R, 3H)
            from_state = torch.baddbmm(bias, state, weight)
            gates = torch.sigmoid(x[..., : 2 * size] + from_state[..., : 2 * size])
            reset, update = gates.split(size, -1)
            new = torch.tanh(x[..., 2 * size :] + reset * from_state[..., 2 * size :])
            state = torch.lerp(new, state, update)
            states.append(state)
        states = torch.stack(states, 2)
        ctx.save_for_backward(from_items, weight, bias, states)
        return states

    @staticmethod
    def backward(ctx, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        from_items, weight, bias, states = ctx.saved_tensors
        size, shape = weight.shape[1], states.shape[:3]
        before = torch.cat([torch.zeros_like(states[:, :, :1]), states[:, :, :-1]], 2)
        from_state = torch.baddbmm(bias, before.flatten(1, 2), weight)
        from_state = from_state.unflatten(1, shape[1:])  # (T, R, L, 3H)
        x_gates, x_new = from_items.split([2 * size, size], -1)
        h_gates, h_new = from_state.split([2 * size, size], -1)
        reset, update = torch.sigmoid(x_gates + h_gates).split(size, -1)
        new = torch.tanh(x_new + reset * h_new)
        # derivatives of a state by what enters tanh and the sigmoids at its step
        by_new = (1 - update) * (1 - new * new)
        by_reset = by_new * h_new * reset * (1 - reset)
        by_update = (before - new) * update * (1 - update)
        by_state = torch.stack([by_reset, by_update, by_new * reset], -2)
        total = _through_time(upstream, update, by_state, weight)  # (T, R, L, H)
        to_state = (total[..., None, :] * by_state).flatten(-2)  # (T, R, L, 3H)
        to_items = torch.cat([to_state[..., : 2 * size], total * by_new], -1)
        flat = to_state.flatten(1, 2)
        to_weight = before.flatten(1, 2).mT @ flat
        return to_items, to_weight, flat.sum(1, keepdim=True)


def _through_time(
    upstream: Tensor, update: Tensor, by_state: Tensor, weight: Tensor
) -> Tensor:
    """Derivative of the loss by each state, later states' share included."""
    transposed = weight.mT.contiguous()
    total = upstream[:, :, -1]
    totals = [total]
    for step in range(upstream.shape[2] - 1, 0, -1):
        gates = (total[..., None, :] * by_state[:, :, step]).flatten(-2)
        direct = torch.addcmul(upstream[:, :, step - 1], total, update[:, :, step])
        total = torch.baddbmm(direct, gates, transposed)
        totals.append(total)
    return torch.stack(totals[::-1], 2)
