"""What a student had shown before a question, whoever asks and whenever.

The mart `response_features` tells it of the answers that were given; a model also asks
questions that nobody was asked. Both count alike: by prefix sums over answers sorted by
student, by student and skill, and by student and item, looked up at the first answer
that the question must not see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from models_py.tracing.data import Probes, Responses
from models_py.tracing.grouped import Grouped

HOURS = {"hour": 1, "day": 24, "week": 24 * 7, "month": 24 * 30}
LAST = (5, 20)  # answers of the student
SKILL_LAST = (3, 10)  # answers on a skill


def _log_odds(rate: np.ndarray) -> np.ndarray:
    return np.log(rate / (1 - rate))


def _as_is(values: np.ndarray) -> np.ndarray:
    return values


# Column of `response_features` -> how it enters the models: amounts by their log,
# smoothed rates by their log odds. Trees do not mind, linear models do.
FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "prior_n": np.log1p,
    "prior_correct_rate": _log_odds,
    **{f"last_{n}_correct_rate": _log_odds for n in LAST},
    **{f"prior_{span}_n": np.log1p for span in HOURS},
    "skill_prior_n": np.log1p,
    "skill_prior_correct_rate": _log_odds,
    **{f"skill_last_{n}_correct_rate": _log_odds for n in SKILL_LAST},
    **{f"skill_prior_{span}_n": np.log1p for span in HOURS},
    **{f"skill_prior_{span}_n_correct": np.log1p for span in HOURS},
    "answers_since_skill": np.log1p,
    "seconds_since_skill": np.log1p,
    "item_prior_n": np.log1p,
    "item_prior_correct_rate": _log_odds,
    "seconds_since_previous": np.log1p,
    "prior_help_rate": _as_is,
    "prior_latency_sec": np.log1p,
}


_SECONDS = ("seconds_since_previous", "seconds_since_skill")


@dataclass(frozen=True)
class Questions:
    """What is asked, when, and from which row on it must not see its student's rows.

    Args:
        bound: one behind the last row that counts, all of one student, shape (M,).
        first: that student's first row, shape (M,).
        user: the student's number, shape (M,).
        at: epoch seconds, shape (M,).
        item, skill_set: as in `Responses`, shape (M,).
    """

    bound: np.ndarray
    first: np.ndarray
    user: np.ndarray
    at: np.ndarray
    item: np.ndarray
    skill_set: np.ndarray

    def take(self, chosen: np.ndarray) -> "Questions":
        """The chosen questions."""
        return Questions(**{k: v[chosen] for k, v in vars(self).items()})


class Shown:
    """The answers of some students, ready to be asked for any moment's past."""

    def __init__(self, responses: Responses) -> None:
        self.n, self.time_is_order = len(responses), responses.time_is_order
        self.n_items, self.n_skills = responses.n_items, max(responses.n_skills, 1)
        self.at = responses.at.numpy()
        self.correct = responses.correct.numpy().astype(np.int64)
        self.item = responses.item.numpy()
        self.skill_set = responses.skill_set.numpy()
        self.sets = responses.skill_sets.members
        starts = responses.user_starts.numpy()
        self.user = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        self.first = starts[:-1][self.user]
        behaviour = responses.behaviour.double().numpy()
        self.help, self.latency = behaviour[:, 0], np.expm1(behaviour[:, 1])

    @cached_property
    def second_from(self) -> np.ndarray:
        """First row of the same student's same second, shape (N,)."""
        is_new = np.ones(self.n, dtype=bool)
        is_new[1:] = (self.at[1:] != self.at[:-1]) | (self.user[1:] != self.user[:-1])
        return np.maximum.accumulate(np.where(is_new, np.arange(self.n), 0))

    @cached_property
    def second_to(self) -> np.ndarray:
        """One behind the last row of the same student's same second, shape (N,)."""
        ends = np.append(np.flatnonzero(np.diff(self.second_from)) + 1, self.n)
        return ends[np.searchsorted(ends, np.arange(self.n), side="right")]

    @cached_property
    def by_user(self) -> Grouped:
        """All rows under their student."""
        return Grouped(self.user, np.arange(self.n), self.n)

    @cached_property
    def by_item(self) -> Grouped:
        """All rows under student and item."""
        return Grouped.of(
            self.item_key(self.user, self.item), np.arange(self.n), self.n
        )

    @cached_property
    def by_skill(self) -> Grouped:
        """Rows under student and skill: one of two skills lies under both."""
        number, skill = self.skills_of(self.skill_set)
        return Grouped.of(self.skill_key(self.user[number], skill), number, self.n)

    def item_key(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Number of student and item."""
        return user * self.n_items + item

    def skill_key(self, user: np.ndarray, skill: np.ndarray) -> np.ndarray:
        """Number of student and skill."""
        return user * self.n_skills + skill

    def skills_of(self, skill_set: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A row each of a set's skills: number of the set's place, and the skill."""
        place, lengths = self.sets.positions(torch.from_numpy(skill_set))
        number = np.repeat(np.arange(len(skill_set)), lengths.numpy())
        return number, self.sets.values[place].numpy()

    def questions(self) -> Questions:
        """The questions that were answered: strictly earlier seconds count."""
        return Questions(
            self.second_from,
            self.first,
            self.user,
            self.at,
            self.item,
            self.skill_set,
        )

    def questions_after(self, probes: Probes) -> Questions:
        """Questions that nobody was asked."""
        row = probes.after.numpy()
        return Questions(
            row + 1,
            self.first[row],
            self.user[row],
            probes.at.numpy(),
            probes.item.numpy(),
            probes.skill_set.numpy(),
        )

    def features(self, asked: Questions) -> Tensor:
        """Columns of `FEATURES` as models read them, float32, shape (M, F)."""
        lows = self._window_starts(asked)
        found = self._of_user(asked, lows)
        found |= self._of_item(asked) | self._of_skills(asked, lows)
        if self.time_is_order:
            unknown = np.full(len(asked.at), np.nan)
            found |= dict.fromkeys(_SECONDS, unknown)
        with np.errstate(invalid="ignore", divide="ignore"):
            columns = [change(found[name]) for name, change in FEATURES.items()]
        return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))

    def _window_starts(self, asked: Questions) -> dict[str, np.ndarray]:
        """First row of the student inside each span of time before the question."""
        origin = int(self.at.min(initial=0))
        reach = int(self.at.max(initial=0)) - origin + 2
        order = self.user * reach + self.at - origin
        now = asked.at - origin
        return {
            span: np.searchsorted(
                order, asked.user * reach + np.clip(now - 3600 * hours, 0, None)
            )
            for span, hours in HOURS.items()
        }

    def _of_user(self, asked: Questions, lows: dict) -> dict[str, np.ndarray]:
        end, start = asked.bound, asked.first
        n, right = end - start, self.by_user.sums(self.correct)
        known = ~np.isnan(self.latency)
        helped = self.by_user.sums(self.help)
        seconds = self.by_user.sums(np.where(known, self.latency, 0.0))
        n_known = self.by_user.sums(known)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "prior_n": n,
                "prior_correct_rate": _rate(right, start, end),
                **{
                    f"last_{k}_correct_rate": _rate(
                        right, np.maximum(start, end - k), end
                    )
                    for k in LAST
                },
                **{
                    f"prior_{s}_n": end - np.minimum(low, end)
                    for s, low in lows.items()
                },
                "seconds_since_previous": np.where(
                    n > 0, asked.at - self.at[end - 1], np.nan
                ),
                "prior_help_rate": (helped[end] - helped[start]) / n,
                "prior_latency_sec": (seconds[end] - seconds[start])
                / (n_known[end] - n_known[start]),
            }

    def _of_item(self, asked: Questions) -> dict[str, np.ndarray]:
        key = self.item_key(asked.user, asked.item)
        start = self.by_item.places(key, asked.first)
        end = self.by_item.places(key, asked.bound)
        right = self.by_item.sums(self.correct)
        return {
            "item_prior_n": end - start,
            "item_prior_correct_rate": _rate(right, start, end),
        }

    def _of_skills(self, asked: Questions, lows: dict) -> dict[str, np.ndarray]:
        """Means over the question's skills, and since when the last one was met."""
        number, skill = self.skills_of(asked.skill_set)
        key = self.skill_key(asked.user[number], skill)
        start = self.by_skill.places(key, asked.first[number])
        end = self.by_skill.places(key, asked.bound[number])
        right = self.by_skill.sums(self.correct)
        of_skill = {
            "skill_prior_n": end - start,
            "skill_prior_correct_rate": _rate(right, start, end),
        }
        for k in SKILL_LAST:
            last = _rate(right, np.maximum(start, end - k), end)
            of_skill[f"skill_last_{k}_correct_rate"] = last
        for span, low in lows.items():
            begin = np.minimum(self.by_skill.places(key, low[number]), end)
            of_skill[f"skill_prior_{span}_n"] = end - begin
            of_skill[f"skill_prior_{span}_n_correct"] = right[end] - right[begin]
        n_asked = len(asked.at)
        n_skills = np.bincount(number, minlength=n_asked)
        found = {}
        for name, values in of_skill.items():
            total = np.bincount(number, values, minlength=n_asked)
            without = 0.5 if name.endswith("rate") else 0.0
            found[name] = np.where(
                n_skills > 0, total / np.maximum(n_skills, 1), without
            )
        return found | self._since_skill(asked, number, start, end)

    def _since_skill(
        self, asked: Questions, number: np.ndarray, start: np.ndarray, end: np.ndarray
    ) -> dict[str, np.ndarray]:
        met = end > start
        last = np.full(len(asked.at), -1)  # the latest row on any of the skills
        np.maximum.at(last, number[met], self.by_skill.row[end[met] - 1])
        is_met = last >= 0
        return {
            "answers_since_skill": np.where(
                is_met,
                asked.bound - np.minimum(self.second_to[last], asked.bound),
                np.nan,
            ),
            "seconds_since_skill": np.where(is_met, asked.at - self.at[last], np.nan),
        }


def _rate(right: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Laplace's rule of succession over the answers from `start` to `end`."""
    return (right[end] - right[start] + 1) / (end - start + 2)
