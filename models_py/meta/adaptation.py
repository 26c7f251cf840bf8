"""The inner loop: a few steps of gradient descent on a learner's support pairs.

Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep
Networks, ICML 2017. Many learners go through it together, each with weights of its
own, and nothing is computed that the steps leave as it was:

- Of the embeddings only the items of the support can change: each learner has a slot
  for each of those and reads all other items from the common table.
- The output layer is kept in dual form. A step of descent takes from its weights the
  products of support states and errors, so an adapted layer is the common one less a
  sum of such products, and its logits follow from inner products of states:

      logits(h) = W h + b - sum_j e_j (h_j . h + 1),

  where j runs over the support pairs of all steps so far, h_j is the state behind pair
  j's prefix at that step and e_j its rate times d loss / d logits. No learner needs a
  weight matrix of its own. (A linear layer's dual form: Irie, Csordas, Schmidhuber,
  ICML 2022.) The result is that of dense descent, to rounding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.fitting import Diverged
from models_py.meta.protocol import AdaptableNetwork
from models_py.meta.tasks import Asked, TaskBatch
from models_py.ragged import PAD, row_and_place


@dataclass(frozen=True)
class Rates:
    """How far a step goes.

    Args:
        embedding: shape (n_items + 1, E), or None.
        body: by parameter, or None.
        output, bias: shape (n_items, H) and (n_items,), or None.
            Where None is given a step goes as far as `learner` says, else by the
            product of both.
        learner: shape (T, n): of each learner at each of n steps; 0 is no step.
        common: what all of `learner` is, where it is one number: a number is
            multiplied by in half the time.
    """

    learner: Tensor
    common: float | None = None
    embedding: Tensor | None = None
    body: Mapping[str, Tensor] | None = None
    output: Tensor | None = None
    bias: Tensor | None = None

    def largest(self, step: int) -> float:
        """The longest way that a weight goes at a step, for messages."""
        each = (self.embedding, *(self.body or {}).values(), self.output, self.bias)
        given = [rates.detach().abs().max() for rates in each if rates is not None]
        return max(map(float, given), default=1.0) * float(self.learner[:, step].max())


@dataclass(frozen=True)
class Learners:
    """T learners: the common network, and what adaptation made of it for each.

    Args:
        slots: embeddings of each learner's support items, shape (T, S, E).
        body: weights by name, shape (T, …) each; None where all are the common ones.
        states: of the support pairs of all steps so far, shape (T, J, H).
        errors: their rates times d loss / d logits, shape (T, J, n_items).
        products: of both, (n_items, H) a learner, where each weight of the output layer
            has a rate of its own; else they are not made, and it is empty.
    """

    network: AdaptableNetwork
    rates: Rates
    slots: Tensor
    body: dict[str, Tensor] | None
    states: Tensor
    errors: Tensor
    products: tuple[Tensor, ...] = ()

    def states_of(self, asked: Asked) -> Tensor:
        """The states behind the pairs' prefixes, shape (T, N, H)."""
        if self.body is None:
            return _common_states(self.network, asked)
        task = torch.arange(len(asked.ids), device=asked.ids.device)[:, None]
        own = self.slots[task, asked.slot.clamp(min=0)]  # (T, P, E)
        common = self.network.embedding(asked.ids)
        embedded = torch.where((asked.slot >= 0)[..., None], own, common)
        states = self.network.task_states(self.body, embedded, asked.sizes)
        return asked.at_ends(states)

    def logits(self, states: Tensor) -> Tensor:
        """Scores of all items, (T, N, H) → (T, N, n_items)."""
        return self.network.output(states) - self._unlearned(states)

    def _unlearned(self, states: Tensor) -> Tensor:
        """What the steps so far take from the common layer's logits."""
        if self.rates.output is None or self.rates.bias is None:
            return (states @ self.states.mT + 1) @ self.errors
        if not self.products:
            return torch.zeros_like(states[..., :1])
        # learner by learner: of all together they leave the cache
        of_bias = self.rates.bias * self.errors.sum(1)
        found = [
            asked @ (self.rates.output * product).T
            for asked, product in zip(states, self.products, strict=True)
        ]
        return torch.stack(found) + of_bias[:, None]


def adapted(
    network: AdaptableNetwork,
    batch: TaskBatch,
    rates: Rates,
    *,
    head_only: bool = False,
    second_order: bool = False,
) -> Iterator[Learners]:
    """The learners before any step, and after each.

    Args:
        rates: of each step; their `learner` gives the number of steps.
        head_only: leave embeddings and body as they are (ANIL: Raghu, Raghu, Bengio,
            Vinyals: Rapid Learning or Feature Reuse?, ICLR 2020).
        second_order: let gradients of what is made of the learners flow through the
            steps; else the steps count as constants (first-order MAML).

    Raises:
        Diverged: names the step, the rate and how many learners it befell.
    """
    learners = _before_any_step(network, batch, rates, head_only)
    yield learners
    states = learners.states_of(batch.support) if head_only else None
    for step in range(rates.learner.shape[1]):
        if batch.support.labels.shape[1]:
            learners = (
                _stepped(learners, batch, step, second_order)
                if states is None
                else _head_stepped(learners, batch, step, states)
            )
        yield learners


def _before_any_step(
    network: AdaptableNetwork, batch: TaskBatch, rates: Rates, head_only: bool
) -> Learners:
    n_tasks, table = len(batch.reliability), network.output.weight
    return Learners(
        network=network,
        rates=rates,
        slots=network.embedding(batch.slot_ids),
        body=None
        if head_only
        else {
            name: weight.expand(n_tasks, *weight.shape)
            for name, weight in body_of(network).items()
        },
        states=table.new_zeros(n_tasks, 0, table.shape[1]),
        errors=table.new_zeros(n_tasks, 0, table.shape[0]),
    )


def weights_of(network: AdaptableNetwork) -> dict[str, Tensor]:
    """All that a step may change, by name.

    A table that embeds items and scores them too begins a learner's way as one and is
    two from the first step on: what a step takes from each is known apart.
    """
    return {
        "embedding.weight": network.embedding.weight,
        **body_of(network),
        "output.weight": network.output.weight,
        "output.bias": network.output.bias,
    }


def body_of(network: AdaptableNetwork) -> dict[str, nn.Parameter]:
    """The network's weights between embedding and output layer."""
    return {
        name: weight
        for name, weight in network.named_parameters()
        if not name.startswith(("embedding.", "output."))
    }


def _common_states(network: AdaptableNetwork, asked: Asked) -> Tensor:
    """States of the network as it is behind the pairs' prefixes, shape (T, N, H)."""
    n_tasks, n_rows = len(asked.ids), asked.sizes[0]
    row, place = row_and_place(asked.sizes)
    padded = asked.ids.new_full((n_tasks, n_rows, len(asked.sizes)), PAD)
    padded[:, row, place] = asked.ids
    is_row = (padded != PAD).any(-1)
    number = torch.zeros_like(padded)  # where a row's states lie
    # cuDNN differentiates a recurrent layer in training mode only, dropout or not
    with torch.backends.cudnn.flags(enabled=False):
        states, number[is_row] = network.read(padded[is_row])
    task = torch.arange(n_tasks, device=padded.device)[:, None]
    at = asked.at.cpu()
    return states[number[task, row[at], place[at]]]


def _head_stepped(
    learners: Learners, batch: TaskBatch, step: int, states: Tensor
) -> Learners:
    """The learners after one more step of the output layer alone."""
    logits = learners.logits(states)
    require_numbers(logits.detach().sum((1, 2)), learners.rates, step)
    return _with_errors(learners, states, logits, batch, step)


def _stepped(
    learners: Learners, batch: TaskBatch, step: int, second_order: bool
) -> Learners:
    """The learners after one more step of all weights."""
    weights = learners.body or {}
    names, changing = list(weights), [learners.slots, *weights.values()]
    with torch.enable_grad():
        at = changing
        if not second_order:
            at = [value.detach().requires_grad_() for value in changing]
        body = dict(zip(names, at[1:], strict=True))
        now = replace(learners, slots=at[0], body=body)
        states = now.states_of(batch.support)  # (T, K, H)
        logits = now.logits(states)
        loss = _losses(logits, batch, learners.rates, step).sum()
        gradients = torch.autograd.grad(loss, at, create_graph=second_order)
    if not second_order:
        states, logits = states.detach(), logits.detach()
    rates = learners.rates
    of_slots = None if rates.embedding is None else rates.embedding[batch.slot_ids]
    own = [of_slots, *((rates.body or {}).get(name) for name in names)]
    moved = [
        _moved(value, gradient, rates, step, rate)
        for value, gradient, rate in zip(changing, gradients, own, strict=True)
    ]
    body = dict(zip(names, moved[1:], strict=True))
    learners = replace(learners, slots=moved[0], body=body)
    return _with_errors(learners, states, logits, batch, step)


def _moved(
    value: Tensor, gradient: Tensor, rates: Rates, step: int, own: Tensor | None
) -> Tensor:
    """One step down the gradient, (T, …) → (T, …)."""
    if rates.common is None:
        of_learner = rates.learner[:, step].view(-1, *(1,) * (gradient.dim() - 1))
        gradient = of_learner * gradient
    far = -1.0 if rates.common is None else -rates.common
    if own is None:
        return torch.add(value, gradient, alpha=far)
    return torch.addcmul(value, own, gradient, value=far)


def _losses(logits: Tensor, batch: TaskBatch, rates: Rates, step: int) -> Tensor:
    """Mean cross-entropy of each learner's support, shape (T,)."""
    losses = mean_losses(logits, batch.support.labels)
    require_numbers(losses.detach(), rates, step)
    return losses


def mean_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each learner, (T, N, n_items) and (T, N) → (T,)."""
    # items innermost: along a strided dimension the softmax takes twice as long
    flat = functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), reduction="none"
    )
    return flat.view(labels.shape).mean(1)


def require_numbers(values: Tensor, rates: Rates, step: int) -> None:
    """Refuse losses, or sums of scores, that are not finite.

    Args:
        values: one a learner, shape (T,).
        step: how many steps were taken before.

    Raises:
        Diverged: names the step, its rate and how many learners it befell.
    """
    is_number = values.isfinite()
    if not is_number.all():
        n_steps = rates.learner.shape[1]
        where = f"at step {step + 1}" if step < n_steps else f"after step {n_steps}"
        raise Diverged(
            f"the inner loop's loss is no number for {int((~is_number).sum())} of "
            f"{len(values)} learners {where}, rate "
            f"{rates.largest(min(step, n_steps - 1)):g}"
        )


def _with_errors(
    learners: Learners, states: Tensor, logits: Tensor, batch: TaskBatch, step: int
) -> Learners:
    """The learners with one step of the output layer more."""
    labels = batch.support.labels[..., None]  # (T, K, 1)
    less_one = logits.new_full(labels.shape, -1.0)
    gradient = logits.softmax(-1).scatter_add(-1, labels, less_one) / labels.shape[1]
    errors = learners.rates.learner[:, step, None, None] * gradient
    return replace(
        learners,
        states=torch.cat([learners.states, states], 1),
        errors=torch.cat([learners.errors, errors], 1),
        products=_products_after(learners, states, errors),
    )


def _products_after(
    learners: Learners, states: Tensor, errors: Tensor
) -> tuple[Tensor, ...]:
    """Errors times states of each learner with one step more, (n_items, H) each."""
    if learners.rates.output is None:
        return ()
    new = zip(errors, states, strict=True)
    if not learners.products:
        return tuple(error.T @ state for error, state in new)
    return tuple(
        torch.addmm(before, error.T, state)
        for before, (error, state) in zip(learners.products, new, strict=True)
    )
