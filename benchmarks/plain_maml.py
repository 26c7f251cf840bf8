"""MAML as the papers' algorithms read: learner by learner, dense weights, no tricks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from models_py.meta.tasks import Tasks
from models_py.recommendation.gru import GRU
from models_py.recommendation.sasrec import SASRec

HEAD = "output."


@dataclass(frozen=True)
class Plain:
    """How every learner adapts.

    Args:
        rate: step size, times a weight's own rate where `own_rates` has one.
        own_rates: by weight, of its shape (Meta-SGD).
        second_order: whether meta-gradients flow through the steps.
        head_only: whether only the output layer adapts (ANIL).
    """

    rate: float = 0.01
    own_rates: Mapping[str, Tensor] = field(default_factory=dict)
    second_order: bool = True
    head_only: bool = False


def plain_meta_loss(
    network: GRU | SASRec,
    tasks: Tasks,
    n_steps: list[int],
    scale: list[float],
    how: Plain,
) -> Tensor:
    """Query loss of each adapted learner, shape (T,).

    Args:
        n_steps, scale: of each learner: its steps, and what its rate is multiplied by.
    """
    losses, named = [], dict(network.named_parameters())
    for task in range(len(tasks)):
        # a table that also scores items begins as one and is two from there on
        weights: dict[str, Tensor] = {"output.weight": network.output.weight, **named}
        own = {name: weight.clone() for name, weight in weights.items()}
        changing = [n for n in own if n.startswith(HEAD) or not how.head_only]
        for _ in range(n_steps[task]):
            loss = plain_loss(network, own, tasks, tasks.support[task])
            gradients = torch.autograd.grad(
                loss, [own[name] for name in changing], create_graph=how.second_order
            )
            for name, gradient in zip(changing, gradients, strict=True):
                rate = how.rate * scale[task] * how.own_rates.get(name, 1.0)
                own[name] = own[name] - rate * gradient
        losses.append(plain_loss(network, own, tasks, tasks.query[task]))
    return torch.stack(losses)


def plain_loss(
    network: nn.Module, weights: dict[str, Tensor], tasks: Tasks, rows: Tensor
) -> Tensor:
    """Mean cross-entropy of the chosen pairs, one padded row a pair."""
    ids, lengths = tasks.pairs.prefixes.take(rows).pad()
    embedded = functional.embedding(ids, weights["embedding.weight"], padding_idx=0)
    body = {n: weights[n] for n, _ in network.named_parameters()}
    states = functional_call(network, body, (embedded,))
    last = states[torch.arange(len(rows)), lengths - 1]
    logits = functional.linear(last, weights["output.weight"], weights["output.bias"])
    return functional.cross_entropy(logits, tasks.pairs.label[rows])
