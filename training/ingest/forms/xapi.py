"""xAPI statements, as a learning record store exports them.

The Experience API 1.0.3, https://github.com/adlnet/xAPI-Spec. Answers are read as Open
edX Aspects reads them: those with `result.success`, the attempt from an extension.
"""

import dataclasses

from training.ingest.engine import Engine
from training.ingest.forms.form import Form, at
from training.ingest.sources import BAD, Source

_ATTEMPT = "http://id.tincanapi.com/extension/attempt-id"
_VERB = f"regexp_extract({at('verb', 'id')}, '[^/#]+/?$')"
_DURATION = at("result", "duration")
_HOMEPAGE = at("actor", "account", "homePage")
_NAME = at("actor", "account", "name")


def _part(unit: str) -> str:
    number = f"regexp_extract({_DURATION}, '([0-9.]+){unit}', 1)"
    return f"coalesce(try_cast(nullif({number}, '') as double), 0)"


COLUMNS = {
    "statement": at("id"),
    # an mbox and its hash name one person
    "actor": f"coalesce({_NAME}, {at('actor', 'mbox_sha1sum')}, "
    f"sha1({at('actor', 'mbox')}), {at('actor', 'openid')})",
    "actor_with_home": f"coalesce({_HOMEPAGE} || '/' || {_NAME}, "
    f"{at('actor', 'mbox_sha1sum')}, sha1({at('actor', 'mbox')}), "
    f"{at('actor', 'openid')})",
    "actor_type": at("actor", "objectType"),
    "verb": f"rtrim({_VERB}, '/')",
    "object": f"case when coalesce({at('object', 'objectType')}, 'Activity') "
    f"= 'Activity' then {at('object', 'id')} end",
    "course": f"coalesce({at('context', 'contextActivities', 'parent', '0', 'id')}, "
    f"{at('context', 'contextActivities', 'grouping', '0', 'id')})",
    "timestamp": at("timestamp"),
    "registration": at("context", "registration"),
    "success": at("result", "success"),
    "attempt": f"coalesce({at('object', 'definition', 'extensions', _ATTEMPT)}, "
    f"{at('context', 'extensions', _ATTEMPT)}, {at('result', 'extensions', _ATTEMPT)})",
    "latency_sec": f"case when {_DURATION} like 'P%' then cast({_part('H')} * 3600 "
    f"+ {_part('M')} * 60 + {_part('S')} as varchar) end",
    "categories": "cast(nullif(json_extract_string(json, "
    "'$.context.contextActivities.category[*].id'), []) as varchar[])",
    "voids": f"case when {at('verb', 'id')} = 'http://adlnet.gov/expapi/verbs/voided' "
    f"then {at('object', 'id')} end",
}


def _read(source: Source, engine: Engine) -> Source:
    listed = ", ".join(f"{sql} as {column}" for column, sql in COLUMNS.items())
    no_verb = f"case when {at('verb', 'id')} is null then cast(json as varchar) end"
    bad = f"coalesce({BAD}, {no_verb})"
    rows = f"select {listed}, {bad} as {BAD} from ({source.rows})"
    columns = dict.fromkeys(COLUMNS, "VARCHAR") | {"categories": "VARCHAR[]"}
    return dataclasses.replace(source, rows=rows, columns=columns)


FORM = Form(
    "xapi",
    ("json",),
    _read,
    signs=(("actor", "verb", "object"),),
    keys={
        "user_id": ("actor",),
        "item_key": ("object",),
        "event_at": ("timestamp",),
        "event_type": ("verb",),
        "platform_session": ("registration",),
        "correct": ("success",),
        "latency_sec": ("latency_sec",),
    },
    drops={
        "voids another statement": "voids is not null",
        "voided": "statement in (select voids from form_rows where voids is not null)",
        "of a group, not a learner": "actor_type = 'Group'",
    },
    ungraded={"no graded answer": "success is null"},
    once="statement",
)
