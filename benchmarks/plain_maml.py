"""MAML as the paper's algorithm reads: learner by learner, dense weights."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from models_py.meta.tasks import Tasks


def plain_meta_gradient(
    network: nn.Module, tasks: Tasks, n_steps: int, rate: float, second_order: bool
) -> dict[str, Tensor]:
    """Gradient of the mean query loss by each weight (Finn, Abbeel, Levine, 2017)."""
    weights = dict(network.named_parameters())
    network.zero_grad()
    for task in range(len(tasks)):
        own = weights
        for _ in range(n_steps):
            loss = plain_loss(network, own, tasks, tasks.support[task])
            gradients = torch.autograd.grad(
                loss, list(own.values()), create_graph=second_order
            )
            own = {
                name: weight - rate * gradient
                for (name, weight), gradient in zip(
                    own.items(), gradients, strict=True
                )
            }
        query_loss = plain_loss(network, own, tasks, tasks.query[task])
        (query_loss / len(tasks)).backward()
    return {name: weight.grad for name, weight in weights.items()}


def plain_loss(
    network: nn.Module, weights: dict[str, Tensor], tasks: Tasks, rows: Tensor
) -> Tensor:
    """Mean cross-entropy of the chosen pairs, one padded row a pair."""
    ids, lengths = tasks.pairs.prefixes.take(rows).pad()
    embedded = functional.embedding(ids, weights["embedding.weight"], padding_idx=0)
    states = functional_call(network, weights, (embedded,))
    last = states[torch.arange(len(rows)), lengths - 1]
    logits = functional.linear(last, weights["output.weight"], weights["output.bias"])
    return functional.cross_entropy(logits, tasks.pairs.label[rows])
