"""From ragged sequences to what a recurrent or attention network reads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from models_py.data import TrainSequences
from models_py.fitting import Batches, TrainingBatch
from models_py.ragged import Ragged, pad_aligned

SORTED_BATCHES = 50  # batches' worth of shuffled rows that are sorted by length
SCORED_ROWS = 256  # rows of alike length scored together


@dataclass(frozen=True)
class SequenceBatch(TrainingBatch):
    """Whole sequences with the positions a prediction is asked at.

    Args:
        inputs: ids shifted up by one, `PAD` behind the end, shape (B, L).
        asks: True where the next item is an admissible label, shape (B, L).
        targets: those labels as 0-based item ids, row by row, shape (T,).
    """

    inputs: Tensor
    asks: Tensor
    targets: Tensor

    @property
    def n_targets(self) -> int:
        """How many predictions the batch asks for."""
        return len(self.targets)

    def to(self, device: torch.device) -> "SequenceBatch":
        """The same batch on another device."""
        return SequenceBatch(
            self.inputs.to(device), self.asks.to(device), self.targets.to(device)
        )


def epoch_batches(
    train: TrainSequences, batch_size: int, generator: torch.Generator
) -> Batches[SequenceBatch]:
    """Shuffle the sequences into batches of about `batch_size` targets.

    Rows are shuffled, then sorted by length inside windows of many batches, so a
    batch holds rows of alike length and little padding; the batches are shuffled
    again. Rows without a label are left out.
    """
    lay_out = partial(make_batch, train)
    n_targets = _targets_per_row(train)
    rows = n_targets.nonzero().squeeze(1)
    if len(rows) == 0:
        return Batches([], lay_out)
    rows = rows[torch.randperm(len(rows), generator=generator)]
    window = n_targets[rows].cumsum(0) // (SORTED_BATCHES * batch_size)
    lengths = train.items.lengths[rows]
    rows = rows[(window * (lengths.max() + 1) + lengths).argsort(stable=True)]
    before = n_targets[rows].cumsum(0) - n_targets[rows]
    sizes = torch.bincount(before // batch_size)
    groups = rows.split(sizes[sizes > 0].tolist())
    order = torch.randperm(len(groups), generator=generator)
    return Batches([groups[i] for i in order.tolist()], lay_out)


def make_batch(train: TrainSequences, rows: Tensor) -> SequenceBatch:
    """The chosen training rows as one padded batch."""
    positions, lengths = train.items.positions(rows)
    width = int(lengths.max())
    ids = pad_aligned(train.items.values[positions] + 1, lengths, width)
    asks = pad_aligned(train.is_label[positions], lengths, width)[:, 1:]
    return SequenceBatch(ids[:, :-1], asks, ids[:, 1:][asks] - 1)


def cut_to_length(train: TrainSequences, max_length: int) -> TrainSequences:
    """Rows that ask no more than `max_length` inputs, every label a target once.

    A longer row is cut from its end; the last item of a stretch opens the next one.
    """
    lengths = train.items.lengths
    if len(lengths) == 0 or int(lengths.max()) <= max_length + 1:
        return train
    n_stretches = ((lengths - 2) // max_length + 1).clamp(min=1)
    row = torch.repeat_interleave(n_stretches)
    number = torch.arange(len(row)) - (n_stretches.cumsum(0) - n_stretches)[row]
    from_end = (n_stretches[row] - 1 - number) * max_length
    size = (lengths[row] - from_end).clamp(max=max_length + 1)
    offsets = torch.nn.functional.pad(size.cumsum(0), (1, 0))
    start = train.items.offsets[1:][row] - from_end - size
    at = torch.repeat_interleave(start - offsets[:-1], size)
    at += torch.arange(len(at))
    is_label = train.is_label[at]
    is_label[offsets[:-1]] = False  # the stretch before asks for it
    return TrainSequences(
        Ragged(train.items.values[at], offsets),
        is_label,
        train.sequence[row],
        train.last_at[row],
        train.n_items,
    )


def cut_to_last(rows: Ragged, max_length: int | Tensor) -> Ragged:
    """Keep at most the last `max_length` values of each row; shape (), or (rows,)."""
    kept = rows.lengths.clamp(max=max_length)
    offsets = torch.nn.functional.pad(kept.cumsum(0), (1, 0))
    starts = torch.repeat_interleave(rows.offsets[1:] - offsets[1:], kept)
    return Ragged(rows.values[starts + torch.arange(len(starts))], offsets)


@torch.no_grad()
def last_states(
    states: Callable[[Tensor], Tensor], prefixes: Ragged, device: torch.device
) -> Tensor:
    """State after the last real item of each prefix.

    Prefixes of alike length go through the network together: little padding, and
    a long prefix costs the short ones nothing.

    Args:
        states: network from shifted ids (B, L) to states (B, L, H), causal, so
            that padding behind a row's end changes none of its states.
        prefixes: none empty, Q rows.
        device: where the network is.
    Returns:
        Shape (Q, H), on the device.

    Raises:
        ValueError: a prefix is empty.
    """
    if len(prefixes) and int(prefixes.lengths.min()) == 0:
        raise ValueError("a prefix is empty: there is no state to predict from")
    order = prefixes.lengths.argsort(stable=True)
    found = []
    for rows in order.split(SCORED_ROWS):
        ids, lengths = prefixes.take(rows).pad()
        batch = states(ids.to(device))  # (B, L, H)
        found.append(batch[torch.arange(len(rows)), (lengths - 1).to(device)])
    return torch.cat(found)[order.argsort()]


def n_parameters(model: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def device_of(model: nn.Module) -> torch.device:
    """Where a network's weights are."""
    return next(model.parameters()).device


def _targets_per_row(train: TrainSequences) -> Tensor:
    total = torch.nn.functional.pad(train.is_label.cumsum(0), (1, 0))
    return total[train.items.offsets].diff()
