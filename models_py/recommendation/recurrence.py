"""The recurrence of a GRU layer: for many sets of weights, and for ragged rows.

Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014, in
the form of `torch.nn.GRU`:

    r, z = sigmoid(x_r + h W_r + b_r), sigmoid(x_z + h W_z + b_z)
    n    = tanh(x_n + r * (h W_n + b_n))
    h'   = (1 - z) * n + z * h
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from models_py.precision import as_forward_was, single_precision

aten = torch.ops.aten


def recurrence(
    from_items: Tensor, weight: Tensor, bias: Tensor, sizes: Sequence[int]
) -> Tensor:
    """States from an all-zero first one, of rows that lie place by place.

    Args:
        from_items: what the inputs add to the gates r, z and n, shape (T, P, 3H).
        weight: from state to gates, one matrix for each of T, shape (T, H, 3H).
        bias: shape (T, 1, 3H).
        sizes: rows that each place still has, the first of those before; they add up
            to P.
    Returns:
        Shape (T, P, H).
    """
    return _Recurrence.apply(from_items, weight, bias, list(sizes))


class _Recurrence(torch.autograd.Function):
    """Back-propagation through time with one product for all steps' weight gradients.

    Left to autograd, every time step would add a gradient as large as the weights.
    `backward` is made of differentiable operations on inputs and outputs alone, so it
    can be differentiated again.
    """

    @staticmethod
    @single_precision
    def forward(ctx, from_items, weight, bias, sizes: list[int]) -> Tensor:
        size = weight.shape[1]
        state = from_items.new_zeros(len(from_items), sizes[0], size)
        states = []
        for x in from_items.split(sizes, 1):  # (T, R, 3H)
            state = state[:, : x.shape[1]]
            from_state = torch.baddbmm(bias, state, weight)
            gates = torch.sigmoid(x[..., : 2 * size] + from_state[..., : 2 * size])
            reset, update = gates.split(size, -1)
            new = torch.tanh(x[..., 2 * size :] + reset * from_state[..., 2 * size :])
            state = torch.lerp(new, state, update)
            states.append(state)
        found = torch.cat(states, 1)
        ctx.sizes = sizes
        ctx.save_for_backward(from_items, weight, bias, found)
        return found

    @staticmethod
    @as_forward_was
    def backward(ctx, upstream: Tensor):
        from_items, weight, bias, states = ctx.saved_tensors
        size, sizes = weight.shape[1], ctx.sizes
        none = torch.zeros_like(states[:, : sizes[0]])
        later = zip(states.split(sizes, 1), sizes[1:], strict=False)
        before = torch.cat([none, *(state[:, :n] for state, n in later)], 1)
        from_state = torch.baddbmm(bias, before, weight)  # (T, P, 3H)
        x_gates, x_new = from_items.split([2 * size, size], -1)
        h_gates, h_new = from_state.split([2 * size, size], -1)
        reset, update = torch.sigmoid(x_gates + h_gates).split(size, -1)
        new = torch.tanh(x_new + reset * h_new)
        # derivatives of a state by what enters tanh and the sigmoids at its step
        by_new = (1 - update) * (1 - new * new)
        by_reset = by_new * h_new * reset * (1 - reset)
        by_update = (before - new) * update * (1 - update)
        by_state = torch.stack([by_reset, by_update, by_new * reset], -2)
        total = _ThroughTime.apply(upstream, update, by_state, weight, sizes)
        to_state = (total[..., None, :] * by_state).flatten(-2)  # (T, P, 3H)
        to_items = torch.cat([to_state[..., : 2 * size], total * by_new], -1)
        return to_items, before.mT @ to_state, to_state.sum(1, keepdim=True), None


class _ThroughTime(torch.autograd.Function):
    """Derivative of the loss by each state, later states' share included.

    A recurrence from the last place to the first, linear in what comes from above:

        total = upstream + later total * update + (later total * by_state) W^T.

    Its own derivative runs the other way, with one product for the weights too.
    """

    @staticmethod
    @single_precision
    def forward(ctx, upstream, update, by_state, weight, sizes: list[int]) -> Tensor:
        transposed = weight.mT.contiguous()
        direct, kept, by = (
            each.split(sizes, 1) for each in (upstream, update, by_state)
        )
        total = direct[-1]
        totals = [total]
        for step in range(len(sizes) - 1, 0, -1):
            gates = (total[..., None, :] * by[step]).flatten(-2)
            n, earlier = sizes[step], direct[step - 1].clone()
            earlier[:, :n] += torch.baddbmm(total * kept[step], gates, transposed)
            total = earlier
            totals.append(total)
        found = torch.cat(totals[::-1], 1)
        ctx.sizes = sizes
        ctx.save_for_backward(update, by_state, weight, found)
        return found

    @staticmethod
    @once_differentiable
    @as_forward_was
    def backward(ctx, upstream: Tensor):  # type: ignore[override] # torch's decorators
        update, by_state, weight, totals = ctx.saved_tensors
        sizes, (n_tasks, size, _) = ctx.sizes, weight.shape
        direct, kept, by = (
            each.split(sizes, 1) for each in (upstream, update, by_state)
        )
        own = direct[0]
        owns, before = [own], [torch.zeros_like(own)]
        through = [own.new_zeros(n_tasks, sizes[0], 3, size)]
        for step in range(1, len(sizes)):
            before.append(own[:, : sizes[step]])
            by_gates = torch.bmm(before[-1], weight).unflatten(-1, (3, size))
            own = torch.addcmul(direct[step], before[-1], kept[step])
            own = own + (by_gates * by[step]).sum(-2)
            owns.append(own)
            through.append(by_gates)
        earlier = torch.cat(before, 1)  # (T, P, H), of the place before
        to_by_state = torch.cat(through, 1) * totals[..., None, :]
        gates = (totals[..., None, :] * by_state).flatten(-2)
        to_weight = earlier.mT @ gates
        return torch.cat(owns, 1), earlier * totals, to_by_state, to_weight, None


def packed_states(
    gru: nn.GRU, packed: PackedSequence, first: Tensor, recurrent: Tensor | None = None
) -> Tensor:
    """States of a one-layer GRU over rows of varying length.

    `gru(packed, first)`, but on the CPU in a third of the time: there torch adds a
    gradient as large as all inputs at every time step. First derivatives only.

    Args:
        packed: embedded items, longest row first, data of shape (N, E).
        first: state before each row, in the same order, shape (R, H).
        recurrent: weights from state to gates, shape (3H, H); None takes the GRU's.
    Returns:
        In the order of the packed data, shape (N, H).
    """
    into, own, into_bias, recurrent_bias = (
        gru.get_parameter(f"{name}_l0")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    recurrent = own if recurrent is None else recurrent
    if first.is_cuda:
        weights = [into, recurrent, into_bias, recurrent_bias]
        return fused_states(packed, first, weights, gru.training)
    from_items = functional.linear(packed.data, into, into_bias)
    return _PackedRecurrence.apply(
        from_items, first, recurrent, recurrent_bias, packed.batch_sizes.tolist()
    )


def fused_states(
    packed: PackedSequence, first: Tensor, weights: list[Tensor], is_training: bool
) -> Tensor:
    """`nn.GRU` of weights that need not be its own, shape (N, H)."""
    with warnings.catch_warnings():
        # those drawn anew lie apart from the others: cuDNN copies all, and says so
        warnings.filterwarnings("ignore", "RNN module weights")
        return torch.gru(
            packed.data,
            packed.batch_sizes,
            first[None],
            weights,
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=is_training,
            bidirectional=False,
        )[0]


class _PackedRecurrence(torch.autograd.Function):
    """`_Recurrence` of one set of weights over as many rows as a step still has."""

    @staticmethod
    @single_precision
    def forward(ctx, from_items, first, weight, bias, sizes: list[int]) -> Tensor:
        size, transposed = first.shape[1], weight.T.contiguous()
        state, gates, news, states = first, [], [], []
        for x in from_items.split(sizes):  # (R, 3H)
            state = state[: len(x)]
            from_state = torch.addmm(bias, state, transposed)
            both = from_state[:, : 2 * size].add_(x[:, : 2 * size]).sigmoid_()
            reset, update = both.split(size, 1)
            new = x[:, 2 * size :].addcmul(reset, from_state[:, 2 * size :]).tanh_()
            state = torch.lerp(new, state, update)
            gates.append(from_state)  # by now r, z and what the state adds to n
            news.append(new)
            states.append(state)
        found = torch.cat(states)
        ctx.sizes = sizes
        ctx.save_for_backward(first, weight, torch.cat(gates), torch.cat(news), found)
        return found

    @staticmethod
    @once_differentiable
    @as_forward_was
    def backward(ctx, upstream: Tensor):  # type: ignore[override] # torch's decorators
        first, weight, gates, new, states = ctx.saved_tensors
        later = zip(states.split(ctx.sizes), ctx.sizes[1:], strict=False)
        before = torch.cat([first[: ctx.sizes[0]], *(h[:n] for h, n in later)])
        reset, update, h_new = gates.chunk(3, 1)  # (N, H) each
        by_new = aten.tanh_backward(1 - update, new)
        by_reset = aten.sigmoid_backward(by_new * h_new, reset)
        by_update = aten.sigmoid_backward(before - new, update)
        by_state = torch.stack([by_reset, by_update, by_new * reset], 1)  # (N, 3, H)
        total, to_first = _through_rows(upstream, update, by_state, weight, ctx.sizes)
        to_state = (total[:, None] * by_state).flatten(1)  # (N, 3H)
        to_items = torch.cat([to_state[:, : 2 * first.shape[1]], total * by_new], 1)
        return to_items, to_first, to_state.T @ before, to_state.sum(0), None


def _through_rows(
    upstream: Tensor, update: Tensor, by_state: Tensor, weight: Tensor, sizes: list[int]
) -> tuple[Tensor, Tensor]:
    """Derivative of the loss by each state and by the first ones, (N, H) and (R, H)."""
    total, earlier = upstream.clone(), upstream[:0]
    steps = [each.split(sizes) for each in (total, update, by_state)]
    for now, kept, by in reversed(list(zip(*steps, strict=True))):
        now[: len(earlier)] += earlier
        gates = (now[:, None] * by).flatten(1)
        earlier = torch.addmm(now * kept, gates, weight)
    return total, earlier
