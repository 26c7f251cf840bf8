"""Open edX tracking logs: a JSON object a line, at times behind the logger's own words.

https://docs.openedx.org/en/latest/developers/references/internal_data_formats/tracking_logs/
"""

import dataclasses

from training.ingest.engine import Engine
from training.ingest.forms.form import Form, at, path
from training.ingest.sources import BAD, Source

# what a browser sends is an object in a text
_EVENT = (
    "case json_type(json, '$.event') when 'VARCHAR' then "
    "try_cast(json ->> '$.event' as json) else json_extract(json, '$.event') end"
)


def _event(*steps: str) -> str:
    return f"json_extract_string({_EVENT}, '{path(*steps)}')"


COLUMNS = {
    "user_id": f"nullif({at('context', 'user_id')}, '')",
    "username": f"nullif({at('username')}, '')",
    "course_id": f"coalesce(nullif({at('context', 'course_id')}, ''), "
    f"{_event('course_id')})",
    "block_id": f"coalesce({_event('problem_id')}, {_event('module_id')}, "
    f"{_event('id')}, {at('context', 'module', 'usage_key')})",
    "event_type": f"coalesce({at('name')}, {at('event_type')})",
    "event_source": at("event_source"),
    "time": at("time"),
    "session": f"coalesce(nullif({at('session')}, ''), {at('context', 'session')})",
    "success": f"case when {at('event_source')} = 'server' "
    f"then {_event('success')} end",
    "attempts": _event("attempts"),
}
_CHECK = "event_type = 'problem_check'"


def _read(source: Source, engine: Engine) -> Source:
    listed = ", ".join(f"{sql} as {column}" for column, sql in COLUMNS.items())
    no_event = f"case when {at('event_type')} is null then cast(json as varchar) end"
    bad = f"coalesce({BAD}, {no_event})"
    rows = f"select {listed}, {bad} as {BAD} from ({source.rows})"
    return dataclasses.replace(
        source, rows=rows, columns=dict.fromkeys(COLUMNS, "VARCHAR")
    )


FORM = Form(
    "openedx",
    ("json",),
    _read,
    signs=(("event_type", "event_source", "context"),),
    keys={
        "user_id": ("user_id", "username"),
        "item_key": ("block_id", "course_id"),
        "event_at": ("time",),
        "event_type": ("event_type",),
        "platform_session": ("session",),
        "correct": ("success",),
    },
    course="course_id",
    drops={
        "of nobody who is logged in": "coalesce(user_id, username) is null",
        "a page request": "event_type like '/%'",
        "the browser's twin of a server event": f"{_CHECK} "
        "and event_source = 'browser'",
    },
    ungraded={"no graded answer": f"success is null or not ({_CHECK})"},
)
