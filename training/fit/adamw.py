"""AdamW without the compiler.

Loshchilov & Hutter: Decoupled Weight Decay Regularization, ICLR 2019. The first step of
`torch.optim.AdamW` imports all of `torch.compile`, which takes two seconds and is not
used; the arithmetic is torch's own, to the last bit.

Steps of one size leave weights wandering about the minimum; the mean of the latest ones
lies nearer (Polyak, Juditsky: Acceleration of Stochastic Approximation by Averaging,
1992), here with the weights of polynomial-decay averaging (Shamir, Zhang: Stochastic
Gradient Descent for Non-smooth Optimization, ICML 2013): it wants no horizon, so a fit
may end, or go on, after any epoch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


@dataclass
class AdamW:
    """Steps of the weights, whose running moments can be kept and put back.

    Args:
        averaging: roughly the share of the steps so far, the latest ones, that the
            weights' `mean` is taken over; 0 keeps none.
        moments: by a weight's number its step count `step` and running means
            `exp_avg` and `exp_avg_sq`, and the weight's own `mean`; none of a weight
            that never had a gradient.
    """

    weights: list[nn.Parameter]
    learning_rate: float
    weight_decay: float
    averaging: float = 0.0
    moments: dict[int, dict[str, Tensor]] = field(default_factory=dict)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move each weight that has a gradient against it."""
        moved = [
            (number, weight, weight.grad)
            for number, weight in enumerate(self.weights)
            if weight.grad is not None
        ]
        for number, weight, _ in moved:
            if number not in self.moments:
                self.moments[number] = _at_rest(weight)
        moments = [self.moments[number] for number, _, _ in moved]
        adamw(
            [weight for _, weight, _ in moved],
            [gradient for _, _, gradient in moved],
            [each["exp_avg"] for each in moments],
            [each["exp_avg_sq"] for each in moments],
            [],
            [each["step"] for each in moments],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )
        if self.averaging:
            for (_, weight, _), own in zip(moved, moments, strict=True):
                mean = own.setdefault("mean", torch.zeros_like(weight))
                mean.lerp_(weight, 1 / (1 + self.averaging * (own["step"] - 1)))

    @contextmanager
    def at_means(self) -> Iterator[None]:
        """The weights are their means as long as this lasts, where those are kept."""
        self._swap_with_means()
        try:
            yield
        finally:
            self._swap_with_means()

    @torch.no_grad()
    def _swap_with_means(self) -> None:
        for number, moments in self.moments.items():
            if "mean" in moments:
                weight, mean = self.weights[number], moments["mean"]
                moments["mean"] = weight.detach().clone()
                weight.copy_(mean)

    def kept(self) -> dict[str, Tensor]:
        """The moments as `NUMBER.NAME`."""
        return {
            f"{number}.{name}": value
            for number, moments in self.moments.items()
            for name, value in moments.items()
        }

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Put back what `kept` gave.

        Raises:
            ValueError: it is of other weights.
        """
        self.moments = {}
        for key, value in kept.items():
            number, name = key.split(".")
            weight = self.weights[int(number)]
            if name != "step" and value.shape != weight.shape:
                raise ValueError(f"{key} is of another weight")
            self.moments.setdefault(int(number), {})[name] = value.to(weight.device)


def _at_rest(weight: Tensor) -> dict[str, Tensor]:
    return {
        "step": torch.zeros((), device=weight.device),
        "exp_avg": torch.zeros_like(weight),
        "exp_avg_sq": torch.zeros_like(weight),
    }
