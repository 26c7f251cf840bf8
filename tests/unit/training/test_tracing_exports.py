"""Mastery, behaviour slices and the pages made of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from models_py.ragged import Ragged
from models_py.tracing.data import SkillSets
from models_py.tracing.sakt import SAKT, SAKTConfig
from tests.unit.models_py.made_answers import (
    N_ITEMS,
    N_SKILLS,
    responses_of,
    skills_of,
)
from training.tracing import mastery
from training.tracing.documents import mastery_page
from training.tracing.mastery import mastery_after
from training.tracing.past import recounted
from training.tracing.slices import behaviour_slices

ANSWERS = [
    [(3, 9, True), (0, 9, False), (5, 40, True), (3, 1, False)],
    [(6, 9, False)],
]


def whole(parts):
    """What came in parts, end to end."""
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def test_mastery_is_the_mean_chance_over_the_skills_items_after_the_answer(monkeypatch):
    """Against asking every item of the skill as one more response, a second later."""
    monkeypatch.setattr(mastery, "PROBES_AT_ONCE", 3)  # a part for each user
    data = responses_of(ANSWERS)
    model = SAKT(N_ITEMS, N_SKILLS, SAKTConfig(dim=8, n_heads=2))
    row, skill, found = whole(mastery_after(model, data))
    # items 3, 6 have two skills, item 0 none
    assert list(zip(row.tolist(), skill.tolist(), strict=True)) == [
        *((0, 0), (0, 3), (2, 1), (3, 0), (3, 3), (4, 2), (4, 3)),
    ]
    answered = sorted(set(data.item.tolist()))
    for at, number, value in zip(row, skill, found, strict=True):
        user = int(data.user[at])
        before = ANSWERS[user]
        position = at - (0 if user == 0 else len(ANSWERS[0]))
        chances = []
        for item in answered:
            if number in skills_of(item):
                asked = [*before[: position + 1], (item, 1, True)]
                longer = responses_of([asked])
                longer = _with_behaviour_of(longer, data, at, position)
                chances.append(model.predict(longer)[-1].item())
        assert value == pytest.approx(np.mean(chances), abs=1e-5)


def _with_behaviour_of(longer, data, at, position):
    """Made-up behaviour goes by row: give the copied rows that of the originals."""
    rows = torch.arange(at - position, at + 1)
    longer.behaviour[:-1] = data.behaviour[rows]
    return recounted(longer)


def test_only_the_most_answered_items_of_a_skill_are_asked(monkeypatch):
    data = responses_of([[(1, 5, True), (5, 5, True), (5, 5, True), (9, 5, True)]])
    monkeypatch.setattr(mastery, "MOST_ITEMS", 2)
    asked = []

    class Asked:
        def predict_after(self, part, row, item, skill_set):
            asked.extend(item.tolist())
            return torch.full((len(item),), 0.5)

    _, skill, _ = whole(mastery_after(Asked(), data))
    # items 1, 5 and 9 ask for skill 1: twice the 5, then the smaller id
    assert skill.tolist() == [1, 1, 1, 1, 2]
    assert asked == [5, 1] * 4 + [9]


def test_a_skill_that_only_a_later_response_names_has_mastery():
    """Item 1 asks for skill 0 first, then for skills 0 and 2, which no other has."""
    data = responses_of([[(1, 0, True), (1, 9, False)]])
    sets, of_row = SkillSets.of(Ragged.from_lists([[0], [0, 2]]), N_SKILLS)
    data = replace(data, skill_sets=sets, skill_set=of_row)
    model = SAKT(N_ITEMS, N_SKILLS, SAKTConfig(dim=8, n_heads=2))
    row, skill, found = whole(mastery_after(model, data))
    assert list(zip(row.tolist(), skill.tolist(), strict=True)) == [
        *((0, 0), (1, 0), (1, 2)),
    ]
    assert np.isfinite(found).all()
    # after one response both skills are the same one item, asked with both
    assert found[1] == found[2]
    assert data.item_skills.take(torch.tensor([0, 1, 2])).lengths.tolist() == [0, 2, 0]


def test_a_data_set_without_skills_has_no_mastery():
    row, skill, found = whole(
        mastery_after(
            SAKT(N_ITEMS, N_SKILLS, SAKTConfig(dim=8, n_heads=2)),
            responses_of([[(0, 0, True), (0, 9, True)]]),
        )
    )
    assert len(row) == len(skill) == len(found) == 0


def rows_for_slices() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": ["a", "a", "b", "b", "c"],
            "latency_sec": [9.99, 10.0, 700.0, np.nan, 5.0],
            "help_before": [False, True, True, False, False],
            "attempt": [1, 1, 2, 7, 1],
            "reliability_tier": ["low", "high", "high", None, "low"],
        }
    )


def test_slices_by_hand():
    correct = np.array([True, False, True, False, False])
    predicted = {"m": np.array([0.8, 0.4, 0.6, 0.3, 0.9])}
    found = behaviour_slices(rows_for_slices(), correct, predicted, seed=1)
    sizes = {
        kind: [(row["slice"], row["n"], row["n_users"]) for row in rows]
        for kind, rows in found.items()
    }
    assert sizes == {
        "latency": [
            *(("under 10 s", 2, 2), ("10-30 s", 1, 1)),
            *(("10 min or more", 1, 1), ("unknown", 1, 1)),
        ],
        "help": [("no help", 3, 3), ("help asked for", 2, 2)],
        "attempt": [("first", 3, 2), ("second", 1, 1), ("third or later", 1, 1)],
        "reliability_tier": [("low", 2, 2), ("high", 2, 2), ("unknown", 1, 1)],
    }
    no_help = found["help"][0]
    assert no_help["correct"] == pytest.approx(1 / 3)
    # .8 (right) stands above .3 and below .9
    assert no_help["models"]["m"]["auc"] == 0.5
    assert no_help["models"]["m"]["predicted"] == pytest.approx(2 / 3)
    low, high = no_help["correct_ci95"]
    assert 0 <= low <= 1 / 3 <= high <= 1
    alone = found["latency"][1]  # one user, one answer
    assert (alone["correct_ci95"], alone["models"]["m"]["auc"]) == (None, None)


def test_the_mastery_page_counts_each_students_last_value():
    last = pd.DataFrame(
        {
            "user_id": ["a", "b", "b"],
            "skill_key": ["x", "x", "y"],
            "mastery": [0.9, 0.5, 0.2],
        }
    )
    page = mastery_page("some_set", last, most_items=8)
    assert "its 8 most answered ones" in page
    assert "2 students, 2 skills, 3 pairs" in page
    rows = [line for line in page.splitlines() if line.startswith(("| x", "| y"))]
    assert [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows] == [
        ["y", "1", "0.20", "0.20 to 0.20", "0%"],
        ["x", "2", "0.70", "0.54 to 0.86", "50%"],
    ]
