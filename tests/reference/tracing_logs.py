"""Raw logs of knowledge tracing full of ties and gaps, and their files."""

import csv
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.reference.logs import ODD_IDS

BEGIN_MS = 1_599_000_000_000  # 2020-09-01 22:40:00
FIRST_ORDER = 100_000  # beyond those of the sample: one order_id is one answer
# 0: one instant; 1 and 999: one second, perhaps; around the session gap; days
GAPS_MS = (0, 0, 1, 1, 999, 1000, 1000, 5500, 1_800_000, 1_801_000, 9_000_000_000)
ACTIONS = (
    *("correct_response", "wrong_response", "correct_response", "wrong_response"),
    *("problem_started", "problem_started", "hint_requested", "answer_requested"),
    *("explanation_requested", "skill_related_video_requested"),
    *("live_tutor_requested", "open_response", "problem_finished"),
    *("continue_selected", "assignment_started", "assignment_finished"),
)
PROBLEMS = ("p10", "p9", "P9", "é", 'a "b", c', "orphan", "no code", None)
SKILL_NAME = "½ é"
CODES = {
    "p10": "6.RP.A.3b",
    "p9": "6.RP.A.3b, 6.NS.B",
    "P9": "é,Z,é",
    "é": "b",
    'a "b", c': ",6.NS.B,",
    "no code": "",
}

Action = tuple[str | None, int, str | None, str]  # assignment, ms, problem, action


@dataclass(frozen=True)
class AssistmentsRow:
    """One raw row; None is an empty field."""

    order_id: int
    user_id: str
    problem_id: str
    original: int
    correct: float
    skill_id: str | None
    ms_first_response: int | None
    first_action: int | None


@dataclass(frozen=True)
class TracingLog:
    """Raw rows of both data sets; a student of None is an empty field."""

    actions: list[Action] = field(default_factory=list)
    students: dict[str, str | None] = field(default_factory=dict)
    answers: list[AssistmentsRow] = field(default_factory=list)


def drawn_tracing_log(n_histories: int) -> TracingLog:
    """Histories drawn by hypothesis, always the same ones, as one log."""
    log = TracingLog()

    @settings(
        max_examples=n_histories,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(ODD_IDS), _steps(), _answers())
    def collect(user_id: str, steps: list, answers: list) -> None:
        n = len(log.students)
        _add_history(log, f"{user_id}{n}", n, steps)
        for gap, user, *values in answers:
            last = log.answers[-1].order_id if log.answers else 0
            log.answers.append(AssistmentsRow(last + gap, user, *values))

    collect()
    log.answers[:] = [
        replace(row, order_id=FIRST_ORDER + row.order_id)
        for row in _told_apart(log.answers)
    ]
    log.students["of nobody"] = None
    log.actions.extend(
        ("of nobody", BEGIN_MS + n, "p9", "correct_response") for n in range(3)
    )
    log.actions.append(("of no known assignment", BEGIN_MS, "p9", "wrong_response"))
    log.actions.append((None, BEGIN_MS, "p9", "wrong_response"))
    return log


def _told_apart(rows: list[AssistmentsRow]) -> list[AssistmentsRow]:
    """No answer repeats one before it to the millisecond: that would be refused."""
    out: list[AssistmentsRow] = []
    seen: set[tuple] = set()
    for row in rows:
        if out and out[-1].order_id == row.order_id:
            row = replace(row, ms_first_response=out[-1].ms_first_response)
        answer = (row.user_id, row.problem_id, row.correct, row.ms_first_response)
        if answer in seen and (not out or out[-1].order_id != row.order_id):
            row = replace(row, ms_first_response=10_000 + row.order_id)
        seen.add(answer)
        out.append(row)
    return out


def write_tracing_log(data_dir: Path, log: TracingLog, seed: int) -> Path:
    """The publishers' files under `data_dir/raw`, rows and columns shuffled."""
    draw = random.Random(seed)
    edm = data_dir / "raw" / "edm_cup_2023"
    assistments = data_dir / "raw" / "assistments_2009"
    edm.mkdir(parents=True)
    assistments.mkdir(parents=True)
    _write(
        edm / "action_logs.csv",
        ("assignment_log_id", "timestamp", "problem_id", "action", "hint_id"),
        [(a, f"{ms / 1000:.3f}", p, action, None) for a, ms, p, action in log.actions],
        draw,
    )
    details = [(a, user, "70464012120") for a, user in log.students.items()]
    columns = ("assignment_log_id", "student_id", "assignment_due_date")
    _write(edm / "assignment_details.csv", columns, details, draw)
    _write(
        edm / "problem_details.csv",
        ("problem_id", "problem_skill_code"),
        list(CODES.items()),
        draw,
    )
    _write(
        assistments / "skill_builder_data.csv",
        ("", *AssistmentsRow.__dataclass_fields__, "skill_name"),
        [(n, *vars(row).values(), SKILL_NAME) for n, row in enumerate(log.answers)],
        draw,
        "latin-1",
    )
    return data_dir


def _add_history(log: TracingLog, user_id: str, n: int, steps: list) -> None:
    at = BEGIN_MS
    for gap, assignment, problem, action in steps:
        at += gap
        log.students[f"{n}-{assignment}"] = user_id
        log.actions.append((f"{n}-{assignment}", at, problem, action))


def _steps() -> st.SearchStrategy[list]:
    step = st.tuples(
        st.sampled_from(GAPS_MS),
        st.integers(0, 1),
        st.sampled_from(PROBLEMS),
        st.sampled_from(ACTIONS),
    )
    return st.lists(step, min_size=1, max_size=25)


def _answers() -> st.SearchStrategy[list]:
    answer = st.tuples(
        st.sampled_from((0, 1, 1, 2, 1800, 1801)),  # 0: another row of one answer
        st.sampled_from(("7", "64", "100")),
        st.sampled_from(("9", "10", "75")),
        st.sampled_from((1, 1, 1, 0)),
        st.sampled_from((1, 0, 0.5, 1)),
        st.sampled_from((None, "NA", "9", "10", "279", "9_10", "7_279_7")),
        st.sampled_from((None, -5, 0, 1500, 5_000_000)),
        st.sampled_from((None, 0, 0, 1, 2)),
    )
    return st.lists(answer, max_size=6).map(_consistent)


def _consistent(answers: list[tuple]) -> list[tuple]:
    """Rows of one answer differ in their skill alone."""
    out: list[tuple] = []
    for answer in answers:
        if answer[0] == 0 and out:
            _, user, problem, original, correct, _, ms, first = out[-1]
            out.append((0, user, problem, original, correct, answer[5], ms, first))
        else:
            out.append((max(answer[0], 1), *answer[1:]))
    return out


def _write(
    path: Path,
    columns: tuple[str, ...],
    rows: list[tuple],
    draw: random.Random,
    encoding: str = "utf-8",
) -> None:
    places = draw.sample(range(len(columns)), len(columns))
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns[place] for place in places)
        for row in draw.sample(rows, len(rows)):
            writer.writerow(row[place] for place in places)
