"""Skill sets, rates, and which interactions a question may look at."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models_py.ragged import Ragged
from models_py.tracing import histories
from models_py.tracing.columns import Surprises
from models_py.tracing.data import Probes, SkillSets
from models_py.tracing.grouped import Grouped
from models_py.tracing.rates import Rates, out_of_fold_log_odds
from models_py.tracing.shown import Shown
from tests.unit.models_py.made_answers import (
    N_ITEMS,
    responses_of,
    simulated,
    skills_of,
    users,
)

quick = settings(max_examples=40, deadline=None)
skill_rows = st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=1, max_size=8)


@quick
@given(skill_rows)
def test_every_row_keeps_its_set_of_skills(rows):
    sets, of_row = SkillSets.of(Ragged.from_lists(rows), 6)
    found = sets.members.take(of_row)
    kept = [part.tolist() for part in found.values.split(found.lengths.tolist())]
    assert kept == [sorted(set(row)) for row in rows]
    assert len(sets) == len({tuple(sorted(set(row))) for row in rows})


@quick
@given(skill_rows)
def test_sets_overlap_where_they_share_a_skill(rows):
    sets, of_row = SkillSets.of(Ragged.from_lists(rows), 6)
    overlap = sets.overlap[of_row][:, of_row]
    for one, first in enumerate(rows):
        for two, second in enumerate(rows):
            assert overlap[one, two] == bool(set(first) & set(second))


def test_the_mean_over_a_set_has_a_default_for_none():
    sets, of_row = SkillSets.of(Ragged.from_lists([[], [0, 2], [1]]), 3)
    found = sets.mean(torch.tensor([1.0, 5.0, 4.0]), default=9.0)
    assert found[of_row].tolist() == [9.0, 2.5, 5.0]


def test_rates_by_hand():
    """Item 1 (skill 1): right, right, wrong. Item 2 (skill 2): wrong."""
    data = responses_of([[(1, 0, True), (1, 9, True)], [(1, 0, False), (2, 9, False)]])
    rates = Rates.among(data, weight=2.0)
    assert rates.mean.item() == pytest.approx(3 / 6)  # (2 + 1) / (4 + 2)
    skill_1, skill_2 = (2 + 10 * 0.5) / (3 + 10), (0 + 10 * 0.5) / (1 + 10)
    assert rates.skill[1:4].tolist() == pytest.approx([skill_1, skill_2, 0.5])
    of_items = rates.of(data.item, data.skill_set, data.skill_sets)
    # an item starts with two answers of its skill's rate
    assert of_items[0].item() == pytest.approx((2 + 2 * skill_1) / (3 + 2))
    assert of_items[3].item() == pytest.approx((0 + 2 * skill_2) / (1 + 2))
    new = responses_of([[(9, 0, True), (0, 0, True)]])  # skills 1 and 2; none
    found = rates.of(new.item, new.skill_set, new.skill_sets)
    assert found.tolist() == pytest.approx([(skill_1 + skill_2) / 2, 0.5])


def test_surprises_fade_with_each_further_answer():
    """Right where .6 was expected, then wrong twice; the last two in one second."""
    data = responses_of([[(1, 0, True), (1, 9, False), (1, 5, False), (5, 0, True)]])
    surprises = Surprises(Shown(data), np.full(4, 0.6))
    found = surprises.before(Shown(data).questions()).double()
    user_slow, user_fast, skill_slow, skill_fast, item = found.T
    assert user_fast[:3].tolist() == pytest.approx(
        [0.0, 0.4 / (1 + 2), (-0.6 + 0.9 * 0.4) / (1 + 0.9 + 2)]
    )
    assert user_fast[3] == user_fast[2]  # of one second neither sees the other
    assert user_slow[2].item() == pytest.approx((-0.6 + 0.98 * 0.4) / (1.98 + 2))
    # items 1 and 5 ask for skill 1 alone: the skill's past is the student's
    assert skill_slow.tolist() == user_slow.tolist()
    assert skill_fast[2].item() == pytest.approx((-0.6 + 0.8 * 0.4) / (1.8 + 2))
    assert item.tolist() == pytest.approx([*skill_fast[:3].tolist(), 0.0])


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.floats(0.0, 1.0))
def test_fading_sums_are_those_of_a_loop(keys, decay):
    rng = np.random.default_rng(len(keys))
    values = rng.normal(size=len(keys))
    group = Grouped.of(np.array(keys), np.arange(len(keys)), len(keys))
    found = group.fading(values, decay)
    sums = {}
    for place, (key, row) in enumerate(zip(group.key, group.row, strict=True)):
        sums[key] = values[row] + decay * sums.get(key, 0.0)
        assert found[place] == pytest.approx(sums[key], abs=1e-9)
    assert found[-1] == 0.0


def test_out_of_fold_rates_do_not_know_the_users_own_answers():
    data = simulated(n_users=12).responses
    terms = {"n_folds": 4, "weight": 5.0, "seed": 1}
    before = out_of_fold_log_odds(data, **terms)
    for user in range(12):
        own = data.user == user
        flipped = data.correct ^ own
        after = out_of_fold_log_odds(replace(data, correct=flipped), **terms)
        assert torch.equal(after[own], before[own])
        assert not torch.equal(after[~own], before[~own])


# --- what a question may look at ----------------------------------------------


def visible_pairs(batch, context: int) -> set[tuple[int, int]]:
    """(row asked, row looked at) of a batch."""
    found = batch.visible(context) & batch.asked.is_real[:, :, None]
    window, question, key = found.nonzero().unbind(1)
    return set(
        zip(
            batch.asked.position[window, question].tolist(),
            batch.past.position[window, key].tolist(),
            strict=True,
        )
    )


def allowed_pairs(data, context: int) -> set[tuple[int, int]]:
    """The rule, row by row: same user, an earlier second, among the last."""
    return {
        (row, other)
        for row in range(len(data))
        for other in range(max(row - context, 0), row)
        if data.user[row] == data.user[other] and data.at[other] < data.at[row]
    }


@quick
@given(users, st.integers(1, 4))
def test_predicting_looks_at_the_last_strictly_earlier_interactions(answers, context):
    data = responses_of(answers)
    asked, pairs = [], set()
    for rows, batch in histories.scoring_batches(data, context):
        assert torch.equal(data.correct[rows].float(), batch.targets)
        asked += rows.tolist()
        pairs |= visible_pairs(batch, context)
    assert sorted(asked) == list(range(len(data)))  # none goes unscored
    assert pairs == allowed_pairs(data, context)


def test_a_long_user_is_scored_with_a_full_context_throughout():
    data = responses_of([[(1 + n % 9, 5, n % 2 == 0) for n in range(450)]])
    pairs = set()
    for _, batch in histories.scoring_batches(data, 200):
        pairs |= visible_pairs(batch, 200)
    seen = torch.bincount(torch.tensor([row for row, _ in pairs]), minlength=450)
    assert seen.tolist() == [min(row, 200) for row in range(450)]


@quick
@given(users, st.integers(1, 4), st.integers(0, 9))
def test_an_epoch_asks_every_response_once_within_its_window(answers, length, seed):
    data = responses_of(answers)
    windows = histories.cut(data, length, context=0)
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for batch in histories.epoch_batches(windows, 4, generator):
        asked = batch.asked.position[batch.asked.is_real]
        assert torch.equal(data.correct[asked].float(), batch.targets)
        assert batch.asked.position.shape[1] <= length
        rows += asked.tolist()
    assert sorted(rows) == list(range(len(data)))


def test_probes_look_at_everything_up_to_their_response():
    data = responses_of([[(1, 5, True), (2, 0, True), (3, 5, False)], [(4, 5, True)]])
    probes = Probes(
        after=torch.arange(4),
        at=data.at + 1,
        item=torch.tensor([9, 8, 7, 6]),
        skill_set=torch.zeros(4).long(),
    )
    seen: dict[int, set[int]] = {}
    for numbers, batch in histories.probe_batches(data, probes, torch.empty(4, 0), 200):
        visible = batch.visible(200)
        for place, number in zip(
            batch.asked.is_real.nonzero().tolist(), numbers.tolist(), strict=True
        ):
            window, question = place
            assert batch.asked.item[window, question] == probes.item[number]
            keys = batch.past.position[window][visible[window, question]]
            seen[number] = set(keys.tolist())
    # rows 0 and 1 fall into one second: a second later, both are known to probe 1
    assert seen == {0: {0}, 1: {0, 1}, 2: {0, 1, 2}, 3: {3}}


def test_two_skills_of_one_item_are_one_row_of_one_set():
    data = responses_of([[(3, 0, True)]])
    assert skills_of(3) == [0, 3]
    assert data.skills.values.tolist() == [0, 3]
    assert (len(data), data.n_items) == (1, N_ITEMS)
