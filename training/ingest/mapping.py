"""Which column is what: as the user says, else guessed from names and values."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from training.errors import UserError
from training.ingest.engine import Engine, few, name, shown
from training.ingest.forms.form import Form
from training.ingest.sources import Source
from training.ingest.times import looks_like_time
from training.ingest.values import NULL_WORDS

RECOMMENDATION, TRACING = "recommendation", "tracing"
NEEDED = {
    RECOMMENDATION: ("user_id", "item_key", "event_at"),
    TRACING: ("user_id", "item_key", "event_at", "correct"),
}
KEYS = {
    RECOMMENDATION: (*NEEDED[RECOMMENDATION], "event_type", "platform_session"),
    TRACING: (
        *NEEDED[TRACING],
        *("skill_keys", "latency_sec", "event_type", "platform_session"),
    ),
}
SAMPLE_ROWS = 1000
# names that columns have, in small letters with _ between; earlier tiers win
_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "user_id": (
        ("user_id", "userid", "user"),
        ("student_id", "studentid", "student", "anon_student_id", "learner_id"),
        ("learner", "username", "user_name", "uid", "member_id", "actor", "person_id"),
    ),
    "item_key": (
        ("item_key", "item_id", "itemid", "item"),
        (
            *("problem_id", "question_id", "exercise_id", "course_id", "product_id"),
            *("content_id", "resource_id", "video_id", "movie_id", "activity_id"),
            "object_id",
        ),
        (
            *("problem_name", "problem", "question", "exercise", "course", "product"),
            *("content", "resource", "video", "movie", "activity", "object"),
            "module_id",
        ),
    ),
    "event_at": (
        ("event_at", "event_timestamp", "event_time", "timestamp"),
        ("created_at", "answered_at", "datetime", "date_time", "timecreated", "at"),
        ("time", "ts", "date", "start_time", "order_id", "order"),
    ),
    "event_type": (
        ("event_type", "eventtype"),
        ("event", "action", "verb", "event_name"),
    ),
    "platform_session": (
        ("platform_session", "session_id", "session_hash", "session"),
    ),
    "correct": (
        ("correct", "is_correct"),
        ("correctness", "answered_correctly"),
    ),
    "skill_keys": (
        ("skill_keys", "skill_ids", "skills", "skill_id", "skill"),
        ("concepts", "concept", "kcs", "kc", "knowledge_components", "tags"),
        ("skill_name", "knowledge_component", "kc_default", "topic"),
    ),
    "latency_sec": (
        ("latency_sec", "latency_s", "latency_ms", "ms_first_response"),
        ("response_time_ms", "response_time_sec", "elapsed_ms", "elapsed_sec"),
    ),
}


def family_of(source: Source, form: Form, given: Mapping[str, str]) -> str:
    """Tracing where the log says whether answers were right.

    Forms of whole platforms hold both kinds of rows: the user says which to take.
    """
    if given.get("correct") or given.get("skill_keys"):
        return TRACING
    if not form.keys and any(
        _plain(c) in ("correct", "is_correct") for c in source.columns
    ):
        return TRACING
    return RECOMMENDATION


def mapping_of(
    source: Source,
    sample: Mapping[str, list],
    form: Form,
    family: str,
    given: Mapping[str, str],
) -> dict[str, str]:
    """Column by key.

    Args:
        sample: the first values of every column.
        given: what the user says; an empty column says that the log has none.
    Raises:
        UserError: an unknown key or column, a needed key without a column, or two
            columns that could be it.
    """
    _refuse_unknown(source, family, given)
    if not any(sample.values()):
        raise UserError(f"{source.path}: the file has no rows")
    found: dict[str, str] = {}
    for key in KEYS[family]:
        if key in given:
            column = _spelled(source, given[key])
        elif form.keys:
            column = _filled(form.keys.get(key, ()), sample)
        else:
            taken = {*found.values(), *given.values()}
            column = _guessed(source, key, sample, taken)
        if column:
            found[key] = column
    if missing := [key for key in NEEDED[family] if key not in found]:
        free = [column for column in source.columns if column not in found.values()]
        asked = " ".join(f"--map {key}=COLUMN" for key in missing)
        raise UserError(
            f"{source.path}: no column is {' or '.join(missing)} for sure; write "
            f"{asked}, one of {few(free or source.columns)}"
        )
    for key in ("user_id", "item_key", "event_at"):
        _refuse_structure(source, found[key], sample[found[key]])
    twice = set(found.values()) & set(source.repeated)
    if twice:
        raise UserError(
            f"{source.path}: column {min(twice)} stands twice; rename one of them"
        )
    return found


def _refuse_structure(source: Source, column: str, values: Sequence[object]) -> None:
    kind = source.columns[column]
    is_object = source.kind == "json" and any(str(v).startswith("{") for v in values)
    if is_object or kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        raise UserError(
            f"{source.path}: column {column} holds lists or objects such as "
            f"{shown(values[0]) if values else kind}, no single values; name another"
        )


def sample_of(source: Source, engine: Engine) -> dict[str, list]:
    """The first values of every column that are not missing."""
    columns = ", ".join(map(name, source.columns))
    rows = engine.rows(f"select {columns} from ({source.rows}) limit {SAMPLE_ROWS}")
    values = zip(*rows, strict=True) if rows else ([] for _ in source.columns)
    return {
        column: [
            value
            for value in found
            if value is not None and str(value).strip().lower() not in NULL_WORDS
        ]
        for column, found in zip(source.columns, values, strict=True)
    }


def _refuse_unknown(source: Source, family: str, given: Mapping[str, str]) -> None:
    for key, column in given.items():
        if key not in KEYS[family]:
            raise UserError(
                f"--map {key}={column}: {key} is none of {family}'s keys; choose from "
                + ", ".join(KEYS[family])
                + (
                    "; for answers write --family tracing"
                    if key in KEYS[TRACING]
                    else ""
                )
            )
        if column and not _spelled(source, column):
            near = get_close_matches(column, source.columns, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(
                f"--map {key}={column}: {source.path} has no such column{hint}; found "
                + few(source.columns)
            )


def _spelled(source: Source, wanted: str) -> str:
    """The column as the file writes it; names may differ in case."""
    if wanted in source.columns:
        return wanted
    alike = [column for column in source.columns if column.lower() == wanted.lower()]
    return alike[0] if alike else ""


def _filled(candidates: Sequence[str], sample: Mapping[str, list]) -> str:
    """The first column that has values, else the first."""
    return next(
        (c for c in candidates if sample[c]), candidates[0] if candidates else ""
    )


def _guessed(
    source: Source, key: str, sample: Mapping[str, list], taken: set[str]
) -> str:
    free = [column for column in source.columns if column not in taken]
    if key == "item_key":  # the one course of a log is no item of it
        names = {name for tier in _NAMES[key] for name in tier}
        varying = [c for c in free if _plain(c) in names and _varies(sample[c])]
        free = varying or free
    for tier in _NAMES[key]:
        named = [column for column in free if _plain(column) in tier and sample[column]]
        if len(named) > 1:
            raise UserError(
                f"{source.path}: {key} could be column {' or '.join(named)}; write "
                f"--map {key}={named[0]} or --map {key}={named[1]}"
                + ("" if key in NEEDED[TRACING] else f", or --map {key}= for none")
            )
        if named:
            return named[0]
    if key != "event_at":
        return ""
    times = [column for column in free if looks_like_time(sample[column])]
    if len(times) > 1:
        raise UserError(
            f"{source.path}: {key} could be column {' or '.join(times)}; write "
            f"--map {key}={times[0]} or --map {key}={times[1]}"
        )
    return times[0] if times else ""


def _varies(values: Sequence[object]) -> bool:
    return len(set(map(str, values))) > 1  # lists have no hash


def _plain(column: str) -> str:
    """`Anon Student Id`, `userId` and `user-id` as small letters with _ between."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
