"""Moodle's standard log store: its table, or the report that teachers download.

The table is `mdl_logstore_standard_log`; the report has to be in English.

https://moodledev.io/docs/apis/subsystems/event
"""

import dataclasses

from training.errors import UserError
from training.ingest.engine import Engine, name
from training.ingest.forms.form import Form
from training.ingest.sources import BAD, Source

_TABLE = ("eventname", "userid", "courseid", "timecreated")
_REPORT = ("Time", "Event context", "Component", "Event name", "Description")
_SITE = "('0', '1')"  # what is in no course, and the front page
_GUEST_AND_ADMIN = "('1', '2')"


def _of_table(columns: dict[str, str]) -> dict[str, str]:
    def value(column: str) -> str:
        return f"cast({name(column)} as varchar)" if column in columns else "null"

    return {
        "userid": value("userid"),
        "course": value("courseid"),
        # a context of level 70 is an activity of a course
        "activity": f"case when {value('contextlevel')} = '70' "
        f"then {value('component')} || ':' || {value('contextinstanceid')} end",
        "event": f"regexp_extract({value('eventname')}, '[^\\\\]+$')",
        "time": name("timecreated"),
        "real_user": value("realuserid"),
        "origin": value("origin"),
    }


def _of_report(columns: dict[str, str]) -> dict[str, str]:
    description, context = name("Description"), name("Event context")
    # some plug-ins write "User with id 7 …", others name no user at all
    user = f"regexp_extract({description}, '^(The u|U)ser with id ''?(-?[0-9]+)', 2)"
    # every course has its "File: Lecture 1": the module's number tells them apart
    number = (
        f"regexp_extract({description}, 'course module (?:with )?id ''([0-9]+)', 1)"
    )
    named = f"replace(replace({context}, '&amp;', '&'), '&nbsp;', ' ')"
    return {
        "userid": f"nullif({user}, '')",
        # only a look at the course itself names it: reports of several courses would
        # lose every activity if courses were their items
        "course": "null",
        "activity": f"case when {context} not like 'Course: %' "
        f"and {context} not like 'User: %' "
        f"and {context} not in ('System', 'Other', '-') "
        f"then {named} || coalesce(' (' || nullif({number}, '') || ')', '') end",
        "event": f"replace(lower({name('Event name')}), ' ', '_')",
        "time": name("Time"),
        "real_user": f"nullif(regexp_extract({description}, "
        "'on behalf of the user with id ''([0-9]+)''', 1), '')",
        "origin": name("Origin") if "Origin" in columns else "null",
    }


def _read(source: Source, engine: Engine) -> Source:
    if all(column in source.columns for column in _TABLE):
        exposed = _of_table(source.columns)
    elif all(column in source.columns for column in _REPORT):
        exposed = _of_report(source.columns)
    else:
        raise UserError(
            f"{source.path} is no export of Moodle's standard log: it lacks columns of "
            f"the table ({', '.join(_TABLE)}) and of the report in English "
            f"({', '.join(_REPORT)}); found {', '.join(source.columns)}"
        )
    listed = ", ".join(f"{sql} as {name(column)}" for column, sql in exposed.items())
    rows = f"select {listed}, {BAD} from ({source.rows})"
    columns = dict.fromkeys(exposed, "VARCHAR")
    columns["time"] = source.columns.get("timecreated", "VARCHAR")
    return dataclasses.replace(source, rows=rows, columns=columns)


FORM = Form(
    "moodle",
    ("csv", "parquet"),
    _read,
    signs=(_TABLE, _REPORT),
    keys={
        "user_id": ("userid",),
        "item_key": ("activity", "course"),
        "event_at": ("time",),
        "event_type": ("event",),
    },
    course="course",
    drops={
        "of the guest or admin user": f"userid in {_GUEST_AND_ADMIN}",
        "of a user the log does not name": "userid is null",
        "of nobody who is logged in": "userid in ('0', '-1')",
        "done in another user's name": "real_user is not null and real_user <> userid "
        "and real_user not in ('', '0', 'NULL', '\\N')",
        "outside of courses": f"course in {_SITE}",
        "of the server itself": "origin in ('cli', 'restore')",
    },
)
