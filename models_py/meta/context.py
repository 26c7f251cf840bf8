"""A GRU that reads a learner's support before it reads the prefix.

No weight changes: the support pairs' sequences go through the network first, and the
state they leave is where each query begins, so adapting is one pass forward. Learning
to learn by reading: Santoro et al., Meta-Learning with Memory-Augmented Neural
Networks, ICML 2016; Garnelo et al., Conditional Neural Processes, ICML 2018.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from models_py.config import require
from models_py.meta.blocks import Blocks
from models_py.meta.tasks import shared_rows
from models_py.ragged import PAD, Ragged
from models_py.recommendation.gru import EMBEDDING_STD
from models_py.recommendation.recurrence import packed_states
from models_py.recommendation.sequences import cut_to_last
from models_py.recommendation.softmax import full_cross_entropy
from models_py.seeding import seeded


@dataclass(frozen=True)
class ContextConfig:
    """Settings of `ContextGRU`.

    Args:
        embedding_dim: width of an item's embedding.
        hidden_dim: width of the recurrent state.
        dropout: share of embedding and state entries silenced in training.
        max_length: a prefix is cut to this many last items.
        context_length: so many last items of each support sequence are read.
    """

    embedding_dim: int = 64
    hidden_dim: int = 128
    dropout: float = 0.2
    max_length: int = 50
    context_length: int = 20

    def __post_init__(self) -> None:
        require(self.embedding_dim >= 1, "embedding_dim must be 1 or more")
        require(self.hidden_dim >= 1, "hidden_dim must be 1 or more")
        require(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        require(self.max_length >= 1, "max_length must be 1 or more")
        require(self.context_length >= 1, "context_length must be 1 or more")


@dataclass(frozen=True)
class ContextBatch:
    """Support to read, then queries to answer.

    Args:
        context: tokens of each task's support, none empty, T rows.
        context_end: where each task's support ends in the packed data, shape (T,).
        rows: tokens of the queries' sequences, R rows.
        task: of each row, longest row first, shape (R,).
        asked: where each query's prefix ends in the packed data, shape (N,).
        targets: 0-based item ids, shape (N,).
    """

    context: PackedSequence
    context_end: Tensor
    rows: PackedSequence
    task: Tensor
    asked: Tensor
    targets: Tensor

    @property
    def n_targets(self) -> int:
        """How many predictions are asked for."""
        return len(self.targets)

    def to(self, device: torch.device) -> "ContextBatch":
        """The same batch on another device."""
        return ContextBatch(
            *(getattr(self, item.name).to(device) for item in fields(self))
        )


class ContextGRU(nn.Module):
    """Embeddings → GRU over the support, then over the prefix → scores of all items."""

    def __init__(self, n_items: int, config: ContextConfig, seed: int) -> None:
        super().__init__()
        self.config = config
        self.opening = n_items  # a token before each sequence
        with seeded(seed):
            self.embedding = nn.Embedding(
                n_items + 2, config.embedding_dim, padding_idx=PAD
            )
            self.gru = nn.GRU(config.embedding_dim, config.hidden_dim, batch_first=True)
            self.output = nn.Linear(config.hidden_dim, n_items)
            nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0
        self.dropout = nn.Dropout(config.dropout)

    def loss(self, batch: ContextBatch) -> Tensor:
        """Full cross-entropy of every query, a scalar."""
        states = self.dropout(self.states(batch))
        return full_cross_entropy(states, self.output, batch.targets)

    def states(self, batch: ContextBatch) -> Tensor:
        """The state behind each query's prefix, shape (N, H)."""
        n_tasks, weight = len(batch.context_end), self.output.weight
        nothing = weight.new_zeros(n_tasks, weight.shape[1])
        read = self._read(batch.context, nothing)[batch.context_end]  # (T, H)
        return self._read(batch.rows, read[batch.task])[batch.asked]

    def _read(self, tokens: PackedSequence, first: Tensor) -> Tensor:
        """States after each token, in packed order."""
        embedded = self.dropout(self.embedding(tokens.data))
        packed = PackedSequence(embedded, tokens.batch_sizes)
        return packed_states(self.gru, packed, first)

    def lay_out(self, blocks: Blocks) -> ContextBatch:
        """Tasks of varying size as padded tensors."""
        context = self._context(blocks)
        task = torch.repeat_interleave(blocks.query.lengths)
        chosen = blocks.query.values
        rows = shared_rows(blocks.pairs, chosen, task, self.config.max_length)
        read, asked = _packed(context), _packed(rows.prefixes.prepend(self.opening))
        return ContextBatch(
            context=read,
            context_end=_place(read, torch.arange(len(context)), context.lengths - 1),
            rows=asked,
            task=task[rows.last][asked.sorted_indices],
            asked=_place(asked, rows.row, rows.place + 1),
            targets=blocks.pairs.label[chosen],
        )

    def _context(self, blocks: Blocks) -> Ragged:
        """Each task's support sequences, every one opened, behind a first opening."""
        task = torch.repeat_interleave(blocks.support.lengths)
        chosen, pairs = blocks.support.values, blocks.pairs
        rows = shared_rows(pairs, chosen, task, self.config.max_length)
        read = rows.prefixes.append(pairs.label[chosen[rows.last]])
        read = cut_to_last(read, self.config.context_length).prepend(self.opening)
        n_tokens = torch.zeros(len(blocks), dtype=torch.int64)
        n_tokens.index_add_(0, task[rows.last], read.lengths)
        return Ragged.of_lengths(read.values, n_tokens).prepend(self.opening)


def _packed(rows: Ragged) -> PackedSequence:
    """Rows, none empty, as their first tokens, then their second ones, and so on."""
    padded, lengths = rows.pad()
    return pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)


def _place(packed: PackedSequence, row: Tensor, step: Tensor) -> Tensor:
    """Where tokens lie in the packed data, given by row and place in it."""
    start = packed.batch_sizes.cumsum(0) - packed.batch_sizes
    return start[step] + packed.unsorted_indices[row]
