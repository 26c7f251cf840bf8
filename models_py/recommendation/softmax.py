"""Softmax cross-entropy: over the whole vocabulary, or estimated in a large one."""

from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models_py.precision import as_forward_was, single_precision

# logits at a time, 16 MiB: a larger block the C library takes from the system and gives
# back each time, which costs as much as a product does
LOGITS_HELD = 2**22


class ItemLayer(Protocol):
    """A linear layer that scores all items."""

    @property
    def weight(self) -> Tensor:
        """One row an item, shape (n_items, H)."""

    @property
    def bias(self) -> Tensor:
        """Shape (n_items,)."""


class SparseItemLayer(ItemLayer, Protocol):
    """One that can score a few items alone."""

    def rows(self, items: Tensor) -> Tensor:
        """Weights of some items, without a gradient as large as all of them."""


def full_cross_entropy(states: Tensor, output: ItemLayer, targets: Tensor) -> Tensor:
    """`cross_entropy(output(states), targets)`, mean over targets, in less time.

    The output layer dominates the cost of training. Its gradient is known as soon
    as the logits are, softmax less one-hot, so both are computed in one pass, some
    rows at a time. First derivatives only.

    Args:
        states: shape (T, H).
        output: scores of all items.
        targets: 0-based item ids, shape (T,).
    """
    return _FullCrossEntropy.apply(states, output.weight, output.bias, targets)


class _GradientKept(torch.autograd.Function):
    """A mean loss whose `forward` saves its gradients; the last input has none."""

    @staticmethod
    @once_differentiable
    @as_forward_was
    def backward(ctx, upstream: Tensor):  # type: ignore[override] # torch's decorators
        return *(upstream * gradient for gradient in ctx.saved_tensors), None


class _FullCrossEntropy(_GradientKept):
    @staticmethod
    @single_precision
    def forward(ctx, states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor):
        n_together = max(LOGITS_HELD // len(weight), 1)
        parts = zip(states.split(n_together), targets.split(n_together), strict=True)
        losses, to_states = [], []
        to_weight, to_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        for own, asked in parts:
            logits = torch.addmm(bias, own, weight.T)  # (t, n_items)
            rows = torch.arange(len(asked), device=asked.device)
            highest = logits.amax(1, keepdim=True)
            of_target = logits[rows, asked]
            exponents = logits.sub_(highest).exp_()
            total = exponents.sum(1, keepdim=True)
            losses.append((total.log() + highest).squeeze(1) - of_target)
            gradient = exponents.div_(total * len(targets))
            gradient[rows, asked] -= 1 / len(targets)
            to_states.append(gradient @ weight)
            to_weight.addmm_(gradient.T, own)
            to_bias += gradient.sum(0)
        ctx.save_for_backward(torch.cat(to_states), to_weight, to_bias)
        return torch.cat(losses).mean()


class Negatives:
    """Items that stand for all others in a loss, drawn anew for each batch.

    Half of the draws are uniform, half go by how often an item is a label, q(i) =
    1 / 2n + c(i) / 2C: frequent items are hard to tell apart, and of rare ones much
    must be heard at all.
    """

    def __init__(self, labels: Tensor, n_items: int, n_drawn: int) -> None:
        counts = torch.bincount(labels, minlength=n_items).double()
        chance = 0.5 / n_items + 0.5 * counts / counts.sum().clamp(min=1)
        self.up_to = chance.cumsum(0) / chance.sum()  # (n_items,)
        self.log_expected = (n_drawn * chance / chance.sum()).log().float()
        self.n_drawn = n_drawn

    def draw(self) -> Tensor:
        """Item ids, one may come twice, shape (n_drawn,)."""
        at = torch.rand(self.n_drawn, dtype=torch.float64)
        found = torch.searchsorted(self.up_to, at, right=True)
        return found.clamp(max=len(self.up_to) - 1)


def sampled_cross_entropy(
    states: Tensor, output: SparseItemLayer, targets: Tensor, negatives: Negatives
) -> Tensor:
    """`full_cross_entropy` with its sum over all items estimated from a few.

    In the softmax's denominator a drawn item counts exp(s - log(n q)): for the n items
    that it is drawn for on average (logQ correction: Bengio, Senecal: Adaptive
    Importance Sampling to Accelerate Training of a Neural Probabilistic Language Model,
    IEEE Transactions on Neural Networks 19, 2008). The target itself is known to be
    there and is not estimated. First derivatives only.

    Args:
        states: shape (T, H).
        output: scores of all items, with `rows` and `bias`.
        targets: 0-based item ids, shape (T,).
    """
    drawn = negatives.draw().to(targets.device)
    items = torch.cat([targets, drawn])
    correction = negatives.log_expected.to(drawn.device)[drawn]
    bias = output.bias[items] - functional.pad(correction, (len(targets), 0))
    is_target = targets[:, None] == drawn
    return _SampledCrossEntropy.apply(states, output.rows(items), bias, is_target)


class _SampledCrossEntropy(_GradientKept):
    """In one pass as well: each row has a logit of its own, then come those of all."""

    @staticmethod
    @single_precision
    def forward(ctx, states: Tensor, rows: Tensor, bias: Tensor, hidden: Tensor):
        n = len(states)
        own = (states * rows[:n]).sum(1) + bias[:n]  # (T,)
        logits = torch.addmm(bias[n:], states, rows[n:].T)  # (T, n_drawn)
        logits.masked_fill_(hidden, -torch.inf)
        highest = torch.maximum(logits.amax(1), own)
        exponents, of_target = logits.sub_(highest[:, None]).exp_(), own - highest
        total = exponents.sum(1) + of_target.exp()
        losses = total.log() - of_target
        gradient = exponents.div_((total * n)[:, None])
        own_gradient = (of_target.exp() / total - 1) / n
        aside = own_gradient[:, None]
        ctx.save_for_backward(
            torch.addmm(aside * rows[:n], gradient, rows[n:]),
            torch.cat([aside * states, gradient.T @ states]),
            torch.cat([own_gradient, gradient.sum(0)]),
        )
        return losses.mean()
