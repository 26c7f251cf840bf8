"""A GRU that reads a learner's support before it reads the prefix.

No weight changes: the support pairs' sequences go through the network first, and the
state they leave is where each query begins, so adapting is one pass forward. Learning
to learn by reading: Santoro et al., Meta-Learning with Memory-Augmented Neural
Networks, ICML 2016; Garnelo et al., Conditional Neural Processes, ICML 2018.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from models_py.config import require, require_count, require_share
from models_py.fitting import TrainingBatch
from models_py.meta.blocks import Blocks
from models_py.meta.tasks import sequence_numbers, shared_rows
from models_py.ragged import PAD, Ragged
from models_py.recommendation.output import SHARED_STD, SharedOutput, item_loss
from models_py.recommendation.recurrence import packed_states
from models_py.recommendation.sequences import cut_to_last
from models_py.recommendation.session_knn import UNKNOWN
from models_py.recommendation.softmax import Negatives
from models_py.seeding import seeded

TIERS = (0.33, 0.66)  # where reliability turns medium, and high, in the marts


@dataclass(frozen=True)
class ContextConfig:
    """Settings of `ContextGRU`.

    Args:
        embedding_dim: width of an item's embedding.
        hidden_dim: width of the recurrent state.
        dropout: share of embedding and state entries silenced in training; None goes
            by how many targets an item has.
        weight_dropout: share of the recurrent weights silenced in a training step, at
            all places alike (DropConnect: Wan et al., ICML 2013; in recurrent networks:
            Merity, Keskar, Socher, ICLR 2018).
        negatives: items drawn to stand for all in a batch's loss; 0 takes all, None
            draws them in large vocabularies only.
        max_length: a prefix is cut to this many last items.
        context_length: so many last items of each support sequence are read.
        reads_reliability: whether a support sequence opens by its session's tier of
            reliability, where that session is over when the queries are asked.
    """

    embedding_dim: int = 128
    hidden_dim: int = 128
    dropout: float | None = None
    weight_dropout: float = 0.5
    negatives: int | None = None
    max_length: int = 50
    context_length: int = 20
    reads_reliability: bool = False

    def __post_init__(self) -> None:
        require(self.embedding_dim >= 1, "embedding_dim must be 1 or more")
        require(self.hidden_dim >= 1, "hidden_dim must be 1 or more")
        require_share(self.dropout, "dropout")
        require_share(self.weight_dropout, "weight_dropout")
        require_count(self.negatives, "negatives")
        require(self.max_length >= 1, "max_length must be 1 or more")
        require(self.context_length >= 1, "context_length must be 1 or more")


@dataclass(frozen=True)
class ContextBatch(TrainingBatch):
    """Support to read, then queries to answer.

    Args:
        context: tokens of each task's support, right-padded, shape (T, C).
        context_length: shape (T,), none 0.
        rows: tokens of the queries' sequences, right-padded, shape (R, L).
        row_length: shape (R,).
        task: of each row, shape (R,).
        row, place: where each query's prefix ends, shape (N,).
        targets: 0-based item ids, shape (N,).
    """

    context: Tensor
    context_length: Tensor
    rows: Tensor
    row_length: Tensor
    task: Tensor
    row: Tensor
    place: Tensor
    targets: Tensor

    @property
    def n_targets(self) -> int:
        """How many predictions are asked for."""
        return len(self.targets)

    def to(self, device: torch.device) -> "ContextBatch":
        """The same batch on another device; lengths stay, packing wants them there."""
        return ContextBatch(
            self.context.to(device),
            self.context_length,
            self.rows.to(device),
            self.row_length,
            self.task.to(device),
            self.row.to(device),
            self.place.to(device),
            self.targets.to(device),
        )


class ContextGRU(nn.Module):
    """Embeddings → GRU over the support, then over the prefix → scores of all items."""

    def __init__(self, n_items: int, config: ContextConfig, seed: int) -> None:
        super().__init__()
        self.config = config
        self.opening = n_items  # a token before each sequence
        n_openings = 1 + (len(TIERS) + 1 if config.reads_reliability else 0)
        with seeded(seed):
            self.embedding = nn.Embedding(
                n_items + 1 + n_openings, config.embedding_dim, padding_idx=PAD
            )
            self.gru = nn.GRU(config.embedding_dim, config.hidden_dim, batch_first=True)
            self.to_items = (
                nn.Identity()
                if config.hidden_dim == config.embedding_dim
                else nn.Linear(config.hidden_dim, config.embedding_dim)
            )
            nn.init.normal_(self.embedding.weight, std=SHARED_STD)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0.0
        self.output = SharedOutput(self.embedding, n_items)
        self.negatives: Negatives | None = None  # until it is known what labels are
        self.dropout = nn.Dropout(config.dropout or 0.0)

    def loss(self, batch: ContextBatch) -> Tensor:
        """Cross-entropy of every query, a scalar."""
        states = self.dropout(self.states(batch))
        return item_loss(states, self.output, batch.targets, self.negatives)

    def states(self, batch: ContextBatch) -> Tensor:
        """What is scored behind each query's prefix, shape (N, E)."""
        n_tasks = len(batch.context)
        nothing = self.output.bias.new_zeros(n_tasks, self.config.hidden_dim)
        share = self.config.weight_dropout
        whole = self.gru.get_parameter("weight_hh_l0")
        recurrent = functional.dropout(whole, share, self.training)
        context = (batch.context, batch.context_length)
        states, at = self._read(*context, nothing, recurrent)
        read = states[at[torch.arange(n_tasks), batch.context_length - 1]]  # (T, H)
        first = read[batch.task]
        states, at = self._read(batch.rows, batch.row_length, first, recurrent)
        return self.to_items(states[at[batch.row, batch.place]])

    def _read(
        self, tokens: Tensor, lengths: Tensor, first: Tensor, recurrent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States after all tokens, (N, H), and where each row's lie, (R, L)."""
        is_token = tokens != PAD
        # row by row, (N, E)
        embedded = self.dropout(self.embedding(tokens[is_token]))
        number = torch.zeros_like(tokens)
        number[is_token] = torch.arange(len(embedded), device=tokens.device)
        order = pack_padded_sequence(
            number, lengths, batch_first=True, enforce_sorted=False
        )
        packed = PackedSequence(embedded[order.data], order.batch_sizes)
        first = first[order.sorted_indices]
        states = packed_states(self.gru, packed, first, recurrent)
        return states, order.data.argsort()[number]

    def lay_out(self, blocks: Blocks, *, may_exceed: bool = False) -> ContextBatch:
        """Tasks of varying size as padded tensors.

        Args:
            may_exceed: queries behind more than `max_length` items share a row with
                those before them and are asked behind a few more.
        """
        context = self._context(blocks)
        task = torch.repeat_interleave(blocks.query.lengths)
        chosen = blocks.query.values
        length = self.config.max_length
        rows = shared_rows(blocks.pairs, chosen, task, length, may_exceed=may_exceed)
        opened = rows.prefixes.prepend(self.opening)
        return ContextBatch(
            context=context.pad()[0],
            context_length=context.lengths,
            rows=opened.pad()[0],
            row_length=opened.lengths,
            task=task[rows.last],
            row=rows.row,
            place=rows.place + 1,
            targets=blocks.pairs.label[chosen],
        )

    def _context(self, blocks: Blocks) -> Ragged:
        """Each task's support sequences, every one opened, behind a first opening."""
        task = torch.repeat_interleave(blocks.support.lengths)
        chosen, pairs = blocks.support.values, blocks.pairs
        length = self.config.max_length
        rows = shared_rows(pairs, chosen, task, length, may_exceed=True)
        read = rows.prefixes.append(pairs.label[chosen[rows.last]])
        read = cut_to_last(read, self.config.context_length).prepend(self.opening)
        if self.config.reads_reliability:
            last = chosen[rows.last]
            reliability = pairs.reliability[last]
            tier = 1 + torch.bucketize(reliability, torch.tensor(TIERS), right=True)
            is_over = ~_is_asked(blocks, task[rows.last], pairs.sequence[last])
            read.values[read.offsets[:-1]] += tier * is_over
        n_tokens = torch.zeros(len(blocks), dtype=torch.int64)
        n_tokens.index_add_(0, task[rows.last], read.lengths)
        return Ragged.of_lengths(read.values, n_tokens).prepend(self.opening)


def _is_asked(blocks: Blocks, task: Tensor, sequence: Tensor) -> Tensor:
    """Whether a task's queries continue a sequence, or nobody knows which it is."""
    asked = blocks.pairs.sequence[blocks.query.values]
    owner = torch.repeat_interleave(blocks.query.lengths)
    of_queries, known = sequence_numbers((owner, asked), (task, sequence))
    return torch.isin(known, of_queries) | (sequence == UNKNOWN)
