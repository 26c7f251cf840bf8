"""Trials of one session share most of their history: it is read once for all.

Each trial's history is a beginning of the session's longest one. A causal network
can therefore read a session once and answer for every trial in it, at the place of
its index impression; a long session is read in windows that overlap by half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models_py.causal.trials import Trials
from models_py.ragged import Ragged

SECONDS_A_MINUTE = 60.0


@dataclass(frozen=True)
class Windows:
    """W stretches of sessions, and where in them each of R trials lies.

    Args:
        events: event ids of each window.
        items: item ids, aligned with `events`.
        seconds: epoch seconds, float64, aligned with `events`.
        window: the window that a trial reads, shape (R,).
        place: 0-based place of its index impression in there, shape (R,).
    """

    events: Ragged
    items: Tensor
    seconds: Tensor
    window: Tensor
    place: Tensor

    def __len__(self) -> int:
        return len(self.events)

    @cached_property
    def trials(self) -> Ragged:
        """The trials that read each window, W rows."""
        return Ragged.of_lengths(self.window.argsort(stable=True), self.n_trials)

    @property
    def n_trials(self) -> Tensor:
        """Trials that read each window, shape (W,)."""
        return torch.bincount(self.window, minlength=len(self))


def windows_of(trials: Trials, width: int) -> Windows:
    """Lay the trials' sessions out as windows of at most `width` events.

    A trial reads its last events: all of the first `width`, else at least half that
    many. Which window it reads follows from its place in the session alone, so it
    reads the same events whatever other trials there are.

    Args:
        width: even.
    Raises:
        ValueError: two histories of one session contradict each other.
    """
    session, slot, n_slots = _slots(trials)
    events, items, seconds = _scattered(trials, slot, n_slots)
    place = trials.events.lengths - 1
    step = width // 2
    number = (place // step - 1).clamp(min=0)
    begin = number * step
    first_slot = session + begin  # (R,)
    starts, window = first_slot.unique(return_inverse=True)
    place = place - begin
    ends = torch.zeros(len(starts), dtype=torch.int64).scatter_reduce(
        0, window, place + 1, "amax"
    )
    offsets = torch.nn.functional.pad(ends.cumsum(0), (1, 0))
    taken = torch.repeat_interleave(starts - offsets[:-1], ends)
    taken = taken + torch.arange(len(taken))
    return Windows(
        Ragged(events[taken], offsets), items[taken], seconds[taken], window, place
    )


def _slots(trials: Trials) -> tuple[Tensor, Tensor, int]:
    """First slot of each trial's session (R,), slot of each entry (N,), their number.

    A session has a slot for every event up to its last trial. The longest histories
    may have been cut, so where they lie in their session is not known: each of those
    counts as a session of its own.
    """
    lengths = trials.events.lengths
    number = torch.arange(len(trials))
    is_cut = lengths == lengths.max()
    own = torch.where(is_cut, -1 - number, trials.session)
    _, code = own.unique(return_inverse=True)
    longest = torch.zeros(int(code.max()) + 1, dtype=torch.int64)
    longest = longest.scatter_reduce(0, code, lengths, "amax")
    base = torch.nn.functional.pad(longest.cumsum(0), (1, 0))
    first = base[code] - trials.events.offsets[:-1]
    slot = torch.repeat_interleave(first, lengths) + torch.arange(len(trials.items))
    return base[code], slot, int(base[-1])


def _scattered(
    trials: Trials, slot: Tensor, n_slots: int
) -> tuple[Tensor, Tensor, Tensor]:
    index_at = torch.repeat_interleave(trials.index_at, trials.events.lengths)
    seconds = index_at - trials.minutes * SECONDS_A_MINUTE
    # minutes are rounded differently from each index: whole seconds are not
    columns = (trials.events.values, trials.items, seconds.round())
    laid_out = []
    for column in columns:
        whole = torch.zeros(n_slots, dtype=column.dtype)
        whole[slot] = column
        if not torch.equal(whole[slot], column):
            raise ValueError("two histories of one session contradict each other")
        laid_out.append(whole)
    return laid_out[0], laid_out[1], laid_out[2]


def grouped(
    windows: Windows, n_trials: int, generator: torch.Generator
) -> Sequence[Tensor]:
    """Shuffle the windows into groups of alike length and about `n_trials` trials."""
    rows = torch.randperm(len(windows), generator=generator)
    rows = rows[windows.events.lengths[rows].argsort(stable=True)]
    before = windows.n_trials[rows].cumsum(0) - windows.n_trials[rows]
    sizes = torch.bincount(before // n_trials)
    groups = rows.split(sizes[sizes > 0].tolist())
    order = torch.randperm(len(groups), generator=generator)
    return [groups[i] for i in order.tolist()]
