"""Scores of all items by the table that embeds them.

Press, Wolf: Using the Output Embedding to Improve Language Models, EACL 2017. An item
that was met a few times is learned from as input and as target: on sparse logs that is
most of what a network can gain.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.recommendation.softmax import (
    Negatives,
    full_cross_entropy,
    sampled_cross_entropy,
)

SHARED_STD = 0.1  # of a shared table: small, since it also makes the logits
LARGE, N_NEGATIVES = 20_000, 2_048  # items; drawn for a batch where there are more
COSTLY = 50_000  # items whose table costs a step more than its targets do
SPARSE, DENSE = 20, 80  # targets an item
SPARSE_DROPOUT, DENSE_DROPOUT = 0.5, 0.2


class SharedOutput(nn.Module):
    """A linear layer whose weights are those of the items' embeddings.

    Args:
        embedding: row 0 is padding, row i + 1 item i; it stays the owner's.
    """

    def __init__(self, embedding: nn.Embedding, n_items: int) -> None:
        super().__init__()
        self._embedding = (embedding,)  # in a tuple: no second name for its weights
        self.bias = nn.Parameter(torch.zeros(n_items))

    @property
    def weight(self) -> Tensor:
        """One row an item, shape (n_items, D)."""
        return self._embedding[0].weight[1 : self.out_features + 1]

    def rows(self, items: Tensor) -> Tensor:
        """Weights of some items, without a gradient as large as two tables."""
        return functional.embedding(items + 1, self._embedding[0].weight)

    @property
    def in_features(self) -> int:
        """Width of the states that are scored."""
        return self._embedding[0].embedding_dim

    @property
    def out_features(self) -> int:
        """How many items there are."""
        return len(self.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Scores, (…, D) → (…, n_items)."""
        return functional.linear(states, self.weight, self.bias)


def set_usual_dropout(
    network: nn.Module, asked: float | None, n_targets: int, n_items: int
) -> None:
    """Settle a network's dropout where its settings leave it open."""
    if asked is None:
        for part in network.modules():
            if isinstance(part, nn.Dropout):
                part.p = usual_dropout(n_targets, n_items)


def usual_negatives(
    asked: int | None, labels: Tensor, n_items: int
) -> Negatives | None:
    """What stands for all items in the loss; None where all of them do.

    Args:
        asked: how many; 0 is all of them, None all in a vocabulary up to `LARGE`.
    """
    n_drawn = (N_NEGATIVES if n_items > LARGE else 0) if asked is None else asked
    return Negatives(labels, n_items, n_drawn) if n_drawn else None


def is_costly(output: SharedOutput, negatives: Negatives | None) -> bool:
    """Whether changing the table, as every step does, is most of a step's cost."""
    return negatives is not None and output.out_features > COSTLY


def item_loss(
    states: Tensor, output: SharedOutput, targets: Tensor, negatives: Negatives | None
) -> Tensor:
    """Mean cross-entropy of the targets, exact or estimated, a scalar."""
    if negatives is None:
        return full_cross_entropy(states, output, targets)
    return sampled_cross_entropy(states, output, targets, negatives)


def usual_dropout(n_targets: int, n_items: int) -> float:
    """The share of entries to silence where the settings leave it open.

    Half of them up to 20 targets an item, a fifth from 80 on, and in between by the
    logarithm: on sparse click logs .5 gained .01 recall@10 over .2, on dense course
    logs it cost as much MRR.
    """
    each = max(n_targets / n_items, 1.0)
    way = math.log(each / SPARSE) / math.log(DENSE / SPARSE)
    return SPARSE_DROPOUT + min(max(way, 0.0), 1.0) * (DENSE_DROPOUT - SPARSE_DROPOUT)
