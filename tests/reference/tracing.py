"""The marts of knowledge tracing from raw rows, in plain Python.

Written from the contract's wording, with lists, dicts and sorting: slow and meant to be
obviously right. Comments in quotation marks are the contract's words.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.reference.marts import Marts, Row
from tests.reference.sessions import Event, Rules, sessionize, split_of
from tests.reference.tracing_logs import CODES, SKILL_NAME, AssistmentsRow, TracingLog

EDM = Rules("edm_cup_2023", "user", True)
# time is only an order there: a user's answers are one session without a duration
ASSISTMENTS = Rules(
    "assistments_2009",
    "user",
    False,
    session_gap_sec=3_155_760_000,
    extent_weight=0,
)
HELP = {
    "hint_requested",
    "explanation_requested",
    "answer_requested",
    "skill_related_video_requested",
    "live_tutor_requested",
}
WINDOW = 200


class Answer(NamedTuple):
    """One graded first answer, in the order of `response_id`."""

    user_id: str
    answered_at: datetime
    item_key: str
    answer_key: str
    correct: bool
    latency_sec: float | None
    help_before: bool
    skills: tuple[str, ...]


def tracing_reference(log: TracingLog) -> Marts:
    """Reference marts of both data sets."""
    # the name stands beside every skill; of several in one field nobody knows whose
    alone = {row.skill_id for row in log.answers} - {None}
    names = {skill: SKILL_NAME for skill in alone if "_" not in skill}
    parts = (
        _marts(_edm_answers(log), _edm_events(log), EDM, {}),
        _marts(
            _assistments_answers(log.answers),
            _assistments_events(log.answers),
            ASSISTMENTS,
            names,
        ),
    )
    return {mart: [row for part in parts for row in part[mart]] for mart in parts[0]}


def _utc(ms: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(milliseconds=ms)


def _edm_events(log: TracingLog) -> list[Event]:
    return [
        # a missing item sorts first: "nulls order first"
        Event(log.students[assignment], problem or "", action, _utc(ms), "")
        for assignment, ms, problem, action in log.actions
        if log.students.get(assignment) is not None
    ]


def _edm_answers(log: TracingLog) -> list[Answer]:
    worked_on = defaultdict(list)
    for assignment, ms, problem, action in log.actions:
        if log.students.get(assignment) is not None and problem is not None:
            worked_on[assignment, problem].append((ms, action))
    answers = []
    for (assignment, problem), actions in worked_on.items():
        graded = sorted(
            (ms, action)
            for ms, action in actions
            if action in ("correct_response", "wrong_response")
        )
        if not graded:
            continue
        # "the first correct_response or wrong_response"
        at, action = graded[0]
        # "time since the last problem_started of that problem before it"
        starts = [ms for ms, what in actions if what == "problem_started" and ms < at]
        latency = (at - max(starts)) / 1000 if starts else None
        codes = CODES.get(problem, "").split(",")
        answers.append(
            Answer(
                user_id=log.students[assignment],
                answered_at=_utc(at),
                item_key=problem,
                answer_key=assignment,
                correct=action == "correct_response",
                # "capped at max_latency_sec 3600"
                latency_sec=None if latency is None else min(latency, 3600.0),
                # "a request on that problem before the response"
                help_before=any(ms < at and what in HELP for ms, what in actions),
                skills=tuple(sorted({code.strip() for code in codes} - {""})),
            )
        )
    return answers


def _moment(row: AssistmentsRow) -> datetime:
    # "2009-01-01 + order_id seconds"
    return datetime(2009, 1, 1) + timedelta(seconds=row.order_id)


def _assistments_events(rows: Iterable[AssistmentsRow]) -> list[Event]:
    # "rows of one order_id are one response"
    by_order = {row.order_id: row for row in rows}
    return [
        Event(row.user_id, row.problem_id, str(row.original), _moment(row), "")
        for row in by_order.values()
    ]


def _assistments_answers(rows: Iterable[AssistmentsRow]) -> list[Answer]:
    by_order = defaultdict(list)
    for row in rows:
        by_order[row.order_id].append(row)
    answers = []
    for order_id, same in by_order.items():
        row = same[0]
        # "scaffolding (original = 0) is dropped"
        if row.original == 0:
            continue
        ms = row.ms_first_response
        # "several skills": a row each, or one row with _ between them
        published = [other.skill_id for other in same]
        skills = {skill for text in published for skill in (text or "").split("_")}
        answers.append(
            Answer(
                user_id=row.user_id,
                answered_at=_moment(row),
                item_key=row.problem_id,
                answer_key=str(order_id),
                correct=row.correct == 1,
                latency_sec=None if ms is None or ms < 0 else min(ms / 1000, 3600.0),
                help_before=(row.first_action or 0) > 0,
                skills=tuple(sorted(skills - {"", "NA"})),
            )
        )
    return answers


def _marts(
    answers: list[Answer], events: list[Event], rules: Rules, names: dict[str, str]
) -> Marts:
    session_of = {
        (event.user_id, event.ts_epoch): session_id
        for session_id, members in sessionize(events, rules)
        for event in members
    }
    items = {
        key: n for n, key in enumerate(sorted({e.item_key for e in events} - {""}))
    }
    ordered = sorted(answers)
    skills = sorted({skill for answer in ordered for skill in answer.skills})
    responses = [
        {
            "dataset": rules.dataset,
            "response_id": response_id,
            "user_id": answer.user_id,
            "split": split_of(answer.user_id, rules),
            "session_id": session_of[answer.user_id, _second(answer)],
            "item_id": items[answer.item_key],
            "item_key": answer.item_key,
            "skill_keys": list(answer.skills),
            "correct": answer.correct,
            "answered_at": answer.answered_at,
            "ts_epoch": _second(answer),
            "latency_sec": answer.latency_sec,
            "help_before": answer.help_before,
            # "how many times this user has now answered this item (1 = first)"
            "attempt": sum(
                other.user_id == answer.user_id and other.item_key == answer.item_key
                for other in ordered[: response_id + 1]
            ),
        }
        for response_id, answer in enumerate(ordered)
    ]
    return {
        "responses": responses,
        "skills": [
            {
                "dataset": rules.dataset,
                "skill_id": n,
                "skill_key": key,
                "skill_name": names.get(key),
            }
            for n, key in enumerate(skills)
        ],
        "response_features": [_features(row, responses) for row in responses],
        "kt_sequences": _sequences(responses, skills),
    }


def _second(answer: Answer) -> int:
    return (answer.answered_at - datetime(1970, 1, 1)) // timedelta(seconds=1)


def _rate(rows: list[Row]) -> float:
    return (sum(row["correct"] for row in rows) + 1) / (len(rows) + 2)


def _since(rows: list[Row], ts_epoch: int) -> list[Row]:
    return [row for row in rows if row["ts_epoch"] >= ts_epoch]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _features(asked: Row, responses: list[Row]) -> Row:
    # "every column comes from strictly earlier responses of the same user"
    before = [
        row
        for row in responses
        if row["user_id"] == asked["user_id"] and row["ts_epoch"] < asked["ts_epoch"]
    ]
    on_item = [row for row in before if row["item_id"] == asked["item_id"]]
    on_skills = [
        [row for row in before if skill in row["skill_keys"]]
        for skill in asked["skill_keys"]
    ]
    lately = {
        span: asked["ts_epoch"] - 3600 * hours
        for span, hours in {"hour": 1, "day": 24, "week": 168, "month": 720}.items()
    }
    # the latest second in which any of the skills was met, and the answers since
    met = max((row["ts_epoch"] for rows in on_skills for row in rows), default=None)
    latencies = [row["latency_sec"] for row in before if row["latency_sec"] is not None]
    last = max((row["ts_epoch"] for row in before), default=None)
    return {
        **{key: asked[key] for key in ("dataset", "response_id", "user_id", "split")},
        "prior_n": len(before),
        "prior_correct_rate": _rate(before),
        **{f"last_{n}_correct_rate": _rate(before[-n:]) for n in (5, 20)},
        **{f"prior_{s}_n": len(_since(before, at)) for s, at in lately.items()},
        **{
            f"skill_last_{n}_correct_rate": _mean([_rate(r[-n:]) for r in on_skills])
            or 0.5
            for n in (3, 10)
        },
        **{
            f"skill_prior_{s}_n": _mean([float(len(_since(r, at))) for r in on_skills])
            or 0.0
            for s, at in lately.items()
        },
        **{
            f"skill_prior_{s}_n_correct": _mean(
                [float(sum(row["correct"] for row in _since(r, at))) for r in on_skills]
            )
            or 0.0
            for s, at in lately.items()
        },
        "answers_since_skill": None
        if met is None
        else sum(row["ts_epoch"] > met for row in before),
        "seconds_since_skill": (
            None
            if met is None or asked["dataset"] == ASSISTMENTS.dataset
            else asked["ts_epoch"] - met
        ),
        "skill_prior_n": _mean([float(len(rows)) for rows in on_skills]) or 0.0,
        "skill_prior_correct_rate": _mean([_rate(rows) for rows in on_skills]) or 0.5,
        "item_prior_n": len(on_item),
        "item_prior_correct_rate": _rate(on_item),
        "seconds_since_previous": (
            None
            if last is None or asked["dataset"] == ASSISTMENTS.dataset
            else asked["ts_epoch"] - last
        ),
        "prior_help_rate": _mean([float(row["help_before"]) for row in before]),
        "prior_latency_sec": _mean(latencies),
    }


def _sequences(responses: list[Row], skills: list[str]) -> list[Row]:
    by_user = defaultdict(list)
    for row in responses:
        by_user[row["user_id"]].append(row)
    windows = []
    for user_id, rows in by_user.items():
        # "in order (ts_epoch, response_id), cut into non-overlapping windows of 200"
        rows.sort(key=lambda row: (row["ts_epoch"], row["response_id"]))
        for n, begin in enumerate(range(0, len(rows), WINDOW)):
            part = rows[begin : begin + WINDOW]
            windows.append(
                {
                    "dataset": part[0]["dataset"],
                    "sequence_id": f"{user_id}_{n:06d}",
                    "user_id": user_id,
                    "split": part[0]["split"],
                    "window": n,
                    "response_ids": [row["response_id"] for row in part],
                    "item_ids": [row["item_id"] for row in part],
                    "skill_ids": [
                        [skills.index(key) for key in row["skill_keys"]] for row in part
                    ],
                    "correct": [row["correct"] for row in part],
                    "ts_epoch": [row["ts_epoch"] for row in part],
                }
            )
    return windows
