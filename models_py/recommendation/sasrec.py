"""SASRec: self-attention over the items so far.

Kang, McAuley: Self-Attentive Sequential Recommendation, ICDM 2018. The blocks are
the paper's; the loss is full softmax cross-entropy instead of binary cross-entropy
against one sampled negative (see docs/models.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from models_py.config import OptimiserConfig, require
from models_py.data import Queries, TrainSequences
from models_py.fitting import Batches, FitLog, Optimise
from models_py.ragged import PAD
from models_py.recommendation import sequences
from models_py.recommendation.sequences import SequenceBatch
from models_py.recommendation.softmax import full_cross_entropy
from models_py.seeding import seeded

POSITION_STD = 0.3  # of initial position embeddings


@dataclass(frozen=True)
class SASRecConfig:
    """Settings of `SASRec`.

    Args:
        dim: width of embeddings and states.
        n_heads: attention heads, a divisor of `dim`.
        n_blocks: attention blocks.
        dropout: share of entries silenced in training.
        max_length: a prefix is cut to this many last items; also the number of
            learned positions, so training rows hold at most one item more.
        seed: seed of the initial weights.
        optimiser: how it is fitted.
    """

    dim: int = 64
    n_heads: int = 2
    n_blocks: int = 2
    dropout: float = 0.2
    max_length: int = 50
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=2e-3, weight_decay=0.5, patience=5
        )
    )

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim must be 1 or more")
        require(self.n_heads >= 1, "n_heads must be 1 or more")
        require(self.dim % self.n_heads == 0, "n_heads must divide dim")
        require(self.n_blocks >= 1, "n_blocks must be 1 or more")
        require(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        require(self.max_length >= 1, "max_length must be 1 or more")


class Block(nn.Module):
    """Causal self-attention, then a position-wise network, both residual."""

    def __init__(self, config: SASRecConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.attention_norm = nn.LayerNorm(config.dim)
        self.query_key_value = nn.Linear(config.dim, 3 * config.dim)
        self.mix_heads = nn.Linear(config.dim, config.dim)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(config.dim),
            nn.Linear(config.dim, config.dim),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dim, config.dim),
            nn.Dropout(config.dropout),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """States of one block from those of the last, shape (B, L, D)."""
        x = x + self.dropout(self.attend(self.attention_norm(x)))
        return x + self.feed_forward(x)

    def attend(self, x: Tensor) -> Tensor:
        """Each position reads itself and what lies before it, shape (B, L, D)."""
        projected = self.query_key_value(x).unflatten(2, (3, self.n_heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # (B, heads, L, D/heads)
        read = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True
        )
        return self.mix_heads(read.transpose(1, 2).flatten(2))


class SASRec(nn.Module):
    """Item and position embeddings → attention blocks → scores of all items.

    Rows are right-padded: whatever lies behind a row's end also lies behind every
    real position, so the causal mask is the padding mask too. Positions count from
    the start of the row, in training and in scoring alike.
    """

    def __init__(self, n_items: int, config: SASRecConfig) -> None:
        super().__init__()
        self.config = config
        with seeded(config.seed):
            self.embedding = nn.Embedding(n_items + 1, config.dim, padding_idx=PAD)
            self.position = nn.Embedding(config.max_length, config.dim)
            self.blocks = nn.Sequential(
                *(Block(config) for _ in range(config.n_blocks))
            )
            self.norm = nn.LayerNorm(config.dim)
            self.output = nn.Linear(config.dim, n_items)
            # as wide as items are drawn, positions would drown them
            nn.init.normal_(self.position.weight, std=POSITION_STD)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def n_parameters(self) -> int:
        """All weights."""
        return sequences.n_parameters(self)

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
        x = embedded + self.position.weight[: embedded.shape[1]]
        return self.norm(self.blocks(self.dropout(x)))

    def task_states(self, weights: Mapping[str, Tensor], embedded: Tensor) -> Tensor:
        """`forward` of many learners at once, each with weights of its own.

        Args:
            weights: parameters by name with a dimension of learners in front.
            embedded: shape (T, R, L, D).
        Returns:
            Shape (T, R, L, D).
        """

        def of_learner(own: dict[str, Tensor], rows: Tensor) -> Tensor:
            return functional_call(self, own, (rows,))

        # the fused attention kernels have no second derivative
        with sdpa_kernel(SDPBackend.MATH):
            return vmap(of_learner)(dict(weights), embedded)

    def batches(
        self,
        train: TrainSequences,
        settings: OptimiserConfig,
        generator: torch.Generator,
    ) -> Batches[SequenceBatch]:
        """Whole sequences, about as many targets a batch as the settings say."""
        n_targets = settings.targets_per_step(train.n_labels)
        return sequences.epoch_batches(train, n_targets, generator)

    def loss(self, batch: SequenceBatch) -> Tensor:
        """Full cross-entropy at every admissible position, a scalar."""
        # the output layer dominates the cost: only states that are asked enter it
        states = self.states(batch.inputs)[batch.asks]  # (T, D)
        return full_cross_entropy(states, self.output, batch.targets)

    def fit(self, train: TrainSequences, optimise: Optimise) -> FitLog:
        """Hand the network to the training loop."""
        return optimise(self, train)

    @torch.no_grad()
    def score(self, queries: Queries) -> Tensor:
        """Logits of all items, shape (B, n_items), on the CPU."""
        self.eval()
        prefixes = sequences.cut_to_last(queries.prefixes, self.config.max_length)
        device = sequences.device_of(self)
        states = sequences.last_states(self.states, prefixes, device)  # (B, D)
        return self.output(states).float().cpu()
