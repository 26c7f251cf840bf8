"""Answers of students whose abilities grow with practice and fade without it.

A student's ability in skill s at a moment is

    ability = base + offset[s] + gain[s] * exp(-days since s was practised / tau),

and each answer moves the (faded) gain towards its ceiling. An item of one or two
skills asks for the mean of their abilities. Its answer is right with probability

    c + (1 - c) * sigmoid(a * (ability - b(t))),

the three-parameter logistic model (Birnbaum 1968), whose difficulty b drifts along a
line over the log for some items. Help is asked for more often where the item is hard
for the student; it does not change this answer's chance, yet more is learnt.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from training.simulate.arrays import Floats, Ints

DAY_MS = 86_400_000
Bools = np.ndarray


@dataclass(frozen=True)
class LearningConfig:
    """How students and items are drawn. Abilities and difficulties in logits.

    Args:
        n_items, n_skills: sizes of the bank; items are spread evenly over skills.
        two_skills_share: items that ask for a second skill.
        unlabelled_share: items whose skills are not published.
        ability_sigma, offset_sigma: spread of base abilities and of skills within one.
        difficulty_sigma: spread of difficulties around 0.
        discrimination_sigma: discriminations are log-normal with
            `discrimination_median`.
        guessing_max: guessing is uniform from 0 to here.
        drift_share, drift_size: share of items whose difficulty rises or falls by so
            much from the first to the last day; mean over the log unchanged.
        gain_ceiling, gain_share: an answer closes that share of the gap between a
            skill's gain and its ceiling.
        fading_days: tau.
        help_base, help_slope, help_sigma: logit of asking for help is
            base + trait - slope * (ability - difficulty).
        help_bonus: an answer after help teaches (1 + bonus) times as much.
    """

    n_items: int
    n_skills: int
    two_skills_share: float = 0.2
    unlabelled_share: float = 0.08
    ability_sigma: float = 1.0
    offset_sigma: float = 0.3
    difficulty_sigma: float = 1.0
    discrimination_median: float = 1.2
    discrimination_sigma: float = 0.3
    guessing_max: float = 0.2
    drift_share: float = 0.2
    drift_size: float = 1.6
    gain_ceiling: float = 1.2
    gain_share: float = 0.06
    fading_days: float = 60.0
    help_base: float = -2.4
    help_slope: float = 0.8
    help_sigma: float = 0.6
    help_bonus: float = 0.5


@dataclass(frozen=True)
class Items:
    """The bank: I items in order of their first skill.

    Args:
        skills: first and second skill, the same one twice where there is but one;
            shape (I, 2).
        is_labelled: whether the skills are published, shape (I,).
        difficulty, discrimination, guessing: a mean over the log, shape (I,).
        drift: change of difficulty from the first to the last day, shape (I,).
        pool_first, pool_size: where each skill's items stand, shape (S,).
    """

    skills: Ints
    is_labelled: Bools
    difficulty: Floats
    discrimination: Floats
    guessing: Floats
    drift: Floats
    pool_first: Ints
    pool_size: Ints

    def skill_lists(self, names: list[str]) -> list[list[str]]:
        """Published skills of each item, sorted, without repeats."""
        return [
            sorted({names[first], names[second]}) if labelled else []
            for (first, second), labelled in zip(
                self.skills, self.is_labelled, strict=True
            )
        ]


@dataclass(frozen=True)
class Answers:
    """What became of N graded answers, each array of shape (N,).

    Args:
        ability: of the item's skills, just before the answer.
        probability: of a right answer, known to the process alone.
        is_correct, has_help: as drawn.
    """

    ability: Floats
    probability: Floats
    is_correct: Bools
    has_help: Bools

    def take(self, rows: Ints | slice) -> "Answers":
        """The chosen answers, in the order asked for."""
        return Answers(*(column[rows] for column in self._columns()))

    @staticmethod
    def joined(parts: list["Answers"]) -> "Answers":
        """All answers of all parts, one after the other."""
        columns = zip(*(part._columns() for part in parts), strict=True)
        return Answers(*(np.concatenate(column) for column in columns))

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.ability, self.probability, self.is_correct, self.has_help


def draw_items(config: LearningConfig, chance: np.random.SeedSequence) -> Items:
    """Draw the bank."""
    rng, size = np.random.default_rng(chance), config.n_items
    first = np.sort(np.arange(size) % config.n_skills)
    other = (first + rng.integers(1, max(config.n_skills, 2), size)) % config.n_skills
    has_two = rng.random(size) < config.two_skills_share
    drifts = rng.random(size) < config.drift_share
    pool_size = np.bincount(first, minlength=config.n_skills)
    return Items(
        skills=np.stack([first, np.where(has_two, other, first)], axis=1),
        is_labelled=rng.random(size) >= config.unlabelled_share,
        difficulty=rng.normal(0, config.difficulty_sigma, size),
        discrimination=rng.lognormal(
            np.log(config.discrimination_median), config.discrimination_sigma, size
        ),
        guessing=rng.uniform(0, config.guessing_max, size),
        drift=np.where(drifts, rng.choice([-1, 1], size) * config.drift_size, 0.0),
        pool_first=pool_size.cumsum() - pool_size,
        pool_size=pool_size,
    )


class Students:
    """U students with their abilities, who answer one item after the other."""

    def __init__(self, config: LearningConfig, items: Items, n_users: int, rng) -> None:
        self._config, self._items, self._rng = config, items, rng
        self.base = rng.normal(0, config.ability_sigma, n_users)
        self._offset = rng.normal(0, config.offset_sigma, (n_users, config.n_skills))
        self._help_trait = rng.normal(0, config.help_sigma, n_users)
        self._gain = np.zeros((n_users, config.n_skills))
        self._practised = np.zeros((n_users, config.n_skills))  # in ms

    def answer(self, user: Ints, item: Ints, at: Ints, log_share: Floats) -> Answers:
        """Draw every answer.

        Args:
            user: of each answer, ascending, shape (N,).
            item: shape (N,).
            at: ms since 1970, rising within a user, shape (N,).
            log_share: part of the log that has passed at `at`, in [0, 1], shape (N,).
        """
        n_answers = np.bincount(user, minlength=len(self.base))
        first = n_answers.cumsum() - n_answers
        by_length = np.argsort(-n_answers, kind="stable")
        drifted = self._items.difficulty[item] + self._items.drift[item] * (
            np.clip(log_share, 0, 1) - 0.5
        )
        out = Answers(
            *(np.zeros(len(user)) for _ in range(2)),
            *(np.zeros(len(user), dtype=bool) for _ in range(2)),
        )
        for step in range(int(n_answers.max(initial=0))):
            n_active = int((n_answers[by_length] > step).sum())
            who = by_length[:n_active]
            rows = first[who] + step
            self._answer_once(out, rows, who, item[rows], at[rows], drifted[rows])
        return out

    def _answer_once(self, out, rows, who, item, at, difficulty) -> None:
        """The next answer of each active student, written to `out` at `rows`."""
        config, items = self._config, self._items
        skills = items.skills[item]  # (A, 2)
        cells = (who[:, None], skills)
        days = (at[:, None] - self._practised[cells]) / DAY_MS
        gain = self._gain[cells] * np.exp(-days / config.fading_days)
        ability = (self.base[who][:, None] + self._offset[cells] + gain).mean(axis=1)
        chance = expit(items.discrimination[item] * (ability - difficulty))
        guessing = items.guessing[item]
        probability = guessing + (1 - guessing) * chance
        asks = config.help_base + self._help_trait[who]
        asks = asks - config.help_slope * (ability - difficulty)
        uniform = self._rng.random((2, len(who)))
        has_help = uniform[0] < expit(asks)
        share = config.gain_share * (1 + config.help_bonus * has_help)
        self._gain[cells] = gain + share[:, None] * (config.gain_ceiling - gain)
        self._practised[cells] = at[:, None]
        out.ability[rows] = ability
        out.probability[rows] = probability
        out.is_correct[rows] = uniform[1] < probability
        out.has_help[rows] = has_help
