"""A GRU over the items so far, after GRU4Rec.

Hidasi, Karatzoglou, Baltrunas, Tikk: Session-based Recommendations with Recurrent
Neural Networks, ICLR 2016. Not GRU4Rec itself: whole sequences with full softmax
cross-entropy take the place of session-parallel mini-batches, sampled negatives
and the BPR-max / TOP1 losses (see docs/models.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig, require
from models_py.data import Queries, TrainSequences
from models_py.fitting import Batches, FitLog, Optimise
from models_py.ragged import PAD
from models_py.recommendation import sequences
from models_py.recommendation.recurrence import recurrence
from models_py.recommendation.sequences import SequenceBatch
from models_py.recommendation.softmax import full_cross_entropy
from models_py.seeding import seeded

EMBEDDING_STD = 0.3  # of initial item embeddings


@dataclass(frozen=True)
class GRUConfig:
    """Settings of `GRU`.

    Args:
        embedding_dim: width of an item's embedding.
        hidden_dim: width of the recurrent state.
        n_layers: stacked recurrent layers.
        dropout: share of embedding and state entries silenced in training.
        max_length: a prefix is cut to this many last items.
        seed: seed of the initial weights.
        optimiser: how it is fitted.
    """

    embedding_dim: int = 64
    hidden_dim: int = 128
    n_layers: int = 1
    dropout: float = 0.2
    max_length: int = 50
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(weight_decay=0.1)
    )

    def __post_init__(self) -> None:
        require(self.embedding_dim >= 1, "embedding_dim must be 1 or more")
        require(self.hidden_dim >= 1, "hidden_dim must be 1 or more")
        require(self.n_layers >= 1, "n_layers must be 1 or more")
        require(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        require(self.max_length >= 1, "max_length must be 1 or more")


class GRU(nn.Module):
    """Item embeddings → GRU → scores of all items, from every position."""

    def __init__(self, n_items: int, config: GRUConfig) -> None:
        super().__init__()
        self.config = config
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
            self.output = nn.Linear(config.hidden_dim, n_items)
            # torch draws N(0, 1): so wide that rare items stay noise for long
            nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0
        self.dropout = nn.Dropout(config.dropout)
        self.state_dropout = nn.Dropout(config.dropout)

    @property
    def n_parameters(self) -> int:
        """All weights."""
        return sequences.n_parameters(self)

    def states(self, inputs: Tensor) -> Tensor:
        """State after each position; later positions change no earlier state.

        Args:
            inputs: ids shifted up by one, right-padded, shape (B, L).
        Returns:
            Shape (B, L, hidden_dim); states behind a row's end mean nothing.
        """
        return self(self.dropout(self.embedding(inputs)))

    def forward(self, embedded: Tensor) -> Tensor:
        """States from embedded items, (B, L, E) → (B, L, hidden_dim)."""
        return self.gru(embedded)[0]

    def task_states(self, weights: Mapping[str, Tensor], embedded: Tensor) -> Tensor:
        """`forward` of many learners at once, each with weights of its own.

        Fused recurrent kernels know no batch of weights, and cuDNN's can be
        differentiated once only.

        Args:
            weights: `gru.*` parameters by name with a dimension of learners in front.
            embedded: shape (T, R, L, E).
        Returns:
            Shape (T, R, L, hidden_dim).
        """
        states = embedded
        for layer in range(self.config.n_layers):
            into, recurrent, into_bias, recurrent_bias = (
                weights[f"gru.{name}_l{layer}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            # a learner's rows side by side: else its weights are copied for each row
            flat = torch.baddbmm(into_bias[:, None], states.flatten(1, 2), into.mT)
            from_items = flat.unflatten(1, states.shape[1:3])
            states = recurrence(from_items, recurrent.mT, recurrent_bias[:, None])
        return states

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
        states = self.state_dropout(self.states(batch.inputs)[batch.asks])  # (T, H)
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
        states = sequences.last_states(self.states, prefixes, device)  # (B, H)
        return self.output(states).float().cpu()
