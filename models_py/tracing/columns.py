"""The columns that weights, trees and a network's head read of each question.

What the student had shown (`response_features`), how easy train users found the item
and its skills, and how surprising the student's earlier answers were beside that, the
latest most: a right answer to a hard item tells more than one to an easy item.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from models_py.tracing.data import Probes, Responses, SkillSets
from models_py.tracing.grouped import Grouped
from models_py.tracing.rates import Rates, out_of_fold_log_odds
from models_py.tracing.shown import FEATURES, Questions, Shown

# what is left of a surprise after each further answer: of the student, on the skill,
# to the item
FADING = {"user": (0.98, 0.9), "skill": (0.98, 0.8), "item": (0.8,)}
STEADY = 2.0  # answers without surprise that a faded mean starts with
NAMES = (
    *FEATURES,
    *("item_log_odds", "skill_log_odds"),
    *(f"{whose}_surprise_{decay}" for whose in FADING for decay in FADING[whose]),
)


def columns_of(responses: Responses, rates: Rates) -> Tensor:
    """Columns of the answers given, float32, shape (N, F)."""
    odds = rates.log_odds(responses.item, responses.skill_set, responses.skill_sets)
    return _beside_history(responses, odds)


def training_columns(
    train: Responses, *, n_folds: int, weight: float, seed: int
) -> Tensor:
    """The same of training answers, each with rates of other users' answers only."""
    odds = out_of_fold_log_odds(train, n_folds=n_folds, weight=weight, seed=seed)
    return _beside_history(train, odds)


def _beside_history(responses: Responses, odds: Tensor) -> Tensor:
    shown = Shown(responses)
    surprises = Surprises(shown, odds[:, 0].double().sigmoid().numpy())
    return torch.cat(
        [responses.history, odds, surprises.before(shown.questions())], dim=1
    )


@dataclass(frozen=True)
class Scale:
    """Columns at mean 0 and spread 1, and what is unknown.

    Args:
        mean, spread: of what is known of each column, float64, shape (F,).
    """

    mean: Tensor
    spread: Tensor

    @classmethod
    def unknown(cls, n_columns: int) -> "Scale":
        """Leaves columns as they are."""
        zeros = torch.zeros(n_columns, dtype=torch.float64)
        return cls(zeros, torch.ones_like(zeros))

    @classmethod
    def of(cls, columns: Tensor) -> "Scale":
        """Of training columns, shape (N, F)."""
        columns = columns.double()
        mean = columns.nanmean(0).nan_to_num()
        spread = (columns - mean).square().nanmean(0).sqrt().nan_to_num()
        return cls(mean, torch.where(spread > 0, spread, 1.0))

    def __call__(self, columns: Tensor) -> Tensor:
        """Scaled columns, the mean for unknown, then a 1 where unknown, (N, 2F)."""
        scaled = ((columns.double() - self.mean) / self.spread).nan_to_num(0.0)
        return torch.cat([scaled, columns.isnan().double()], dim=1)


class ColumnsAfter:
    """Columns of questions that nobody was asked, after any answer of some students."""

    def __init__(self, responses: Responses, rates: Rates) -> None:
        self.shown, self.rates = Shown(responses), rates
        self.sets: SkillSets = responses.skill_sets
        expected = rates.of(responses.item, responses.skill_set, self.sets)
        self.surprises = Surprises(self.shown, expected.numpy())

    def of(self, probes: Probes) -> Tensor:
        """What lies before each probe, shape (M, F)."""
        item, skill_set = probes.item, probes.skill_set
        asked = self.shown.questions_after(probes)
        return torch.cat(
            [
                self.shown.features(asked),
                self.rates.log_odds(item, skill_set, self.sets),
                self.surprises.before(asked),
            ],
            dim=1,
        )


class Surprises:
    """Answers less what was expected of them, fading with each further answer.

    A faded mean is the sum of the surprises, the one k answers back times decay^k, over
    the sum of those weights and `STEADY`.

    Args:
        expected: chance of a right answer by the item alone, by row, shape (N,).
    """

    def __init__(self, shown: Shown, expected: np.ndarray) -> None:
        self.shown = shown
        self.gap = shown.correct - expected

    def before(self, asked: Questions) -> Tensor:
        """Faded means of what lies before each question, float32, shape (M, 5)."""
        shown = self.shown
        number, skill = shown.skills_of(asked.skill_set)
        of_skills = self._faded(
            "skill",
            shown.skill_key(asked.user[number], skill),
            asked.first[number],
            asked.bound[number],
        )
        n_skills = np.maximum(np.bincount(number, minlength=len(asked.at)), 1)
        found = [
            *self._faded("user", asked.user, asked.first, asked.bound),
            *(
                np.bincount(number, each, minlength=len(asked.at)) / n_skills
                for each in of_skills
            ),
            *self._faded(
                "item",
                shown.item_key(asked.user, asked.item),
                asked.first,
                asked.bound,
            ),
        ]
        return torch.from_numpy(np.stack(found, axis=1).astype(np.float32))

    def _faded(
        self, whose: str, key: np.ndarray, first: np.ndarray, bound: np.ndarray
    ) -> list[np.ndarray]:
        group = self._groups[whose]
        start, end = group.places(key, first), group.places(key, bound)
        last = np.where(end > start, end - 1, -1)  # -1: the 0 behind all
        return [
            total[last] / ((1 - decay ** (end - start)) / (1 - decay) + STEADY)
            for decay, total in zip(FADING[whose], self._totals[whose], strict=True)
        ]

    @property
    def _groups(self) -> dict[str, Grouped]:
        shown = self.shown
        return {
            "user": shown.by_user,
            "skill": shown.by_skill,
            "item": shown.by_item,
        }

    @cached_property
    def _totals(self) -> dict[str, list[np.ndarray]]:
        return {
            whose: [group.fading(self.gap, decay) for decay in FADING[whose]]
            for whose, group in self._groups.items()
        }
