"""AdamW without the compiler.

Loshchilov & Hutter: Decoupled Weight Decay Regularization, ICLR 2019. The first step of
`torch.optim.AdamW` imports all of `torch.compile`, which takes two seconds and is not
used; the arithmetic is torch's own, to the last bit.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


@dataclass
class AdamW:
    """Steps of the weights, whose running moments can be kept and put back.

    Args:
        moments: by a weight's number its step count `step` and running means
            `exp_avg` and `exp_avg_sq`; none of a weight that never had a gradient.
    """

    weights: list[nn.Parameter]
    learning_rate: float
    weight_decay: float
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
