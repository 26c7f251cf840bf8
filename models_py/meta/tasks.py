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
    Rows lie place by place, a task's longest first, and a place holds as many rows as
    any task still has there: P of them in all, no longer R rows times L places.

    Args:
        ids: item ids shifted up by one, `PAD` where a task has fewer, shape (T, P).
        slot: of each item among the learner's support items, -1 for others,
            shape (T, P).
        sizes: rows of each place; they add up to P.
        at: where each pair's prefix ends, shape (T, N).
        labels: 0-based item ids, shape (T, N).
    """

    ids: Tensor
    slot: Tensor
    sizes: tuple[int, ...]
    at: Tensor
    labels: Tensor

    def at_ends(self, states: Tensor) -> Tensor:
        """The state behind each pair's prefix, (T, P, H) → (T, N, H)."""
        task = torch.arange(len(states), device=states.device)[:, None]
        return states[task, self.at]

    def to(self, device: torch.device) -> "Asked":
        """The same on another device."""
        ids, slot, at, labels = (
            each.to(device) for each in (self.ids, self.slot, self.at, self.labels)
        )
        return Asked(ids, slot, self.sizes, at, labels)


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
    support = _asked(tasks.pairs, tasks.support, max_length)
    query = _asked(tasks.pairs, tasks.query, max_length)
    slot_ids = _distinct(support.ids)
    known, asked = (
        replace(each, slot=_slots(slot_ids, each.ids)) for each in (support, query)
    )
    return TaskBatch(slot_ids, known, asked, tasks.reliability.float())


def _asked(pairs: PairRows, chosen: Tensor, max_length: int) -> Asked:
    """The chosen pairs, given as (T, N), with slots that nobody has."""
    n_tasks = len(chosen)
    task = torch.arange(n_tasks)[:, None].expand_as(chosen).flatten()
    rows = shared_rows(pairs, chosen.flatten(), task, max_length)
    owner, lengths = task[rows.last], rows.prefixes.lengths
    longest = max(int(lengths.max()) if len(lengths) else 0, 1)
    # a task's rows, the longest first
    order = (owner * (longest + 1) - lengths).argsort(stable=True)
    first = torch.searchsorted(owner, torch.arange(n_tasks))
    number = torch.empty_like(order)
    number[order] = torch.arange(len(order)) - first[owner]
    is_there = torch.arange(longest) < lengths[:, None]  # (R, L)
    counts = torch.zeros(n_tasks, longest, dtype=torch.int64)
    sizes = counts.index_add_(0, owner, is_there.long()).amax(0).clamp(min=1)
    start = sizes.cumsum(0) - sizes
    row, place = is_there.nonzero(as_tuple=True)
    ids = torch.full((n_tasks, int(sizes.sum())), PAD)
    ids[owner[row], start[place] + number[row]] = rows.prefixes.values + 1
    return Asked(
        ids=ids,
        slot=torch.full_like(ids, -1),
        sizes=tuple(sizes.tolist()),
        at=(start[rows.place] + number[rows.row]).view_as(chosen),
        labels=pairs.label[chosen],
    )


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
    pairs: PairRows,
    chosen: Tensor,
    owner: Tensor,
    max_length: int,
    *,
    may_exceed: bool = False,
) -> SharedRows:
    """Lay pairs out, neighbours of one owner and sequence in one row.

    Args:
        chosen: rows of `pairs`, an owner's side by side and oldest first, shape (N,).
        owner: shape (N,).
        max_length: prefixes are cut to so many last items.
        may_exceed: a cut prefix shares the row of the pair before, too, and so is read
            from where that one's prefix begins. Otherwise it has a row of its own.
    """
    sequence, length = pairs.sequence[chosen], pairs.prefix_len[chosen]
    kept = pairs.prefixes.lengths[chosen].clamp(max=max_length)
    newer = length.diff(prepend=length[:1])  # items since the pair before
    goes_on = torch.zeros_like(kept, dtype=torch.bool)
    goes_on[1:] = (sequence[1:] == sequence[:-1]) & (sequence[1:] != UNKNOWN)
    goes_on[1:] &= owner[1:] == owner[:-1]
    goes_on &= newer >= 0
    goes_on &= newer <= kept if may_exceed else length == kept
    row = (~goes_on).long().cumsum(0) - 1
    added = torch.where(goes_on, newer, kept)
    closes = torch.ones_like(goes_on)  # whether a pair is the last of its row
    closes[:-1] = ~goes_on[1:]
    last = closes.nonzero().squeeze(1)
    ends = added.cumsum(0)
    starts = torch.nn.functional.pad(ends[last[:-1]], (1, 0))
    return SharedRows(
        prefixes=Ragged.of_lengths(
            cut_to_last(pairs.prefixes.take(chosen), added).values, ends[last] - starts
        ),
        last=last,
        row=row,
        place=ends - starts[row] - 1,
    )


def sequence_numbers(*rows: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Numbers that are equal for equal sequences of one task, one set a group of rows.

    Args:
        rows: task and sequence of each row, shape (N,) each.
    """
    whole = torch.cat([torch.stack(each, 1) for each in rows])
    _, number = whole.unique(dim=0, return_inverse=True)
    return number.split([len(task) for task, _ in rows])


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
    is_same = ids[..., None] == slot_ids[:, None]  # (T, P, S)
    return torch.where(is_same.any(-1), is_same.long().argmax(-1), -1)
