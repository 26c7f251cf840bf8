"""Batches in which each asked answer sees the interactions before it, and no others."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from models_py.fitting import Batches
from models_py.tracing.data import Probes, Responses
from models_py.tracing.history_batch import Asked, HistoryBatch, Interactions
from models_py.tracing.platt import Platt

SORTED_BATCHES = 20  # batches' worth of shuffled windows that are sorted by length
SCORED_CHUNK = 100  # answers asked at a time when predicting: 2/3 of the keys count
SCORED_ROWS = 32  # chunks of alike length that are asked together
NOWHERE = -1  # row of a padded place

Kind = TypeVar("Kind", bound=Asked)


@dataclass(frozen=True)
class Windows:
    """Stretches of users' responses: what is asked, and the interactions before.

    Args:
        responses: all of them.
        first: row of the first question, shape (W,).
        end: one behind the row of the last question, shape (W,).
        past_from: row of the first interaction, at most `first`, shape (W,).
    """

    responses: Responses
    first: Tensor
    end: Tensor
    past_from: Tensor

    def __len__(self) -> int:
        return len(self.first)

    def batch(self, windows: Tensor) -> HistoryBatch:
        """The chosen windows as one padded batch."""
        first, end = self.first[windows], self.end[windows]
        asked = _padded_rows(first, end)
        past = _padded_rows(self.past_from[windows], end)
        data = self.responses
        return HistoryBatch(
            _gathered(data, asked, Asked),
            _gathered(data, past, Interactions),
            data.skill_sets,
            data.skill_sets.overlap,
            data.history[asked.clamp(min=0)],
            data.correct[asked[asked != NOWHERE]].float(),
        )


def cut(responses: Responses, length: int, context: int) -> Windows:
    """Cut each user's responses into windows that do not overlap.

    Args:
        length: most questions of a window.
        context: how many interactions before a window's first question come along.
    """
    starts = responses.user_starts[:-1]
    sizes = responses.user_starts.diff()
    n_windows = (sizes + length - 1) // length
    of = torch.repeat_interleave(torch.arange(len(starts)), n_windows)
    before = torch.nn.functional.pad(n_windows.cumsum(0), (1, 0))[:-1]
    number = torch.arange(len(of)) - before[of]
    first = starts[of] + number * length
    end = torch.minimum(first + length, responses.user_starts[1:][of])
    return Windows(responses, first, end, torch.maximum(first - context, starts[of]))


def epoch_batches(
    windows: Windows, n_targets: int, generator: torch.Generator
) -> Batches[HistoryBatch]:
    """Shuffle the windows into batches of about `n_targets` questions.

    Windows are shuffled, then sorted by length inside stretches of many batches, so
    a batch holds little padding; the batches are shuffled again.
    """
    if len(windows) == 0:
        return Batches([], windows.batch)
    order = torch.randperm(len(windows), generator=generator)
    lengths = (windows.end - windows.first)[order]
    stretch = lengths.cumsum(0) // (SORTED_BATCHES * n_targets)
    by_length = (stretch * (lengths.max() + 1) + lengths).argsort(stable=True)
    order, lengths = order[by_length], lengths[by_length]
    sizes = torch.bincount((lengths.cumsum(0) - lengths) // n_targets)
    groups = order.split(sizes[sizes > 0].tolist())
    shuffled = torch.randperm(len(groups), generator=generator).tolist()
    return Batches([groups[i] for i in shuffled], windows.batch)


def scoring_batches(
    responses: Responses, context: int
) -> Iterator[tuple[Tensor, HistoryBatch]]:
    """Every response once, in order of its row inside equal lengths.

    Each is asked with its own last `context` interactions, so none goes unscored
    and none has less to look at than it could have.

    Yields:
        Rows of the batch's real questions in the order of its targets, and the batch.
    """
    windows = cut(responses, SCORED_CHUNK, context)
    order = (windows.end - windows.past_from).argsort(stable=True)
    for group in order.split(SCORED_ROWS):
        batch = windows.batch(group)
        yield batch.asked.position[batch.asked.is_real], batch


class AnswersByLogits(Protocol):
    """An `nn.Module` that says of a batch how likely each answer is."""

    platt: Platt

    def eval(self) -> object:
        """Turn dropout off."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All weights."""

    def logits(self, batch: HistoryBatch) -> Tensor:
        """Log odds of a right answer to each question, (B, Q)."""


def chances(model: AnswersByLogits, responses: Responses, context: int) -> Tensor:
    """What a network of `logits` says of each response, one after the other, (N,)."""
    model.eval()
    device = next(model.parameters()).device
    found = torch.empty(len(responses))
    for rows, batch in scoring_batches(responses, context):
        odds = model.platt(model.logits(batch.to(device)))
        found[rows] = odds[batch.asked.is_real.to(device)].sigmoid().cpu()
    return found


def probe_batches(
    responses: Responses, probes: Probes, columns: Tensor, context: int
) -> Iterator[tuple[Tensor, HistoryBatch]]:
    """Every probe once; it sees its response and all before.

    Args:
        columns: what a model reads of each beside the interactions, shape (M, F).
    Yields:
        Numbers of the batch's probes in the order of its real questions, and the
        batch, which has no targets.
    """
    windows = cut(responses, SCORED_CHUNK, context)
    first = torch.searchsorted(probes.after, windows.first)
    end = torch.searchsorted(probes.after, windows.end)
    order = (end - first).argsort(stable=True)
    for group in order.split(SCORED_ROWS // 4):  # a response has several probes
        if int((end[group] - first[group]).max()) == 0:
            continue
        asked = _padded_rows(first[group], end[group])  # numbers of probes
        is_real = asked != NOWHERE
        number = asked.clamp(min=0)
        after = probes.after[number]
        questions = Asked(
            item=probes.item[number],
            skill_set=probes.skill_set[number],
            at=probes.at[number],
            position=after + 1,
            is_real=is_real,
        )
        past = _padded_rows(windows.past_from[group], windows.end[group])
        yield (
            asked[is_real],
            HistoryBatch(
                questions,
                _gathered(responses, past, Interactions),
                responses.skill_sets,
                responses.skill_sets.overlap,
                columns[number],
                torch.empty(0),
            ),
        )


def _padded_rows(first: Tensor, end: Tensor) -> Tensor:
    """first[i] … end[i] - 1 in row i, `NOWHERE` behind, shape (B, longest)."""
    width = int((end - first).max())
    rows = first[:, None] + torch.arange(width)
    return torch.where(rows < end[:, None], rows, NOWHERE)


def _gathered(data: Responses, rows: Tensor, kind: type[Kind]) -> Kind:
    """Columns of the chosen rows; a row's number serves as its position."""
    at = rows.clamp(min=0)
    columns = {
        "item": data.item[at],
        "skill_set": data.skill_set[at],
        "at": data.at[at],
        "position": at,
        "is_real": rows != NOWHERE,
        "correct": data.correct[at].float(),
        "behaviour": data.behaviour[at].nan_to_num(0.0),
    }
    return kind(**{field.name: columns[field.name] for field in fields(kind)})
