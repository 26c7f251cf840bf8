"""What an ingest is asked for, and what it is settled to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.ingest.engine import Engine, few, shown
from training.ingest.forms.form import Form
from training.ingest.mapping import TRACING, family_of, mapping_of, sample_of
from training.ingest.parameters import settled
from training.ingest.rows import Plan
from training.ingest.sources import Source
from training.ingest.times import ORDER, Clock, clock_of

_SEPARATORS = ("~~", ";", "|")  # of skills: no skill's name has one
# a log whose time is only an order has no pauses: a user's answers are one session
_NO_PAUSES = {
    "time_is_order": True,
    "session_gap_sec": 3_155_760_000,
    "extent_weight": 0.0,
}


@dataclass(frozen=True)
class Request:
    """What the user wants.

    Args:
        mapping: column by key; an empty column says that the log has none.
        time_unit, time_format, family, separator: None: to be guessed.
        parameters: values of the data set's parameters.
        append: add files to a log that is there, read as it was.
        drop_bad: count rows that do not fit rather than stop.
    """

    dataset: str
    files: Sequence[Path]
    form: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | None = None
    time_format: str | None = None
    family: str | None = None
    separator: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    append: bool = False
    drop_bad: bool = False
    show_progress: bool = False


@dataclass(frozen=True)
class Settling:
    """Guesses what the user did not say, and checks what the user did.

    Args:
        earlier: `dataset.yml` of a log that files are added to: nothing is guessed.
    """

    request: Request
    engine: Engine
    sources: Sequence[Source]
    earlier: Mapping[str, Any] | None

    def plan(self, form: Form) -> Plan:
        """How the rows are read."""
        source, engine, request = self.sources[0], self.engine, self.request
        if self.earlier:
            plan = _plan_of(self.earlier, form)
            _refuse_lack(plan, self.sources)
            return plan
        family = request.family or family_of(source, form, request.mapping)
        sample = sample_of(source, engine)
        mapping = mapping_of(source, sample, form, family, request.mapping)
        clock = self._clock(mapping["event_at"], sample)
        if form.course and "item_key" not in request.mapping and family != TRACING:
            plan = Plan(form, family, mapping, clock)
            if self._has_several_courses(plan):
                mapping["item_key"] = form.course
        separator = None
        if "skill_keys" in mapping:
            separator = self._separator(mapping["skill_keys"], sample)
        return Plan(form, family, mapping, clock, separator)

    def _clock(self, column: str, sample: Mapping[str, list]) -> Clock:
        request, source = self.request, self.sources[0]
        if request.time_unit or request.time_format:
            clock = Clock(request.time_unit, request.time_format)
            _try_format(self.engine, clock)
            return clock
        rows = " union all ".join(f"select * from ({s.rows})" for s in self.sources)
        kind = source.columns[column]
        where = str(source.path)
        return clock_of(self.engine, rows, column, kind, sample[column], where)

    def _has_several_courses(self, plan: Plan) -> bool:
        course = plan.form.course
        found = self.engine.rows(
            f"select min({course}) < max({course}) from ({plan.query(self.sources)}) "
            "where reason is null"
        )
        return bool(found[0][0])

    def _separator(self, column: str, sample: Mapping[str, list]) -> str | None:
        if self.request.separator is not None:
            return None if self.request.separator == "none" else self.request.separator
        texts = [value for value in sample[column] if isinstance(value, str)]
        texts = [text for text in texts if not text.strip().startswith("[")]
        for separator in _SEPARATORS:
            if any(separator in text for text in texts):
                return separator
        if listed := [text for text in texts if "," in text]:
            raise UserError(
                f"{self.sources[0].path}: column {column} has commas, such as "
                f"{shown(listed[0])}: write --skill-separator , where they part "
                "skills, or --skill-separator none"
            )
        return None

    def parameters(self, plan: Plan) -> dict[str, Any]:
        """The data set's parameters, as far as possible from the log."""
        where = "--set"
        if self.earlier:
            given = {**self.earlier["parameters"], **self.request.parameters}
            return settled(given, where)
        found: dict[str, Any] = {"family": plan.family}
        if "event_type" in plan.mapping:
            found["composition_of"] = "event_types"
        if plan.clock.unit == ORDER:
            found.update(_NO_PAUSES)
        values = settled({**found, **self.request.parameters}, where)
        if values["family"] != plan.family:
            raise UserError(
                f"--set family={values['family']}: write --family {values['family']}"
            )
        if (
            values["session_method"] == "platform"
            and "platform_session" not in plan.mapping
        ):
            raise UserError(
                "--set session_method=platform: no column is platform_session; write "
                "--map platform_session=COLUMN"
            )
        return values


def _refuse_lack(plan: Plan, sources: Sequence[Source]) -> None:
    """Refuse files to add without the columns that the first were read by."""
    for source in sources:
        lacks = [c for c in plan.mapping.values() if c not in source.columns]
        if lacks:
            raise UserError(
                f"{source.path} lacks {few(lacks)}, by which the log was read; append "
                "files of the same export"
            )


def _try_format(engine: Engine, clock: Clock) -> None:
    """Refuse a form of time that the reader does not know."""
    try:
        engine.rows(f"select {clock.sql('text', 'VARCHAR')} from (select '1' as text)")
    except UserError as error:
        raise UserError(
            f'--time-format "{clock.format}": {error}; write it as %d/%m/%Y %H:%M'
        ) from error


def _plan_of(earlier: Mapping[str, Any], form: Form) -> Plan:
    clock = Clock(earlier.get("time_unit"), earlier.get("time_format"))
    family, separator = earlier["parameters"]["family"], earlier.get("skill_separator")
    return Plan(form, family, earlier["mapping"], clock, separator)
