"""Windows over sessions against reading each trial's own history."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models_py.causal.windows import grouped, windows_of
from tests.unit.causal.made_trials import simulated, trials_of


def read_back(trials, windows, width):
    """The events each trial sees, by its window and place."""
    for row in range(len(trials)):
        window, place = int(windows.window[row]), int(windows.place[row])
        begin = int(windows.events.offsets[window])
        seen = windows.events.values[begin : begin + place + 1]
        own = trials.events.take(torch.tensor([row])).values
        assert torch.equal(seen, own[-len(seen) :])
        items = windows.items[begin : begin + place + 1]
        own_items = trials.items[
            int(trials.events.offsets[row]) : int(trials.events.offsets[row + 1])
        ]
        assert torch.equal(items, own_items[-len(seen) :])
        assert len(seen) >= min(len(own), width // 2)
        assert len(seen) <= width
        if len(own) <= width:
            assert len(seen) == len(own)


@pytest.mark.parametrize("width", [2, 4, 10, 64])
def test_each_trial_reads_its_own_last_events(width):
    trials = simulated(n_users=40).trials
    read_back(trials, windows_of(trials, width), width)


def test_a_session_is_read_once_for_all_its_trials():
    trials = simulated(n_users=40).trials
    windows = windows_of(trials, 64)
    # the longest histories count as cut, so each of them is read by itself
    n_longest = int((trials.events.lengths == trials.events.lengths.max()).sum())
    assert len(windows) <= len(trials.session.unique()) + n_longest
    assert int(windows.n_trials.sum()) == len(trials)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_which_events_a_trial_reads_does_not_hang_on_other_trials(seed):
    trials = simulated(n_users=40).trials
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(trials), generator=generator)[:15]
    some = trials.take(rows)
    whole, part = windows_of(trials, 8), windows_of(some, 8)
    assert torch.equal(whole.place[rows], part.place)


def test_cut_histories_of_one_session_do_not_clash():
    """Two histories cut to three events begin at different events of the session."""
    cut = trials_of(
        [
            [(1, 3, 4.0), (1, 4, 2.0), (1, 5, 0.0)],
            [(1, 4, 4.0), (1, 5, 2.0), (1, 6, 0.0)],
        ],
        [0, 0],
        index_at=[86_400, 86_520],
    )
    read_back(cut, windows_of(cut, 4), 4)


def test_histories_that_contradict_each_other_are_refused():
    contradiction = trials_of(
        [
            [(1, 3, 0.0)],
            [(1, 4, 2.0), (1, 5, 0.0)],
            [(1, 4, 4.0), (1, 5, 2.0), (1, 6, 0.0)],
        ],
        [0, 0, 1],
        index_at=[86_400, 86_520, 86_640],
    )
    with pytest.raises(ValueError, match="contradict"):
        windows_of(contradiction, 4)


def test_groups_hold_every_window_once_and_about_as_many_trials_as_asked():
    windows = windows_of(simulated().trials, 16)
    groups = grouped(windows, 50, torch.Generator().manual_seed(1))
    assert sorted(torch.cat(list(groups)).tolist()) == list(range(len(windows)))
    sizes = [int(windows.n_trials[rows].sum()) for rows in groups]
    assert max(sizes) <= 50 + int(windows.n_trials.max())
