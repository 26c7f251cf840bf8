"""One step of gradient descent, taken by all processes of a run together.

Each lays out its share of a batch's rows and no others. What it adds to the batch's
loss and gradient are sums over its own targets; with them travels how many those are,
so one all-reduce gives every process the mean over the whole batch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig
from models_py.fitting import Batch, Batches, Diverged, Trainable
from training.errors import NoNumber
from training.fit.adamw import AdamW
from training.fit.processes import World

TINY = 1e-12  # keeps a batch in which nothing counts from dividing by zero


@dataclass(frozen=True)
class Step(Generic[Batch]):
    """Steps down a model's loss.

    Args:
        is_bf16: whether the loss is computed under autocast.
        inner_rate: the model's step size on a learner's support, where it has one.
    """

    model: Trainable[Any, Batch]
    optimizer: AdamW
    settings: OptimiserConfig
    world: World
    is_bf16: bool = False
    inner_rate: float | None = None

    def take(
        self, batches: Batches[Batch], rows: Tensor, where: str
    ) -> tuple[float, float]:
        """Step down the whole batch's mean loss.

        Args:
            rows: those of the batch, the same in all processes.
            where: the step's name, for messages.
        Returns:
            That loss, and the number of targets it is a mean over.
        Raises:
            UserError: the loss or its gradient is no number.
        """
        self.optimizer.zero_grad()
        own = self.world.share(rows)
        found = self._descend(batches, own, where) if len(own) else self._nothing()
        loss, _, n_targets = self._over_all(found).tolist()
        self.require_number(loss, f"loss of {where}")
        weights, most = self.model.parameters(), self.settings.clip_norm
        norm = nn.utils.clip_grad_norm_(weights, most).item()
        self.require_number(norm, f"gradient of {where}")
        self.optimizer.step()
        return loss, n_targets

    def validated(self, validate: Callable[[], float], what: str) -> float:
        """What validation gives, the main process's in all of them.

        Raises:
            NoNumber: it is none, or the scores that it ranks are none.
        """
        try:
            own = validate()
        except Diverged as error:
            raise NoNumber(f"{what}: {error} {self._remedy}") from error
        value = self.world.broadcast(torch.tensor(own, dtype=torch.float64)).item()
        self.require_number(value, what)
        return value

    def require_number(self, value: float, what: str) -> None:
        """Refuse what is no number.

        Raises:
            NoNumber: names what it is, and the way out.
        """
        if not math.isfinite(value):
            raise NoNumber(f"{what} is {value} {self._remedy}")

    @property
    def _remedy(self) -> str:
        """Step sizes that may be too large; the inner one alone can be at once."""
        rate = f"learning rate {self.settings.learning_rate:g}"
        if self.inner_rate is None:
            return f"at {rate}; choose a smaller learning_rate"
        return (
            f"at inner rate {self.inner_rate:g} and {rate}; choose a smaller "
            "inner_rate, or else a smaller learning_rate"
        )

    def _descend(self, batches: Batches[Batch], rows: Tensor, where: str) -> Tensor:
        """Loss, weight and number of targets of some rows; leaves the gradient."""
        device = next(self.model.parameters()).device
        batch = batches.lay_out(rows)
        # a mean that meets no others stays as it is, to the last bit
        weight = batch.weight if self.world.size > 1 else 1.0
        with torch.autocast(device.type, torch.bfloat16, self.is_bf16):
            try:
                loss = weight * self.model.loss(batch.to(device))
            except Diverged as error:
                raise NoNumber(f"{where}: {error} {self._remedy}") from error
        loss.backward()
        return torch.stack([loss.detach(), *loss.new_tensor([weight, batch.n_targets])])

    def _nothing(self) -> Tensor:
        """What a process has of a batch with fewer rows than there are processes."""
        return torch.zeros(3, device=next(self.model.parameters()).device)

    def _over_all(self, found: Tensor) -> Tensor:
        """Mean loss, weight and number of targets of all processes' rows together.

        The gradients become those of that mean. A weight that no process's loss
        depends on has none, which is not one of zeros.
        """
        if self.world.size == 1:
            return found
        weights = list(self.model.parameters())
        has_gradient = found.new_tensor([w.grad is not None for w in weights])
        pieces = [
            *(torch.zeros_like(w) if w.grad is None else w.grad for w in weights),
            *(has_gradient, found),
        ]
        total = self.world.all_reduce(torch.cat([each.flatten() for each in pieces]))
        *gradients, counts, found = total.split([each.numel() for each in pieces])
        total[: -len(found)] /= found[1].clamp(min=TINY)
        found[0] /= found[1].clamp(min=TINY)
        for weight, gradient, count in zip(
            weights, gradients, counts.tolist(), strict=True
        ):
            weight.grad = gradient.view_as(weight) if count else None
        return found
