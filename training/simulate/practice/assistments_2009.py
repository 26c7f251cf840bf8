"""Simulated ASSISTments 2009-2010 skill builder data, a row per answer and skill.

The form of the real file: Latin-1, an unnamed index column, `order_id` as the only
clock, scaffolding problems (`original` = 0) after wrong answers, partial credit, and
answers whose skill is not given.
"""

from dataclasses import asdict, dataclass
from itertools import count

import numpy as np

from training.simulate.arrays import Ints
from training.simulate.practice.assistments_2009_files import (
    Rows,
    problem_ids,
    skill_ids,
    user_ids,
    write_rows,
)
from training.simulate.practice.days import Practice, PracticeConfig, draw_practice
from training.simulate.practice.learning import (
    Answers,
    Items,
    LearningConfig,
    Students,
    draw_items,
)
from training.simulate.practice.truth import TracingTruth
from training.simulate.request import Counts, Request, Size

DEFAULT_SIZE = Size(users=42)
FIRST_ORDER = 20_001
# the clock of the marts: order_id seconds after this day
FIRST_MS = int(np.datetime64("2009-01-01", "ms").astype(np.int64))
BANK, BLOCK, ROWS = range(3)  # purposes of chance


@dataclass(frozen=True)
class AssistmentsConfig:
    """How a file is drawn.

    Args:
        learning, practice: what students learn and when they work.
        block_users: students drawn together.
        scaffolded_share: wrong answers followed by a scaffolding problem.
        partial_share: wrong answers with partial credit.
    """

    learning: LearningConfig
    practice: PracticeConfig
    block_users: int = 256
    scaffolded_share: float = 0.2
    partial_share: float = 0.04


# few problems with many answers each: small data from which models can learn
DENSE = AssistmentsConfig(
    LearningConfig(n_items=30, n_skills=5),
    PracticeConfig("2009-09-01", 300, 11.0, 0.4, assignments_min=4, problems_max=6),
)
# the published file: many problems
PUBLISHED = AssistmentsConfig(
    LearningConfig(n_items=17_700, n_skills=123),
    PracticeConfig("2009-09-01", 300, 10.0, 1.0, problems_min=5, problems_max=12),
    block_users=2048,
)


@dataclass(frozen=True)
class Block:
    """Students drawn together, and their answers in order of student and time."""

    practice: Practice
    base_ability: np.ndarray
    answers: Answers

    def n_answers(self, n_users: int) -> int:
        """Answers of the first students."""
        return int(np.searchsorted(self.practice.user, n_users))


def simulate(request: Request) -> Counts:
    """Write a file and its truth; with a number of events in the published shape."""
    size = request.size or DEFAULT_SIZE
    config = DENSE if size.events is None else PUBLISHED
    items = draw_items(config.learning, request.chance(BANK))
    n_users = n_events = 0
    blocks: list[tuple[Block, int]] = []  # with how many students are kept
    with size.progress_bar("assistments_2009", request.show_progress) as bar:
        for number in count():
            block = _draw_block(config, items, request.chance(BLOCK, number))
            n_kept = size.n_next(n_users, n_events, np.bincount(block.practice.user))
            blocks.append((block, n_kept))
            n_users, n_events = n_users + n_kept, n_events + block.n_answers(n_kept)
            bar.update(size.reached(n_users, n_events) - bar.n)
            if size.is_enough(n_users, n_events):
                break
    rows = _rows(config, blocks, np.random.default_rng(request.chance(ROWS)))
    request.raw.mkdir()
    write_rows(request.raw / "skill_builder_data.csv", rows, items)
    with TracingTruth(request.truth) as truth:
        _add_truth(truth, rows, blocks, items)
        truth.finish(items, problem_ids(items), skill_ids(items), asdict(config))
    return Counts(
        n_users, n_events, truth.n_answers, "answers with their true probability"
    )


def _draw_block(
    config: AssistmentsConfig, items: Items, chance: np.random.SeedSequence
) -> Block:
    rng = np.random.default_rng(chance)
    practice = draw_practice(config.practice, items, config.block_users, rng)
    students = Students(config.learning, items, config.block_users, rng)
    answers = students.answer(
        practice.user,
        practice.item,
        practice.answered_at,
        practice.log_share(config.practice),
    )
    return Block(practice, students.base, answers)


def _rows(
    config: AssistmentsConfig, blocks: list[tuple[Block, int]], rng: np.random.Generator
) -> Rows:
    """Answers of all students in order of time, scaffolds right after theirs."""
    parts: list[tuple[np.ndarray, ...]] = []
    first_user = first_assignment = 0
    for block, n_kept in blocks:
        end, practice = block.n_answers(n_kept), block.practice
        parts.append(
            (
                first_user + practice.user[:end],
                first_assignment + practice.assignment[:end],
                practice.item[:end],
                practice.answered_at[:end],
                practice.latency[:end],
                block.answers.is_correct[:end],
                block.answers.has_help[:end],
                np.arange(end) + sum(len(users) for users, *_ in parts),
            )
        )
        first_user += n_kept
        first_assignment += len(practice.assignment_user)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    by_time = np.argsort(columns[3], kind="stable")
    user, assignment, item, _, latency, correct, help_, number = (
        column[by_time] for column in columns
    )
    is_partial = ~correct & (rng.random(len(user)) < config.partial_share)
    credit = np.where(is_partial, rng.choice((0.25, 0.5, 0.75), len(user)), correct)
    n_rows = 1 + (~correct & (rng.random(len(user)) < config.scaffolded_share))
    of_answer = np.repeat(np.arange(len(user)), n_rows)
    is_original = np.diff(of_answer, prepend=-1) == 1
    scaffold_is_right = rng.random(len(of_answer)) < 0.6
    return Rows(
        order_id=FIRST_ORDER + np.cumsum(rng.integers(1, 5, len(of_answer))),
        user=user[of_answer],
        assignment=assignment[of_answer],
        item=item[of_answer],
        is_original=is_original,
        credit=np.where(is_original, credit[of_answer], scaffold_is_right),
        latency=np.where(is_original, 1, 0.5) * latency[of_answer],
        has_help=help_[of_answer] & is_original,
        answer=number[of_answer],
    )


def _add_truth(
    truth: TracingTruth, rows: Rows, blocks: list[tuple[Block, int]], items: Items
) -> None:
    names = user_ids(sum(n_kept for _, n_kept in blocks))
    base = np.concatenate([block.base_ability[:kept] for block, kept in blocks])
    truth.add_users(names, base)
    answers = Answers.joined(
        [block.answers.take(slice(block.n_answers(kept))) for block, kept in blocks]
    )
    original = np.flatnonzero(rows.is_original)
    at: Ints = FIRST_MS + 1000 * rows.order_id[original]
    truth.add_answers(
        names,
        rows.user[original],
        problem_ids(items),
        rows.item[original],
        at,
        answers.take(rows.answer[original]),
    )
