"""Simulated EDM Cup 2023: assignments, problems and the actions on them.

Figures of the real log: 23,932,276 actions in 638,528 of 9,319,676 assignments; a third
of the started problems have no graded answer, 16 % have several.
"""

from dataclasses import asdict, dataclass, field
from itertools import count

import numpy as np

from training.simulate.arrays import Ints
from training.simulate.keys import base36_key
from training.simulate.practice.days import Practice, PracticeConfig, draw_practice
from training.simulate.practice.edm_cup_2023_actions import (
    Actions,
    Behaviour,
    actions_of,
)
from training.simulate.practice.edm_cup_2023_files import (
    ActionLog,
    AssignmentDetails,
    Bank,
)
from training.simulate.practice.learning import (
    Answers,
    Items,
    LearningConfig,
    Students,
    draw_items,
)
from training.simulate.practice.truth import TracingTruth
from training.simulate.request import Counts, Request, Size

DEFAULT_SIZE = Size(users=66)
BANK, BLOCK, DETAILS = range(3)  # purposes of chance


@dataclass(frozen=True)
class EdmConfig:
    """How a log is drawn.

    Args:
        learning, practice: what students learn and when they work.
        behaviour: what they click beside their answers.
        block_users: students drawn together.
        unlogged_share: assignments whose actions are not in the log.
        open_share: problems that nobody grades.
        abandoned_share: started problems that get no answer.
    """

    learning: LearningConfig
    practice: PracticeConfig
    behaviour: Behaviour = field(default_factory=Behaviour)
    block_users: int = 256
    unlogged_share: float = 0.35
    open_share: float = 0.26
    abandoned_share: float = 0.09


# few problems with many answers each: small data from which models can learn
DENSE = EdmConfig(
    LearningConfig(n_items=48, n_skills=6),
    PracticeConfig("2020-09-01", 640, 11.0, 0.5, assignments_min=4),
)
# the published log: many problems, most students with few assignments
PUBLISHED = EdmConfig(
    LearningConfig(n_items=36_800, n_skills=400),
    PracticeConfig("2019-02-25", 1430, 14.0, 1.0, problems_min=5, problems_max=12),
    block_users=2048,
    unlogged_share=0.5,
)


@dataclass(frozen=True)
class Block:
    """Students drawn together, and what they did."""

    practice: Practice
    base_ability: np.ndarray
    graded: Ints  # places of the problems with a graded answer
    answers: Answers
    actions: Actions


def simulate(request: Request) -> Counts:
    """Write a log and its truth; with a number of events in the published shape."""
    size = request.size or DEFAULT_SIZE
    config = DENSE if size.events is None else PUBLISHED
    items = draw_items(config.learning, request.chance(BANK, 0))
    bank = Bank.draw(items, config.open_share, request.chance(BANK, 1))
    request.raw.mkdir()
    bank.write(request.raw / "problem_details.csv")
    n_users = n_events = 0
    with (
        TracingTruth(request.truth) as truth,
        ActionLog(request.raw / "action_logs.csv", bank) as log,
        AssignmentDetails(request.raw / "assignment_details.csv") as details,
        size.progress_bar("edm_cup_2023", request.show_progress) as bar,
    ):
        for number in count():
            block = _draw_block(config, items, bank, request.chance(BLOCK, number))
            n_kept = size.n_next(n_users, n_events, np.bincount(block.actions.user))
            user_ids = [base36_key("S", n_users + n) for n in range(n_kept)]
            kept = block.actions.of_first_users(n_kept)
            log.add(kept, details.add_logged(block.practice, user_ids))
            _add_truth(truth, block, user_ids, bank)
            n_users, n_events = n_users + n_kept, n_events + len(kept.at)
            bar.update(size.reached(n_users, n_events) - bar.n)
            if size.is_enough(n_users, n_events):
                break
        details.add_unlogged(
            config.unlogged_share, np.random.default_rng(request.chance(DETAILS))
        )
        truth.finish(items, bank.problem_ids, bank.skill_codes, asdict(config))
    return Counts(
        n_users, n_events, truth.n_answers, "answers with their true probability"
    )


def _draw_block(
    config: EdmConfig, items: Items, bank: Bank, chance: np.random.SeedSequence
) -> Block:
    rng = np.random.default_rng(chance)
    practice = draw_practice(config.practice, items, config.block_users, rng)
    is_answered = rng.random(len(practice.item)) >= config.abandoned_share
    is_open = bank.is_open[practice.item]
    graded = np.flatnonzero(is_answered & ~is_open)
    students = Students(config.learning, items, config.block_users, rng)
    answers = students.answer(
        practice.user[graded],
        practice.item[graded],
        practice.answered_at[graded],
        practice.log_share(config.practice)[graded],
    )
    actions = actions_of(
        practice, is_answered & is_open, graded, answers, config.behaviour, rng
    )
    return Block(practice, students.base, graded, answers, actions)


def _add_truth(
    truth: TracingTruth, block: Block, user_ids: list[str], bank: Bank
) -> None:
    truth.add_users(user_ids, block.base_ability[: len(user_ids)])
    user = block.practice.user[block.graded]
    n_kept = int(np.searchsorted(user, len(user_ids)))
    graded = block.graded[:n_kept]
    truth.add_answers(
        user_ids,
        user[:n_kept],
        bank.problem_ids,
        block.practice.item[graded],
        block.practice.answered_at[graded],
        block.answers.take(slice(n_kept)),
    )
