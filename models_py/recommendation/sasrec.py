"""SASRec: self-attention over the items so far.

Kang, McAuley: Self-Attentive Sequential Recommendation, ICDM 2018. Blocks, scaled
embeddings and their second use as output weights are the paper's. What differs: the
loss is full softmax cross-entropy instead of binary cross-entropy against one sampled
negative (what that brings: Klenitskiy, Vasilev: Turning Dross Into Gold Loss, RecSys
2023), and attention knows how far back an item lies, by one learned number a head and
distance (after Shaw, Uszkoreit, Vaswani: Self-Attention with Relative Position
Representations, NAACL 2018): places far from the start are rare in training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from models_py.config import OptimiserConfig, require, require_count, require_share
from models_py.ragged import PAD, row_and_place
from models_py.recommendation.network import SequenceNetwork
from models_py.recommendation.output import (
    SHARED_STD,
    SharedOutput,
    item_loss,
)
from models_py.recommendation.sequences import SequenceBatch
from models_py.seeding import seeded
from models_py.space import Between, OneOf, Space

POSITION_STD = 0.3  # of initial position embeddings


ROWS_TOGETHER = 32  # rows of alike length that are read together


@dataclass(frozen=True)
class SASRecConfig:
    """Settings of `SASRec`.

    Args:
        dim: width of embeddings and states.
        n_heads: attention heads, a divisor of `dim`.
        n_blocks: attention blocks.
        dropout: share of entries silenced in training; None goes by how many targets
            an item has.
        negatives: items drawn to stand for all in a batch's loss; 0 takes all, None
            draws them in large vocabularies only.
        max_length: prefixes and training rows are cut to this many last items; also
            the number of learned positions.
        repeat_weight: share of the probability that goes to items of the prefix by its
            own counts; None leaves it to validation.
        seed: seed of the initial weights.
        optimiser: how it is fitted.
    """

    SPACE: ClassVar[Space] = {
        "dim": OneOf((64, 128, 192)),
        "n_blocks": OneOf((1, 2, 3)),
        "dropout": Between(0.0, 0.7),
        "optimiser.learning_rate": Between(5e-4, 5e-3, is_log=True),
        "optimiser.weight_decay": Between(1e-3, 1.0, is_log=True),
    }

    dim: int = 128
    n_heads: int = 2
    n_blocks: int = 2
    dropout: float | None = None
    negatives: int | None = None
    max_length: int = 50
    repeat_weight: float | None = None
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=1e-3, weight_decay=0.5, averaging=0.1, patience=5
        )
    )

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim must be 1 or more")
        require(self.n_heads >= 1, "n_heads must be 1 or more")
        require(self.dim % self.n_heads == 0, "n_heads must divide dim")
        require(self.n_blocks >= 1, "n_blocks must be 1 or more")
        require_share(self.dropout, "dropout")
        require_count(self.negatives, "negatives")
        require(self.max_length >= 1, "max_length must be 1 or more")
        require_share(self.repeat_weight, "repeat_weight")


class Block(nn.Module):
    """Causal self-attention, then a position-wise network, both residual."""

    def __init__(self, dim: int, n_heads: int, dropout: float, reach: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.attention_norm = nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.mix_heads = nn.Linear(dim, dim)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(dim, dim),
            nn.Dropout(dropout),
        )
        self.dropout = nn.Dropout(dropout)
        self.nearness = nn.Parameter(torch.zeros(n_heads, reach))

    def forward(self, x: Tensor) -> Tensor:
        """States of one block from those of the last, shape (B, L, D)."""
        x = x + self.dropout(self.attend(self.attention_norm(x)))
        return x + self.feed_forward(x)

    def attend(self, x: Tensor) -> Tensor:
        """Each position reads itself and what lies before it, shape (B, L, D)."""
        projected = self.query_key_value(x).unflatten(2, (3, self.n_heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # (B, heads, L, D/heads)
        place = torch.arange(x.shape[1], device=x.device)
        back = place[:, None] - place  # (L, L), negative where an item lies ahead
        weight = self.nearness[:, back.clamp(min=0)]  # (heads, L, L)
        read = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=weight.masked_fill(back < 0, -torch.inf)
        )
        return self.mix_heads(read.transpose(1, 2).flatten(2))


def _block(config: SASRecConfig) -> Block:
    dropout = config.dropout or 0.0  # None is settled once it is known what labels are
    return Block(config.dim, config.n_heads, dropout, config.max_length)


class SASRec(SequenceNetwork):
    """Item and position embeddings → attention blocks → scores of all items.

    Rows are right-padded: whatever lies behind a row's end also lies behind every
    real position, so the causal mask is the padding mask too. Positions count from
    the start of the row, in training and in scoring alike.
    """

    def __init__(self, n_items: int, config: SASRecConfig) -> None:
        super().__init__(config)
        with seeded(config.seed):
            self.embedding = nn.Embedding(n_items + 1, config.dim, padding_idx=PAD)
            self.position = nn.Embedding(config.max_length, config.dim)
            self.blocks = nn.Sequential(
                *(_block(config) for _ in range(config.n_blocks))
            )
            self.norm = nn.LayerNorm(config.dim)
            # without it an item would score best after those like itself: scores by
            # the embeddings alone cost accuracy@1
            self.to_items = nn.Linear(config.dim, config.dim)
            nn.init.normal_(self.embedding.weight, std=SHARED_STD)
            # positions as loud as scaled items would drown them
            nn.init.normal_(self.position.weight, std=POSITION_STD)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0
        self.output = SharedOutput(self.embedding, n_items)
        self.dropout = nn.Dropout(config.dropout or 0.0)
        self.state_dropout = nn.Dropout(config.dropout or 0.0)

    def states(self, inputs: Tensor) -> Tensor:
        """State after each position; later positions change no earlier state.

        Args:
            inputs: ids shifted up by one, right-padded, shape (B, L),
                L at most `max_length`.
        Returns:
            Shape (B, L, dim); states behind a row's end mean nothing.
        """
        return self(self.embedding(inputs))

    def forward(self, embedded: Tensor) -> Tensor:
        """States from embedded items, (B, L, D) → (B, L, D)."""
        # small in the output, an item is loud among positions
        x = embedded * self.config.dim**0.5 + self.position.weight[: embedded.shape[1]]
        return self.to_items(self.norm(self.blocks(self.dropout(x))))

    def read(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """States after all items of right-padded ids (B, L), and where they lie.

        Rows of alike length go through the network together.

        Returns:
            Shape (N, dim), and the number among them of each place, shape (B, L);
            behind a row's end it means nothing.
        """
        lengths = (inputs != PAD).sum(1)
        number = torch.zeros_like(inputs)
        found, n_found = [self.position.weight.new_zeros(0, self.config.dim)], 0
        for group in lengths.argsort(stable=True).split(ROWS_TOGETHER):
            width = int(lengths[group].amax()) if len(group) else 0
            states = self.states(inputs[group, :width]).flatten(0, 1)
            place = torch.arange(n_found, n_found + len(states), device=inputs.device)
            number[group, :width] = place.view(len(group), width)
            found.append(states)
            n_found += len(states)
        return torch.cat(found), number

    def task_states(
        self, weights: Mapping[str, Tensor], embedded: Tensor, sizes: Sequence[int]
    ) -> Tensor:
        """`forward` of many learners at once, each with weights of its own.

        Args:
            weights: parameters by name with a dimension of learners in front.
            embedded: rows place by place, the longest first, shape (T, P, D).
            sizes: rows of each place.
        Returns:
            Shape (T, P, D).
        """
        row, place = row_and_place(sizes)
        shape = len(embedded), sizes[0], len(sizes), embedded.shape[2]
        padded = embedded.new_zeros(shape)  # (T, R, L, D)
        padded[:, row, place] = embedded

        def of_learner(own: dict[str, Tensor], rows: Tensor) -> Tensor:
            return functional_call(self, own, (rows,))

        # the fused attention kernels have no second derivative
        with sdpa_kernel(SDPBackend.MATH):
            return vmap(of_learner)(dict(weights), padded)[:, row, place]

    def loss(self, batch: SequenceBatch) -> Tensor:
        """Cross-entropy at every admissible position, a scalar."""
        # the output layer dominates the cost: only states that are asked enter it
        states = self.state_dropout(self.states(batch.inputs)[batch.asks])  # (T, D)
        return item_loss(states, self.output, batch.targets, self.negatives)
