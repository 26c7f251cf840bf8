"""Episodes as tensors: what is known of a learner, and what is asked."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from models_py.data import TrainSequences
from models_py.ragged import PAD, Ragged
from models_py.recommendation.sequences import cut_to_last
from models_py.recommendation.session_knn import UNKNOWN


@dataclass(frozen=True)
class PairRows:
    """Pairs that tasks point at, prefix → next item.

    Args:
        prefixes: 0-based item ids, oldest first, none empty, P rows.
        prefix_len: uncapped length, shape (P,).
        sequence: number of the pair's sequence, -1 where unknown, shape (P,).
        label: the next item, shape (P,).
        reliability: of the label's session, in [0, 1], shape (P,).
    """

    prefixes: Ragged
    prefix_len: Tensor
    sequence: Tensor
    label: Tensor
    reliability: Tensor


@dataclass(frozen=True)
class Tasks:
    """Learners, each with pairs to learn from and pairs to answer.

    Args:
        pairs: what `support` and `query` point at.
        support: rows of `pairs`, oldest first, shape (T, K); K may be 0.
        query: rows of `pairs`, none older than the support, shape (T, Q).
        reliability: of the support, in [0, 1], shape (T,).
    """

    pairs: PairRows
    support: Tensor
    query: Tensor
    reliability: Tensor

    def __len__(self) -> int:
        return len(self.query)

    def take(self, rows: Tensor) -> "Tasks":
        """The chosen tasks, in the order asked for."""
        return replace(
            self,
            support=self.support[rows],
            query=self.query[rows],
            reliability=self.reliability[rows],
        )

    def with_support(self, size: int) -> "Tasks":
        """The same tasks with the latest `size` support pairs, at most all there are.

        Their reliability is the mean over the pairs that are left, 0 if none is.
        """
        support = self.support[:, max(self.support.shape[1] - size, 0) :]
        reliability = self.pairs.reliability[support].mean(1).nan_to_num(0.0)
        return replace(self, support=support, reliability=reliability)

    def lengths(self) -> Tensor:
        """Longest prefix of each task, shape (T,)."""
        rows = torch.cat([self.support, self.query], 1)
        return self.pairs.prefixes.lengths[rows].amax(1)


@dataclass(frozen=True)
class TrainTasks:
    """What a model that adapts learns from.

    Args:
        sequences: train users' whole sequences.
        episodes: those of train users.
        histories: rows of `episodes.pairs`, each train user's pairs in time order.
    """

    sequences: TrainSequences
    episodes: Tasks
    histories: Ragged


@dataclass(frozen=True)
class Asked:
    """Pairs of each task, laid out for a network.

    Pairs of one sequence share a row: the shorter prefix is the head of the longer.

    Args:
        ids: item ids shifted up by one, right-padded, shape (T, R, L).
        slot: of each item among the learner's support items, -1 for others,
            shape (T, R, L).
        row, place: where each pair's prefix ends, shape (T, N).
        labels: 0-based item ids, shape (T, N).
    """

    ids: Tensor
    slot: Tensor
    row: Tensor
    place: Tensor
    labels: Tensor

    def at_ends(self, states: Tensor) -> Tensor:
        """The state behind each pair's prefix, (T, R, L, H) → (T, N, H)."""
        task = torch.arange(len(states), device=states.device)[:, None]
        return states[task, self.row, self.place]

    def to(self, device: torch.device) -> "Asked":
        """The same on another device."""
        return Asked(*(getattr(self, item.name).to(device) for item in fields(self)))


@dataclass(frozen=True)
class TaskBatch:
    """Tasks that a network goes through together.

    Args:
        slot_ids: shifted ids of each task's support items, padded, shape (T, S).
        reliability: shape (T,).
    """

    slot_ids: Tensor
    support: Asked
    query: Asked
    reliability: Tensor

    def to(self, device: torch.device) -> "TaskBatch":
        """The same batch on another device."""
        return TaskBatch(
            *(getattr(self, item.name).to(device) for item in fields(self))
        )


def lay_out(tasks: Tasks, max_length: int) -> TaskBatch:
    """Tasks as padded tensors; prefixes are cut to their last `max_length` items."""
    support = _rows_of(tasks.pairs, tasks.support, max_length)
    query = _rows_of(tasks.pairs, tasks.query, max_length)
    slot_ids = _distinct(support[0].flatten(1))
    known, asked = (
        Asked(ids, _slots(slot_ids, ids), *rest) for ids, *rest in (support, query)
    )
    return TaskBatch(slot_ids, known, asked, tasks.reliability.float())


def _rows_of(
    pairs: PairRows, chosen: Tensor, max_length: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`ids`, `row`, `place` and `labels` of the chosen pairs, given as (T, N)."""
    task = torch.arange(len(chosen))[:, None].expand_as(chosen).flatten()
    rows = shared_rows(pairs, chosen.flatten(), task, max_length)
    task_of_row = task[rows.last]
    first = torch.searchsorted(task_of_row, torch.arange(len(chosen)))
    in_task = torch.arange(len(task_of_row)) - first[task_of_row]
    padded, _ = rows.prefixes.pad()
    n_rows = int(in_task.max()) + 1 if len(in_task) else 1
    ids = padded.new_zeros(len(chosen), n_rows, padded.shape[1])
    ids[task_of_row, in_task] = padded
    row, place = in_task[rows.row].view_as(chosen), rows.place.view_as(chosen)
    return ids, row, place, pairs.label[chosen]


@dataclass(frozen=True)
class SharedRows:
    """Pairs laid out so that those of one sequence share a row.

    Args:
        prefixes: the longest prefix of each row.
        last: number of the pair it is of, shape (R,).
        row, place: where each pair's prefix ends, shape (N,).
    """

    prefixes: Ragged
    last: Tensor
    row: Tensor
    place: Tensor


def shared_rows(
    pairs: PairRows, chosen: Tensor, owner: Tensor, max_length: int
) -> SharedRows:
    """Lay pairs out, neighbours of one owner and sequence in one row.

    Args:
        chosen: rows of `pairs`, an owner's side by side and oldest first, shape (N,).
        owner: shape (N,).
        max_length: prefixes are cut to so many last items.
    """
    sequence, kept = pairs.sequence[chosen], pairs.prefixes.lengths[chosen]
    # a cut prefix needs a row of its own: its sequence's other pairs begin elsewhere
    is_whole = (pairs.prefix_len[chosen] == kept) & (kept <= max_length)
    goes_on = torch.zeros_like(is_whole)
    goes_on[1:] = (sequence[1:] == sequence[:-1]) & (sequence[1:] != UNKNOWN)
    goes_on[1:] &= owner[1:] == owner[:-1]
    goes_on &= is_whole
    closes = torch.ones_like(goes_on)  # whether a pair is the last of its row
    closes[:-1] = ~goes_on[1:]
    return SharedRows(
        prefixes=cut_to_last(pairs.prefixes.take(chosen[closes]), max_length),
        last=closes.nonzero().squeeze(1),
        row=(~goes_on).long().cumsum(0) - 1,
        place=kept.clamp(max=max_length) - 1,
    )


def _distinct(ids: Tensor) -> Tensor:
    """The distinct ids of each row, ascending, padding behind them, (T, N) → (T, S)."""
    ascending = ids.sort(1).values
    is_first = torch.ones_like(ascending, dtype=torch.bool)
    is_first[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    slot = is_first.long().cumsum(1) - 1
    found = torch.full((len(ids), int(slot.max()) + 1), PAD)
    return found.scatter_(1, slot, ascending)


def _slots(slot_ids: Tensor, ids: Tensor) -> Tensor:
    """Where each id stands among its row's `slot_ids`, else -1, shape of `ids`."""
    is_same = ids[..., None] == slot_ids[:, None, None]  # (T, R, L, S)
    return torch.where(is_same.any(-1), is_same.long().argmax(-1), -1)
