"""Small sets of graded answers for the tests of knowledge tracing."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from models_py.ragged import Ragged
from models_py.tracing.data import Responses, SkillSets
from training.tracing.past import recounted

N_ITEMS, N_SKILLS = 12, 5  # the last item and the last skill are never answered

# users as lists of (item, seconds since the answer before, right)
users = st.lists(
    st.lists(
        st.tuples(st.integers(0, 10), st.integers(0, 2), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


def skills_of(item: int) -> list[int]:
    """Item 0 has no skill, every third item two of them."""
    if item == 0:
        return []
    return sorted({item % 4, (item + 1) % 4}) if item % 3 == 0 else [item % 4]


def responses_of(answers: list[list[tuple[int, int, bool]]]) -> Responses:
    """Responses of users given as in `users`."""
    flat = [(user, *row) for user, rows in enumerate(answers) for row in rows]
    item = torch.tensor([row[1] for row in flat]).long()
    sets, of_row = SkillSets.of(
        Ragged.from_lists([skills_of(i) for i in item.tolist()]), N_SKILLS
    )
    at = [np.cumsum([gap for _, gap, _ in rows]) + 1_000_000_000 for rows in answers]
    responses = Responses(
        user=torch.tensor([row[0] for row in flat]).long(),
        item=item,
        skill_set=of_row,
        skill_sets=sets,
        correct=torch.tensor([row[3] for row in flat]).bool(),
        at=torch.from_numpy(np.concatenate(at)) if flat else torch.empty(0).long(),
        history=torch.empty(len(flat), 0),
        behaviour=_behaviour(len(flat)),
        n_items=N_ITEMS,
    )
    return recounted(responses)


def _behaviour(n_rows: int) -> torch.Tensor:
    """Help and log seconds, some of these unknown, the same for every call."""
    rng = np.random.default_rng(1)
    behaviour = rng.random((n_rows, 2)).astype(np.float32)
    behaviour[rng.random(n_rows) < 0.2, 1] = np.nan
    return torch.from_numpy(behaviour)


@dataclass(frozen=True)
class Simulated:
    """Answers of a two-parameter model without growth, and its truth."""

    responses: Responses
    ability: np.ndarray
    difficulty: np.ndarray
    chance: np.ndarray


def simulated(n_users: int = 60, n_answers: int = 15, seed: int = 0) -> Simulated:
    """Abilities and difficulties from N(0, 1), slope 1.5, items at random."""
    difficulty = np.random.default_rng(99).normal(size=N_ITEMS)  # one bank for all
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=n_users)
    item = rng.integers(0, N_ITEMS - 1, (n_users, n_answers))
    chance = 1 / (1 + np.exp(-1.5 * (ability[:, None] - difficulty[item])))
    right = rng.random(chance.shape) < chance
    answers = [
        [(int(i), 40, bool(r)) for i, r in zip(items, rights, strict=True)]
        for items, rights in zip(item, right, strict=True)
    ]
    return Simulated(responses_of(answers), ability, difficulty, chance.ravel())
