"""The EDM Cup's three files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.csv

from training.simulate.arrays import Ints
from training.simulate.keys import base36_key
from training.simulate.practice.days import Practice
from training.simulate.practice.edm_cup_2023_actions import (
    ACTIONS,
    CODE,
    NO_ITEM,
    Actions,
)
from training.simulate.practice.learning import DAY_MS, Items

ACTION_COLUMNS = (
    "assignment_log_id,timestamp,problem_id,max_attempts,available_core_tutoring,"
    "score_viewable,continuous_score_viewable,action,hint_id,explanation_id\n"
)
ASSIGNMENT_COLUMNS = (
    "assignment_log_id,teacher_id,class_id,student_id,sequence_id,"
    "assignment_release_date,assignment_due_date,assignment_start_time,"
    "assignment_end_time\n"
)
PROBLEM_COLUMNS = (
    "problem_id,problem_multipart_id,problem_multipart_position,problem_type,"
    "problem_skill_code,problem_skill_description,problem_contains_image,"
    "problem_contains_equation,problem_contains_video,problem_text_bert_pca\n"
)
TUTORING = ("answer", "hint", "explanation", "no_tutoring")
GRADED_TYPES = ("Number", "Algebraic Expression", "Multiple Choice (select 1)")
OPEN_TYPE = "Ungraded Open Response"
DOMAINS = ("NS.A", "EE.A", "RP.A", "G.A", "SP.A", "F.B", "OA.C")
ODD_DUE_DATE = "70464012120"  # the year 4202, as in the published file
_UNQUOTED = pa.csv.WriteOptions(include_header=False, quoting_style="none")


@dataclass(frozen=True)
class Bank:
    """The published side of the items.

    Args:
        items: as simulated.
        problem_ids: id of each item.
        skill_codes: code of each skill.
        is_open: items that nobody grades, shape (I,).
        tutoring: place in `TUTORING` of each item, shape (I,).
    """

    items: Items
    problem_ids: list[str]
    skill_codes: list[str]
    is_open: np.ndarray
    tutoring: Ints

    @classmethod
    def draw(
        cls, items: Items, open_share: float, chance: np.random.SeedSequence
    ) -> Self:
        """Name the items and choose those that nobody grades."""
        rng, size = np.random.default_rng(chance), len(items.difficulty)
        return cls(
            items=items,
            problem_ids=[base36_key("P", number) for number in range(size)],
            skill_codes=[skill_code(number) for number in range(len(items.pool_size))],
            is_open=rng.random(size) < open_share,
            tutoring=rng.choice(len(TUTORING), size, p=(0.6, 0.2, 0.1, 0.1)),
        )

    def write(self, path: Path) -> None:
        """Write `problem_details.csv`; problems of two skills name both."""
        lists = self.items.skill_lists(self.skill_codes)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(PROBLEM_COLUMNS)
            for number, (problem, codes) in enumerate(
                zip(self.problem_ids, lists, strict=True)
            ):
                kind = (
                    OPEN_TYPE
                    if self.is_open[number]
                    else GRADED_TYPES[number % len(GRADED_TYPES)]
                )
                code = f'"{",".join(codes)}"' if len(codes) > 1 else "".join(codes)
                what = f"Skill {codes[0]}" if codes else ""
                file.write(
                    f"{problem},M{problem},1,{kind},{code},{what},"
                    f'{number % 3 // 2},{number % 2},0,"[0.{number % 97},-0.5]"\n'
                )


class ActionLog:
    """Writes `action_logs.csv` block by block."""

    def __init__(self, path: Path, bank: Bank) -> None:
        self._file = path.open("wb")
        self._file.write(ACTION_COLUMNS.encode())
        self._problem_ids = pa.array([*bank.problem_ids, None])
        tutoring = [TUTORING[number] for number in bank.tutoring]
        self._tutoring = pa.array([*tutoring, "no_tutoring"])
        is_hint = np.array([action == "hint_requested" for action in ACTIONS])
        self._is_hint, self._actions = is_hint, pa.array(ACTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def add(self, actions: Actions, assignment_ids: pa.Array) -> None:
        """Write actions; `assignment_ids` name a block's assignments."""
        problem = np.where(
            actions.item == NO_ITEM, len(self._problem_ids) - 1, actions.item
        )
        problem_id = self._problem_ids.take(pa.array(problem))
        is_hint = self._is_hint[actions.code]
        nothing = pa.nulls(len(problem), pa.string())
        ones = pa.array(np.ones(len(problem), dtype=np.int8))
        hints = pa.compute.if_else(
            pa.array(is_hint), pa.compute.replace_substring(problem_id, "P", "H"), None
        )
        explains = pa.array(actions.code == CODE["explanation_requested"])
        explanations = pa.compute.if_else(
            explains, pa.compute.replace_substring(problem_id, "P", "E"), None
        )
        columns = {
            "assignment_log_id": assignment_ids.take(pa.array(actions.assignment)),
            "timestamp": seconds(actions.at),
            "problem_id": problem_id,
            "max_attempts": pa.compute.multiply(ones, pa.scalar(3, pa.int8())),
            "available_core_tutoring": self._tutoring.take(pa.array(problem)),
            "score_viewable": ones,
            "continuous_score_viewable": ones,
            "action": self._actions.take(pa.array(actions.code)),
            "hint_id": hints,
            "explanation_id": explanations if len(explains) else nothing,
        }
        pa.csv.write_csv(pa.table(columns), self._file, _UNQUOTED)


class AssignmentDetails:
    """Writes `assignment_details.csv`: what the log covers, and what it does not."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.write(ASSIGNMENT_COLUMNS.encode())
        self._n_written = 0
        self._students: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def add_logged(self, practice: Practice, user_ids: list[str]) -> pa.Array:
        """Write the assignments of a block's first students; give their ids."""
        n_kept = int(np.searchsorted(practice.assignment_user, len(user_ids)))
        first = np.searchsorted(practice.assignment, np.arange(n_kept))
        start = practice.started_at[first] - 1500
        last = np.searchsorted(practice.assignment, np.arange(n_kept), side="right") - 1
        end = practice.answered_at[last] + practice.pause[last]
        students = pa.array(user_ids).take(pa.array(practice.assignment_user[:n_kept]))
        self._students += user_ids
        return self._write(students, practice.assignment_skill[:n_kept], start, end)

    def add_unlogged(self, share: float, rng: np.random.Generator) -> None:
        """Assignments without actions, so many that they are `share` of all."""
        size = int(self._n_written * share / (1 - share))
        begin = np.datetime64("2019-09-01", "ms").astype(np.int64)
        start = begin + (rng.random(size) * 1000 * DAY_MS).astype(np.int64)
        students = pa.array(self._students).take(
            pa.array(rng.integers(0, len(self._students), size))
        )
        skill = rng.integers(0, 400, size)
        end = start + rng.integers(60_000, 3_600_000, size)
        self._write(students, skill, start, end)

    def _write(self, students: pa.Array, skill: Ints, start: Ints, end: Ints):
        numbers = range(self._n_written, self._n_written + len(students))
        ids = pa.array([base36_key("A", number) for number in numbers], pa.string())
        due = seconds(start + 7 * DAY_MS).cast(pa.string())
        is_odd = pa.array(np.array([number == 2 for number in numbers], dtype=bool))
        klass = pa.array(["c" + str(number % 9) for number in numbers], pa.string())
        columns = {
            "assignment_log_id": ids,
            "teacher_id": pa.compute.replace_substring(klass, "c", "t"),
            "class_id": klass,
            "student_id": students,
            "sequence_id": pa.array([f"Q{number}" for number in skill], pa.string()),
            "assignment_release_date": seconds(start // DAY_MS * DAY_MS),
            "assignment_due_date": pa.compute.if_else(is_odd, ODD_DUE_DATE, due),
            "assignment_start_time": seconds(start),
            "assignment_end_time": seconds(end),
        }
        pa.csv.write_csv(pa.table(columns), self._file, _UNQUOTED)
        self._n_written += len(students)
        return ids


def skill_code(number: int) -> str:
    """A Common Core code, such as `6.RP.A.3b`."""
    part = "abcd"[number // len(DOMAINS) // 3 % 4] if number % 2 else ""
    grade = 6 + number // (len(DOMAINS) * 12)
    place = 1 + number // len(DOMAINS) % 12
    return f"{grade}.{DOMAINS[number % len(DOMAINS)]}.{place}{part}"


def seconds(ms: Ints) -> pa.Array:
    """Epoch seconds with three decimals, as the publisher writes times."""
    exact = pa.array(ms).cast(pa.decimal128(19, 0))
    return exact.view(pa.decimal128(19, 3))
