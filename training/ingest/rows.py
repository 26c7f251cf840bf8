"""The rows of sources under the project's names, and why some are left out."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from training.errors import UserError
from training.ingest.engine import Engine, literal, name, shown
from training.ingest.forms.form import Form
from training.ingest.mapping import RECOMMENDATION, SAMPLE_ROWS, TRACING
from training.ingest.sources import BAD, Source
from training.ingest.times import EARLIEST, LATEST, Clock
from training.ingest.values import (
    RIGHT,
    WRONG,
    correct_of,
    is_no_number,
    is_whole_number,
    latency_of,
    skills_of,
    text_of,
    trimmed,
)

COLUMNS = {
    RECOMMENDATION: (
        "user_id",
        "item_key",
        "event_type",
        "event_at",
        "platform_session",
    ),
    TRACING: (
        *("user_id", "item_key", "event_type", "event_at", "platform_session"),
        *("correct", "skill_keys", "latency_sec"),
    ),
}
EVENT_TYPE = {RECOMMENDATION: "interaction", TRACING: "response"}  # where none is given
SAID_TWICE = "said twice"
FRACTION = "an id such as 7.0"  # the same as 7 if all the column's ids are numbers
RAGGED = "lines of too many or too few values"
MISFIT = "a row is left out: "
_IDS = ("user_id", "item_key", "event_type", "platform_session")
_SHOWN = ("user_id", "event_at", "item_key", "correct", "latency_sec")
_ROW = "_row"
_RAW = "raw_"  # before a key: the value as the file has it, for messages


@dataclass(frozen=True)
class Plan:
    """How rows are read.

    Args:
        mapping: column by key.
        separator: between the skills of one text.
    """

    form: Form
    family: str
    mapping: Mapping[str, str]
    clock: Clock
    separator: str | None = None

    @property
    def faults(self) -> dict[str, tuple[str, str]]:
        """Reason → key and condition of rows that do not fit."""
        at = "event_at"
        found = {
            "not of the form": ("", f"{BAD} is not null"),
            "the header again": ("", self._is_header),
            "no user": ("user_id", "user_id is null"),
            "no time": (at, f"{at} is null and {_RAW}{at} is null"),
            "a time that cannot be read": (at, f"{at} is null"),
            "a time outside 1990 to 2100": (
                *(at, f"{at} < timestamp '{EARLIEST}' or {at} >= timestamp '{LATEST}'"),
            ),
        }
        if self.family == TRACING:
            found["no item"] = ("item_key", "item_key is null")
            found["neither right nor wrong"] = ("correct", "correct is null")
            if "latency_sec" in self.mapping:
                raw = f"{_RAW}latency_sec"
                found["a length of time that cannot be read"] = (
                    *("latency_sec", is_no_number(raw)),
                )
        return found

    @property
    def _is_header(self) -> str:
        named = [
            f"{_RAW}{key} = {literal(self.mapping[key])}"
            for key in ("user_id", "event_at")
        ]
        return " and ".join(named)

    @property
    def drops(self) -> dict[str, str]:
        """Reason → condition of rows that are nobody's learning."""
        ungraded = self.form.ungraded if self.family == TRACING else {}
        return {**self.form.drops, **ungraded}

    def query(
        self,
        sources: Sequence[Source],
        whole: Collection[tuple[int, str]] | None = (),
        extra: Sequence[str] = (),
    ) -> str:
        """Every row with `reason`, null where it is kept, and `file_number`.

        Args:
            whole: file number and key of ids that are whole numbers with a fraction
                of zeros; None: not known yet, and such an id is a reason.
            extra: further columns of the sources to keep.
        """
        parts = [
            f"select {', '.join([*extra, *columns])} from ({source.rows})"
            for number, source in enumerate(sources)
            if (columns := self._columns(source, number, whole or ()))
        ]
        rows = " union all ".join(parts)
        twice = ""
        if self.form.once:
            rows = (
                f"select *, row_number() over (partition by {self.form.once} "
                f"order by file_number) as nth from ({rows})"
            )
            twice = (
                f"when {self.form.once} is not null and nth > 1 then '{SAID_TWICE}' "
            )
        drops = "".join(
            f"when coalesce({condition}, false) then {literal(reason)} "
            for reason, condition in self.drops.items()
        )
        faults = "".join(
            f"when {condition} then {literal(reason)} "
            for reason, (_, condition) in self.faults.items()
        )
        bad = f"when {BAD} is not null then 'not of the form' "
        suspect = self._has_fraction if whole is None else ""
        reason = f"case {bad}{drops}{twice}{faults}{suspect}end"
        return f"with form_rows as ({rows}) select *, {reason} as reason from form_rows"

    def _columns(self, source: Source, number: int, whole: Collection) -> list[str]:
        listed = [f"{number} as file_number", BAD]
        listed += [
            f"{self._value(source, number, key, whole)} as {key}"
            for key in COLUMNS[self.family]
        ]
        listed += [
            f"cast({name(column)} as varchar) as {_RAW}{key}"
            for key, column in self.mapping.items()
            if key in (*_SHOWN, *_IDS)
        ]
        if self.form.keys:  # its conditions speak of its own columns
            listed += [
                name(column)
                for column in source.columns
                if column not in COLUMNS[self.family]
            ]
        return listed

    def _value(self, source: Source, number: int, key: str, whole: Collection) -> str:
        column = self.mapping.get(key)
        if column is None:
            return self._absent(key)
        kind = source.columns[column]
        if key == "event_at":
            return self.clock.sql(column, kind)
        if key == "correct":
            return correct_of(column, kind)
        if key == "latency_sec":
            return latency_of(column, kind)
        if key == "skill_keys":
            return skills_of(column, kind, self.separator)
        text = text_of(column, kind, is_whole=(number, key) in whole)
        return f"coalesce({text}, 'unknown')" if key == "event_type" else text

    def _absent(self, key: str) -> str:
        if key == "event_type":
            return literal(EVENT_TYPE[self.family])
        if key == "skill_keys":
            return "cast([] as varchar[])"
        return f"cast(null as {'double' if key == 'latency_sec' else 'varchar'})"

    @property
    def _has_fraction(self) -> str:
        found = [f"suffix({_RAW}{key}, '.0')" for key in _IDS if key in self.mapping]
        return "" if self.form.keys else f"when {' or '.join(found)} then '{FRACTION}' "

    @property
    def leaves_rows_out(self) -> bool:
        """Whether some rows are nobody's learning, however sound the file."""
        return bool(self.drops or self.form.once)

    def all_or_error(
        self, sources: Sequence[Source], whole: Collection[tuple[int, str]] | None
    ) -> str:
        """Every row as it is kept; fails with the reason at one that is not.

        One reading of the files does it; a filter would compute every value twice.
        """
        failure = f"error({literal(MISFIT)} || reason)"
        at = f"case when reason is null then event_at else {failure} end as event_at"
        listed = [at if key == "event_at" else key for key in COLUMNS[self.family]]
        return f"select {', '.join(listed)} from ({self.query(sources, whole)})"


def whole_number_ids(
    plan: Plan, sources: Sequence[Source], engine: Engine
) -> set[tuple[int, str]]:
    """File number and key of text ids such as 7.0, all of them whole numbers."""
    found = set()
    for number, source in enumerate(sources):
        texts = {
            key: f"trim({name(plan.mapping[key])})"
            for key in _IDS
            if source.columns.get(plan.mapping.get(key, "")) == "VARCHAR"
        }
        if not texts or plan.form.keys:
            continue
        has_one = ", ".join(f"bool_or({text} like '%.0')" for text in texts.values())
        suspects = engine.rows(f"select {has_one} from ({source.rows})")[0]
        for (key, text), is_suspect in zip(texts.items(), suspects, strict=True):
            if is_suspect and engine.rows(
                f"select bool_and({is_whole_number(text)}) from ({source.rows}) "
                f"where {text} <> ''"
            ) == [(True,)]:
                found.add((number, key))
    return found


def settled_ids(
    plan: Plan, source: Source, engine: Engine, whole: Collection[str]
) -> list[str]:
    """What is made of a file's ids, in words.

    Args:
        whole: keys whose ids are whole numbers with a fraction of zeros.
    """
    columns = {
        key: column
        for key in _IDS
        if (column := plan.mapping.get(key))
        and not plan.form.keys
        and source.columns[column].startswith("VARCHAR")
    }
    if not columns:
        return []
    asked = [
        f"bool_or({text} <> {trimmed(text)}), "
        f"bool_or(regexp_full_match({text}, '0[0-9]+'))"
        for text in map(name, columns.values())
    ]
    seen = f"select * from ({source.rows}) limit {SAMPLE_ROWS}"
    found = engine.rows(f"select {', '.join(asked)} from ({seen})")[0]
    told = []
    for (key, column), is_padded, has_zeros in zip(
        columns.items(), found[::2], found[1::2], strict=True
    ):
        if is_padded:
            told.append(f"{column}: blanks around ids are taken off")
        if key in whole:
            told.append(f"{column}: 7.0 is read as 7, for all ids are whole numbers")
        if has_zeros:
            told.append(f"{column}: ids that begin with 0 stay so: 007 is not 7")
    return told


def first_fault(
    plan: Plan, source: Source, engine: Engine, reasons: Mapping[str, int]
) -> UserError:
    """Where and what the first row of a file is that does not fit, and the way out.

    Args:
        reasons: why rows do not fit, and how many.
    """
    raws = [key for key in _SHOWN if key in plan.mapping]
    wanted = ", ".join(f"{_RAW}{key}" for key in raws)
    query = plan.query([_numbered(source)], extra=(_ROW,))
    named = ", ".join(map(literal, reasons))
    found = engine.rows(
        f"select {_ROW}, reason, {BAD}, {wanted} from ({query}) "
        f"where reason in ({named}) order by {_ROW} limit 1"
    )[0]
    row, reason, bad, *values = found
    n_more = reasons[reason] - 1
    key = plan.faults[reason][0]
    if bad is not None:
        what = f"is not what --form {plan.form.name} reads: {shown(bad)}"
    elif not key:
        what = "is the header again; keep the files of one export apart"
    else:
        value = values[raws.index(key)]
        said = f" {shown(value)}" if value is not None else ""
        what = f"has {reason}: column {plan.mapping[key]} is{said or ' empty'}"
        if key == "event_at" and value is not None:
            what += f", read as {plan.clock.in_words}"
        what += _hint(plan, reason)
    many = f" (and {n_more:,} more)" if n_more else ""
    return UserError(
        f"{source.path}: {source.place(int(row))}{many} {what}; mend the row, or leave "
        "such rows out with --drop-bad"
    )


def _hint(plan: Plan, reason: str) -> str:
    """What may be amiss with all such rows."""
    if reason == "neither right nor wrong":
        return f"; right is {', '.join(RIGHT)}, wrong is {', '.join(WRONG)}"
    if reason == "a time that cannot be read" and plan.clock == Clock():
        return "; where all are so, say their form with --time-format"
    if reason == "a length of time that cannot be read":
        return "; --map latency_sec= leaves the column out"
    return ""


def _numbered(source: Source) -> Source:
    """The same with the number of each row; line breaks within values count too."""
    number = "row_number() over ()"
    if source.kind == "csv":
        breaks = " + ".join(
            f"coalesce(len({name(c)}) - len(replace({name(c)}, chr(10), '')), 0)"
            for c in source.columns
        )
        number += (
            f" + coalesce(sum({breaks}) over (rows between unbounded preceding and 1 "
            "preceding), 0)"
        )
    rows = f"select *, {number} as {_ROW} from ({source.rows})"
    return dataclasses.replace(source, rows=rows)
