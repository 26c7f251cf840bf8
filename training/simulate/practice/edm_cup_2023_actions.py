"""The clicks around simulated answers, in the EDM Cup's words."""

from dataclasses import dataclass

import numpy as np

from training.simulate.arrays import Floats, Ints
from training.simulate.practice.days import Practice
from training.simulate.practice.learning import Answers

ACTIONS = (
    "assignment_started",
    "assignment_resumed",
    "problem_started",
    "answer_requested",
    "hint_requested",
    "explanation_requested",
    "skill_related_video_requested",
    "live_tutor_requested",
    "wrong_response",
    "correct_response",
    "open_response",
    "problem_finished",
    "continue_selected",
    "assignment_finished",
)
CODE = {action: code for code, action in enumerate(ACTIONS)}
# requests for help in the published log, by kind
HELP_COUNTS = {
    "answer_requested": 603_988,
    "hint_requested": 73_343,
    "explanation_requested": 21_136,
    "skill_related_video_requested": 1_130,
    "live_tutor_requested": 158,
}
RESUMES_AFTER_MS = 3_600_000
NO_ITEM = -1


@dataclass(frozen=True)
class Behaviour:
    """What students click beside their first answers.

    Args:
        tries_again: wrong first answers followed by another try.
        second_is_right: such tries that are right; after another wrong one the
            answer is asked for and typed in.
        continues: finished problems followed by `continue_selected`.
        finishes: assignments that are finished.
    """

    tries_again: float = 0.62
    second_is_right: float = 0.6
    continues: float = 0.88
    finishes: float = 0.83


@dataclass(frozen=True)
class Actions:
    """K actions in order of student and time; `item` is -1 where there is none.

    All of shape (K,); `code` is a place in `ACTIONS`, `at` ms since 1970.
    """

    user: Ints
    assignment: Ints
    item: Ints
    code: Ints
    at: Ints

    def of_first_users(self, n_users: int) -> "Actions":
        """Only the first students of the block."""
        end = int(np.searchsorted(self.user, n_users))
        return Actions(
            self.user[:end],
            self.assignment[:end],
            self.item[:end],
            self.code[:end],
            self.at[:end],
        )


def actions_of(
    practice: Practice,
    is_open: np.ndarray,
    graded: Ints,
    answers: Answers,
    behaviour: Behaviour,
    rng: np.random.Generator,
) -> Actions:
    """All actions of a block of students.

    Args:
        is_open: problems that nobody grades yet get an answer, shape (N,).
        graded: places of the N problems that have a graded answer, shape (G,).
        answers: those answers.
    """
    problems = np.arange(len(practice.item))
    opened = np.flatnonzero(is_open)
    answered = np.sort(np.r_[graded, opened])
    continued = answered[rng.random(len(answered)) < behaviour.continues]
    resumed = np.flatnonzero(practice.latency > RESUMES_AFTER_MS)
    helped = graded[answers.has_help]
    right, wrong = CODE["correct_response"], CODE["wrong_response"]
    response = np.where(answers.is_correct, right, wrong)
    parts = [
        _at(problems, CODE["problem_started"], practice.started_at),
        _at(graded, response, practice.answered_at[graded]),
        _at(opened, CODE["open_response"], practice.answered_at[opened]),
        _at(helped, _kinds_of_help(len(helped), rng), _during(practice, helped, rng)),
        *_further_tries(practice, graded[~answers.is_correct], behaviour, rng),
        _at(answered, CODE["problem_finished"], _after(practice, answered, 0.9)),
        _at(continued, CODE["continue_selected"], _after(practice, continued, 0.95)),
    ]
    of_problems = [np.concatenate(column) for column in zip(*parts, strict=True)]
    of_assignments = _assignment_actions(practice, resumed, behaviour, rng)
    problem, code, at = (
        np.concatenate([one, other])
        for one, other in zip(of_problems, of_assignments, strict=True)
    )
    item = practice.item[problem].copy()
    item[len(of_problems[0]) :] = NO_ITEM
    user = practice.user[problem]
    order = np.argsort((user << 44) + at, kind="stable")
    columns = (user, practice.assignment[problem], item, code, at)
    return Actions(*(column[order] for column in columns))


def _at(problem: Ints, code: Ints | int, at: Ints) -> tuple[Ints, Ints, Ints]:
    return problem, np.broadcast_to(code, problem.shape), at


def _after(practice: Practice, problem: Ints, share: float) -> Ints:
    """A moment in the pause after the first answer."""
    return practice.answered_at[problem] + (share * practice.pause[problem]).astype(
        np.int64
    )


def _during(practice: Practice, problem: Ints, rng: np.random.Generator) -> Ints:
    """A moment between a problem's start and its first answer."""
    share = rng.uniform(0.2, 0.9, len(problem))
    return practice.started_at[problem] + (share * practice.latency[problem]).astype(
        np.int64
    )


def _kinds_of_help(size: int, rng: np.random.Generator) -> Ints:
    weights: Floats = np.array(list(HELP_COUNTS.values()), dtype=float)
    codes = np.array([CODE[action] for action in HELP_COUNTS])
    return rng.choice(codes, size, p=weights / weights.sum())


def _further_tries(
    practice: Practice, wrong: Ints, behaviour: Behaviour, rng: np.random.Generator
) -> list[tuple[Ints, Ints, Ints]]:
    """What follows a wrong first answer, all within the pause."""
    again = wrong[rng.random(len(wrong)) < behaviour.tries_again]
    is_right = rng.random(len(again)) < behaviour.second_is_right
    given_up = again[~is_right]
    second = np.where(is_right, CODE["correct_response"], CODE["wrong_response"])
    return [
        _at(again, second, _after(practice, again, 0.3)),
        _at(given_up, CODE["answer_requested"], _after(practice, given_up, 0.5)),
        _at(given_up, CODE["correct_response"], _after(practice, given_up, 0.7)),
    ]


def _assignment_actions(
    practice: Practice, resumed: Ints, behaviour: Behaviour, rng: np.random.Generator
) -> list[Ints]:
    """Starts, ends and resumptions: near which problem, code, time."""
    first = np.searchsorted(
        practice.assignment, np.arange(len(practice.assignment_user))
    )
    last = np.append(first[1:], len(practice.assignment)) - 1
    finished = last[rng.random(len(last)) < behaviour.finishes]
    parts = [
        _at(first, CODE["assignment_started"], practice.started_at[first] - 1500),
        _at(resumed, CODE["assignment_resumed"], practice.answered_at[resumed] - 100),
        _at(finished, CODE["assignment_finished"], _after(practice, finished, 1)),
    ]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
