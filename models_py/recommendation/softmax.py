"""Softmax cross-entropy over the whole vocabulary without keeping the logits."""

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import once_differentiable


def full_cross_entropy(states: Tensor, output: nn.Linear, targets: Tensor) -> Tensor:
    """`cross_entropy(output(states), targets)`, mean over targets, in less time.

    The output layer dominates the cost of training. Its gradient is known as soon
    as the logits are, softmax less one-hot, so both are computed in one pass while
    the logits are in cache. First derivatives only.

    Args:
        states: shape (T, H).
        output: scores of all items.
        targets: 0-based item ids, shape (T,).
    """
    return _FullCrossEntropy.apply(states, output.weight, output.bias, targets)


class _FullCrossEntropy(torch.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cuda", cast_inputs=torch.float32)
    def forward(ctx, states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor):
        logits = torch.addmm(bias, states, weight.T)  # (T, n_items)
        rows = torch.arange(len(targets), device=targets.device)
        highest = logits.amax(1, keepdim=True)
        of_target = logits[rows, targets]
        exponents = logits.sub_(highest).exp_()
        total = exponents.sum(1, keepdim=True)
        losses = (total.log() + highest).squeeze(1) - of_target
        gradient = exponents.div_(total * len(targets))
        gradient[rows, targets] -= 1 / len(targets)
        ctx.save_for_backward(gradient @ weight, gradient.T @ states, gradient.sum(0))
        return losses.mean()

    @staticmethod
    @once_differentiable
    @custom_bwd(device_type="cuda")
    def backward(ctx, upstream: Tensor):  # type: ignore[override] # torch's decorators
        return *(upstream * gradient for gradient in ctx.saved_tensors), None
