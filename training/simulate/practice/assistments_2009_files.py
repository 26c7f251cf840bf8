"""The ASSISTments 2009-2010 skill builder file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from training.simulate.arrays import Floats, Ints
from training.simulate.practice.learning import Items

ENCODING = "latin-1"
COLUMNS = (
    ",order_id,assignment_id,user_id,assistment_id,problem_id,original,correct,"
    "attempt_count,ms_first_response,tutor_mode,answer_type,sequence_id,"
    "student_class_id,position,type,base_sequence_id,skill_id,skill_name,teacher_id,"
    "school_id,hint_count,hint_total,overlap_time,template_id,answer_id,answer_text,"
    "first_action,bottom_hint,opportunity,opportunity_original\n"
)
SKILL_NAMES = (
    "Circle Graph",
    "Área Círculo",
    "Fractions ½ ¼",
    "Pythagorean Theorem a²",
    "Box and Whisker",
    "Temperature °C",
)
ANSWER_TYPES = ("algebra", "choose_1", "fill_in_1")
SCAFFOLD = 100_000  # at least that is added to a problem's number for its scaffold
N_HINTS = 3


@dataclass(frozen=True)
class Rows:
    """Answers in order of `order_id`, each array of shape (N,).

    Args:
        order_id: rises.
        user, assignment, item: numbers.
        is_original: False for scaffolds.
        credit: 1 for right, 0 for wrong, between them for partial credit.
        latency: ms to the first answer or request.
        has_help: whether the first action was to ask for help.
        answer: number of the simulated answer.
    """

    order_id: Ints
    user: Ints
    assignment: Ints
    item: Ints
    is_original: np.ndarray
    credit: Floats
    latency: Floats
    has_help: np.ndarray
    answer: Ints


def write_rows(path: Path, rows: Rows, items: Items) -> None:
    """Write one row per answer and published skill; one without skill if none is."""
    n_skills = np.array([max(len(set(pair)), 1) for pair in items.skills.tolist()])
    n_skills = np.where(items.is_labelled, n_skills, 1)
    row = np.repeat(np.arange(len(rows.item)), n_skills[rows.item])
    is_second = np.diff(row, prepend=-1) == 0
    item = rows.item[row]
    skill = items.skills[item, is_second.astype(int)]
    columns = {
        **_asked(rows, row, _scaffold_step(len(items.difficulty))),
        **_skills(skill, items.is_labelled[item]),
        **_done(rows, row),
    }
    names = COLUMNS.strip().split(",")
    table = pa.table([columns[name] for name in names], names=names)
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(table, sink, options)
    text = COLUMNS + sink.getvalue().to_pybytes().decode()
    path.write_bytes(text.encode(ENCODING))


def user_ids(n_users: int) -> list[str]:
    """Digits of different lengths."""
    return [str(64 + 31 * n + 7 * n * n % 31) for n in range(n_users)]


def problem_ids(items: Items) -> list[str]:
    """Digits of different lengths, so that byte-wise order is not numeric order."""
    return _problems(np.arange(len(items.difficulty))).astype(str).tolist()


def skill_ids(items: Items) -> list[str]:
    """The publisher's numbers of the skills."""
    return [str(1 + 3 * n) for n in range(len(items.pool_size))]


def _problems(item: Ints) -> Ints:
    """The publisher's number of each item; they rise."""
    return 75 + 13 * item + 5 * item * item % 13


def _scaffold_step(n_items: int) -> int:
    """What is added for a scaffold: a power of ten above the number of every item."""
    return max(SCAFFOLD, 10 ** len(str(_problems(np.array(n_items)))))


def _asked(rows: Rows, row: Ints, scaffold_step: int) -> dict[str, pa.Array]:
    """Who was asked what, where; shape (R,) for the row numbers `row`."""
    item, assignment = rows.item[row], rows.assignment[row]
    problem = _problems(item) + np.where(rows.is_original[row], 0, scaffold_step)
    user = rows.user[row]
    return {
        "": pa.array(np.arange(1, len(row) + 1)),
        "order_id": pa.array(rows.order_id[row]),
        "assignment_id": pa.array(300 + assignment),
        "user_id": pa.array(64 + 31 * user + 7 * user * user % 31),
        "assistment_id": pa.array(33 + item),
        "problem_id": pa.array(problem),
        "original": pa.array(rows.is_original[row].astype(np.int8)),
        "tutor_mode": _text("tutor", row),
        "answer_type": pa.array(ANSWER_TYPES).take(pa.array(item % 3)),
        "sequence_id": pa.array(500 + item % 50),
        "student_class_id": pa.array(11 + user % 20),
        "position": pa.array(1 + item % 40),
        "type": _text("MasterySection", row),
        "base_sequence_id": pa.array(500 + item % 50),
        "teacher_id": pa.array(22 + user % 10),
        "school_id": pa.array(73 + user % 3),
        "template_id": pa.array(30 + item % 90),
    }


def _skills(skill: Ints, is_labelled: np.ndarray) -> dict[str, pa.Array]:
    """The skill of each row, empty where it is not published."""
    mask = ~is_labelled
    names = pa.array(SKILL_NAMES).take(pa.array(skill % len(SKILL_NAMES)))
    return {
        "skill_id": pa.array(1 + 3 * skill, mask=mask),
        "skill_name": pa.compute.if_else(pa.array(is_labelled), names, None),
    }


def _done(rows: Rows, row: Ints) -> dict[str, pa.Array]:
    """What was done; most of it is known only after the answer."""
    credit, has_help = rows.credit[row], rows.has_help[row]
    n_hints = np.where(has_help, N_HINTS, (credit < 1) * (rows.item[row] % 2))
    tries = np.where(credit == 1, 1, 2 + rows.order_id[row] % 3)
    opportunity = 1 + _seen_before(rows.user, rows.item)[row]
    whole = pa.array(credit.astype(np.int64)).cast(pa.string())
    is_partial = (credit > 0) & (credit < 1)
    return {
        "correct": pa.compute.if_else(
            pa.array(is_partial), pa.array(credit).cast(pa.string()), whole
        ),
        "attempt_count": pa.array(tries),
        "ms_first_response": pa.array(rows.latency[row].astype(np.int64)),
        "hint_count": pa.array(n_hints),
        "hint_total": pa.array(np.full(len(row), N_HINTS)),
        "overlap_time": pa.array((1.2 * rows.latency[row]).astype(np.int64)),
        "answer_id": pa.array(np.where(credit < 1, rows.order_id[row] % 97, 0)),
        "answer_text": pa.array(["½", "7", "5²", "-3"]).take(
            pa.array(rows.order_id[row] % 4)
        ),
        "first_action": pa.array(has_help.astype(np.int8)),
        "bottom_hint": pa.array((n_hints == N_HINTS).astype(np.int8)),
        "opportunity": pa.array(opportunity),
        "opportunity_original": pa.array(opportunity, mask=~rows.is_original[row]),
    }


def _text(value: str, row: Ints) -> pa.Array:
    return pa.array([value]).take(pa.array(np.zeros(len(row), dtype=np.int8)))


def _seen_before(user: Ints, item: Ints) -> Ints:
    """How often the same student met the same item before, shape (N,)."""
    key = user * (int(item.max(initial=0)) + 1) + item
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    lengths = np.diff(np.append(first, len(key)))
    count = np.empty(len(key), dtype=np.int64)
    count[order] = np.arange(len(key)) - np.repeat(first, lengths)
    return count
