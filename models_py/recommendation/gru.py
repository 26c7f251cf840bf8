"""A GRU over the items so far, after GRU4Rec.

Hidasi, Karatzoglou, Baltrunas, Tikk: Session-based Recommendations with Recurrent
Neural Networks, ICLR 2016. Not GRU4Rec itself: whole sequences with full softmax
cross-entropy take the place of session-parallel mini-batches, sampled negatives
and the BPR-max / TOP1 losses, and embeddings score items too (see docs/models.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from models_py.config import OptimiserConfig, require, require_count, require_share
from models_py.ragged import PAD
from models_py.recommendation.network import SequenceNetwork
from models_py.recommendation.output import (
    SHARED_STD,
    SharedOutput,
    item_loss,
)
from models_py.recommendation.recurrence import packed_states, recurrence
from models_py.recommendation.sequences import SequenceBatch
from models_py.seeding import seeded
from models_py.space import Between, OneOf, Space


@dataclass(frozen=True)
class GRUConfig:
    """Settings of `GRU`.

    Args:
        embedding_dim: width of an item's embedding.
        hidden_dim: width of the recurrent state.
        n_layers: stacked recurrent layers.
        dropout: share of embedding and state entries silenced in training; None goes
            by how many targets an item has.
        negatives: items drawn to stand for all in a batch's loss; 0 takes all, None
            draws them in large vocabularies only.
        max_length: prefixes and training rows are cut to this many last items.
        repeat_weight: share of the probability that goes to items of the prefix by its
            own counts; None leaves it to validation.
        seed: seed of the initial weights.
        optimiser: how it is fitted.
    """

    SPACE: ClassVar[Space] = {
        "embedding_dim": OneOf((64, 128, 192)),
        "hidden_dim": OneOf((64, 128, 192)),
        "dropout": Between(0.0, 0.7),
        "optimiser.learning_rate": Between(1e-3, 1e-2, is_log=True),
        "optimiser.weight_decay": Between(1e-3, 1.0, is_log=True),
    }

    embedding_dim: int = 128
    hidden_dim: int = 128
    n_layers: int = 1
    dropout: float | None = None
    negatives: int | None = None
    max_length: int = 50
    repeat_weight: float | None = None
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(weight_decay=0.1, averaging=0.1)
    )

    def __post_init__(self) -> None:
        require(self.embedding_dim >= 1, "embedding_dim must be 1 or more")
        require(self.hidden_dim >= 1, "hidden_dim must be 1 or more")
        require(self.n_layers >= 1, "n_layers must be 1 or more")
        require_share(self.dropout, "dropout")
        require_count(self.negatives, "negatives")
        require(self.max_length >= 1, "max_length must be 1 or more")
        require_share(self.repeat_weight, "repeat_weight")


class GRU(SequenceNetwork):
    """Item embeddings → GRU → scores of all items, from every position."""

    def __init__(self, n_items: int, config: GRUConfig) -> None:
        super().__init__(config)
        with seeded(config.seed):
            self.embedding = nn.Embedding(
                n_items + 1, config.embedding_dim, padding_idx=PAD
            )
            self.gru = nn.GRU(
                config.embedding_dim,
                config.hidden_dim,
                config.n_layers,
                batch_first=True,
            )
            self.to_items = (
                nn.Identity()
                if config.hidden_dim == config.embedding_dim
                else nn.Linear(config.hidden_dim, config.embedding_dim)
            )
            nn.init.normal_(self.embedding.weight, std=SHARED_STD)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0
        self.output = SharedOutput(self.embedding, n_items)
        self.dropout = nn.Dropout(config.dropout or 0.0)
        self.state_dropout = nn.Dropout(config.dropout or 0.0)

    def states(self, inputs: Tensor) -> Tensor:
        """State after each position; later positions change no earlier state.

        Args:
            inputs: ids shifted up by one, right-padded, shape (B, L).
        Returns:
            Shape (B, L, embedding_dim); states behind a row's end mean nothing.
        """
        return self(self.dropout(self.embedding(inputs)))

    def forward(self, embedded: Tensor) -> Tensor:
        """States from embedded items, (B, L, E) → (B, L, E)."""
        return self.to_items(self.gru(embedded)[0])

    def task_states(
        self, weights: Mapping[str, Tensor], embedded: Tensor, sizes: Sequence[int]
    ) -> Tensor:
        """`forward` of many learners at once, each with weights of its own.

        Fused recurrent kernels know no batch of weights, and cuDNN's can be
        differentiated once only.

        Args:
            weights: `gru.*` and `to_items.*` by name with a dimension of learners in
                front.
            embedded: rows place by place, the longest first, shape (T, P, E).
            sizes: rows of each place.
        Returns:
            Shape (T, P, E).
        """
        states = embedded
        for layer in range(self.config.n_layers):
            into, recurrent, into_bias, recurrent_bias = (
                weights[f"gru.{name}_l{layer}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            from_items = torch.baddbmm(into_bias[:, None], states, into.mT)
            states = recurrence(
                from_items, recurrent.mT, recurrent_bias[:, None], sizes
            )
        if isinstance(self.to_items, nn.Identity):
            return states
        weight, bias = weights["to_items.weight"], weights["to_items.bias"]
        return torch.baddbmm(bias[:, None], states, weight.mT)

    def loss(self, batch: SequenceBatch) -> Tensor:
        """Cross-entropy at every admissible position, a scalar."""
        # the output layer dominates the cost: only states that are asked enter it
        states = self.state_dropout(self._asked_states(batch))  # (T, E)
        return item_loss(states, self.output, batch.targets, self.negatives)

    def _asked_states(self, batch: SequenceBatch) -> Tensor:
        """What is scored at each position that is asked, shape (T, E)."""
        states, number = self.read(batch.inputs)
        return states[number[batch.asks]]

    def read(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """States after all items of right-padded ids (B, L), and where they lie.

        Returns:
            Shape (N, embedding_dim), and the number among them of each place, shape
            (B, L); behind a row's end it means nothing. No row may be empty.
        """
        if self.config.n_layers > 1 or len(inputs) == 0:
            number = torch.arange(inputs.numel(), device=inputs.device)
            return self.states(inputs).flatten(0, 1), number.view(inputs.shape)
        embedded = self.dropout(self.embedding(inputs)).flatten(0, 1)
        lengths = (inputs != PAD).sum(1).cpu()
        place = torch.arange(len(embedded)).view(inputs.shape)
        packed = pack_padded_sequence(
            place, lengths, batch_first=True, enforce_sorted=False
        )
        at = packed.data.to(embedded.device)  # place of each state
        first = embedded.new_zeros(len(lengths), self.config.hidden_dim)
        tokens = PackedSequence(embedded[at], packed.batch_sizes)
        states = packed_states(self.gru, tokens, first)
        number = torch.zeros(len(embedded), dtype=torch.int64, device=at.device)
        number[at] = torch.arange(len(at), device=at.device)
        return self.to_items(states), number.view(inputs.shape)
