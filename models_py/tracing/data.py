"""Graded answers in order of time, and the sets of skills they ask for."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from models_py.ragged import Ragged

NO_SKILL = 0  # row of a skill table for "none or unknown": skills are shifted up by one


@dataclass(frozen=True)
class SkillSets:
    """The distinct sets of skills that responses ask for.

    Sets stay sets all the way: an item of two skills is one row, never two.

    Args:
        members: 0-based skill ids of each set, ascending; a set may be empty.
        n_skills: size of the skill vocabulary.
    """

    members: Ragged
    n_skills: int

    @classmethod
    def of(cls, skills: Ragged, n_skills: int) -> tuple["SkillSets", Tensor]:
        """Distinct sets among rows of skill ids, and the set of each row, (N,)."""
        incidence = _incidence(skills, n_skills)  # sorted, without repeats
        lengths = np.diff(incidence.indptr)
        width = max(int(lengths.max(initial=0)), 1)
        padded = np.full((len(skills), width), -1)
        padded[np.arange(width) < lengths[:, None]] = incidence.indices
        distinct, number = np.unique(padded, axis=0, return_inverse=True)
        sizes = torch.from_numpy((distinct >= 0).sum(1))
        offsets = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
        values = torch.from_numpy(distinct[distinct >= 0].astype(np.int64))
        return cls(Ragged(values, offsets), n_skills), torch.from_numpy(
            number.reshape(-1)
        )

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def overlap(self) -> Tensor:
        """Whether two sets share a skill, 0 or 1, float32, shape (S, S)."""
        incidence = _incidence(self.members, self.n_skills)
        shared = (incidence @ incidence.T).toarray() > 0
        return torch.from_numpy(shared.astype(np.float32))

    def mean(self, values: Tensor, default: Tensor | float) -> Tensor:
        """Mean of a value over each set's skills, `default` for an empty one, (S,)."""
        lengths = self.members.lengths
        row = torch.repeat_interleave(torch.arange(len(self)), lengths)
        total = torch.zeros(len(self), dtype=values.dtype)
        total.index_add_(0, row, values[self.members.values])
        return torch.where(lengths > 0, total / lengths.clamp(min=1), default)


@dataclass(frozen=True)
class Responses:
    """Graded first answers, each user's one after the other in order of time.

    A model's prediction of a row may use the row's item, skills, time and `history`,
    and everything of the same user's rows that are strictly earlier in time.

    Args:
        user: rows of one user lie together, shape (N,).
        item: 0-based item ids, shape (N,).
        skill_set: row of `skill_sets` that the item asks for, shape (N,).
        skill_sets: the distinct sets.
        correct: whether the first answer was right, bool, shape (N,).
        at: epoch seconds, ascending inside a user, shape (N,).
        history: what the user had shown before the answer, NaN where nothing is
            known, float32, shape (N, F).
        behaviour: how the answer came about, known only afterwards: help taken
            (0 or 1) and log of 1 + seconds taken, NaN where unknown; shape (N, 2).
        n_items: size of the item vocabulary.
        time_is_order: whether `at` only says which answer came first: then no seconds
            lie between two answers.
    """

    user: Tensor
    item: Tensor
    skill_set: Tensor
    skill_sets: SkillSets
    correct: Tensor
    at: Tensor
    history: Tensor
    behaviour: Tensor
    n_items: int
    time_is_order: bool = False

    def __len__(self) -> int:
        return len(self.user)

    @property
    def n_skills(self) -> int:
        """Size of the skill vocabulary."""
        return self.skill_sets.n_skills

    @cached_property
    def user_starts(self) -> Tensor:
        """Row u..u+1 bounds the rows of the u-th user, shape (U + 1,)."""
        _, lengths = self.user.unique_consecutive(return_counts=True)
        return torch.nn.functional.pad(lengths.cumsum(0), (1, 0))

    @property
    def usual_pause(self) -> int:
        """Median seconds from a user's answer to the next, at least 1."""
        gaps = self.at.diff()[self.user.diff() == 0]
        return max(int(gaps.median()), 1) if len(gaps) else 1

    @property
    def skills(self) -> Ragged:
        """Skill ids of each response."""
        return self.skill_sets.members.take(self.skill_set)

    @cached_property
    def item_skills(self) -> Ragged:
        """Skill ids of each item, ascending: all that any of its responses asks for.

        A log may give an item's skills one at a time. Shape (n_items,), no skills for
        an item without responses.
        """
        n_sets, n_skills = max(len(self.skill_sets), 1), max(self.n_skills, 1)
        asked = (self.item * n_sets + self.skill_set).unique()
        members = self.skill_sets.members.take(asked % n_sets)
        item = torch.repeat_interleave(asked // n_sets, members.lengths)
        known = (item * n_skills + members.values).unique()
        return Ragged.of_lengths(
            known % n_skills, torch.bincount(known // n_skills, minlength=self.n_items)
        )

    def with_sets_of_items(self) -> tuple["Responses", Tensor]:
        """The same with `item_skills` among its sets, and the set of each item."""
        sets, of_items = self.skill_sets.members, self.item_skills
        both = Ragged.of_lengths(
            torch.cat([sets.values, of_items.values]),
            torch.cat([sets.lengths, of_items.lengths]),
        )
        distinct, number = SkillSets.of(both, self.n_skills)
        renumbered = number[: len(sets)][self.skill_set]
        return (
            replace(self, skill_sets=distinct, skill_set=renumbered),
            number[len(sets) :],
        )

    def without_history(self) -> "Responses":
        """For models that read interactions only: their batches carry less."""
        return replace(self, history=self.history[:, :0])

    def take(self, rows: Tensor | slice) -> "Responses":
        """Rows by indices, mask or slice, which keep users whole and in order."""
        names = ("user", "item", "skill_set", "correct", "at", "history", "behaviour")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True)
class Probes:
    """Questions that nobody was asked: an item some time after a response.

    Args:
        after: row of the response, the last one they see, ascending, shape (M,).
        at: epoch seconds, later than the response, shape (M,).
        item: 0-based item ids, shape (M,).
        skill_set: row of the skill sets, shape (M,).
    """

    after: Tensor
    at: Tensor
    item: Tensor
    skill_set: Tensor


def _incidence(rows: Ragged, n_skills: int) -> sparse.csr_array:
    """Which skills a row holds, as a 0/1 matrix with sorted columns."""
    matrix = sparse.csr_array(
        (np.ones(len(rows.values)), rows.values.numpy(), rows.offsets.numpy()),
        shape=(len(rows), n_skills),
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
