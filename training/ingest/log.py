"""A log of any platform as `raw/NAME/NAME.parquet` with its `dataset.yml`."""

import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.files import appearing_whole
from training.ingest import record
from training.ingest.copies import refuse_same_rows
from training.ingest.engine import Engine, literal, shown
from training.ingest.forms import FORMS
from training.ingest.forms.form import Form
from training.ingest.mapping import TRACING
from training.ingest.refusals import (
    earlier_record,
    refuse_copies,
    refuse_other_columns,
)
from training.ingest.rows import (
    COLUMNS,
    FRACTION,
    MISFIT,
    RAGGED,
    Plan,
    first_fault,
    settled_ids,
    whole_number_ids,
)
from training.ingest.settling import Request, Settling
from training.ingest.sources import Source, open_source
from training.ingest.times import ORDER, ORDER_STARTS

N_SHOWN = 3


@dataclass(frozen=True)
class Preview:
    """What is about to be done: how rows are read and the first of them."""

    plan: Plan
    columns: tuple[str, ...]
    rows: list[tuple]
    unread: tuple[str, ...] = ()  # columns of a table that nothing is made of


@dataclass(frozen=True)
class Ingested:
    """The folder that was written and what stands in its `dataset.yml`."""

    folder: Path
    record: dict[str, Any]


class LogIngest:
    """One ingest: what is read is settled first, then the rows are written."""

    def __init__(self, request: Request, data_dir: Path) -> None:
        self.request = request
        self.folder = data_dir / "raw" / request.dataset
        self.earlier = earlier_record(request, self.folder)
        self.whole: set[tuple[int, str]] = set()  # known once rows were read
        self._scratch = tempfile.TemporaryDirectory(prefix="moocmeta-ingest-")
        self.engine = Engine(Path(self._scratch.name))

    def __enter__(self) -> "LogIngest":
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()
        self._scratch.cleanup()

    def prepare(self) -> Preview:
        """Open the files and settle how they are read.

        Raises:
            UserError: a file is no log of the form, or something cannot be told.
        """
        form, self.sources = self._opened_all()
        refuse_copies(self.sources, self.earlier)
        refuse_other_columns(self.sources)
        settling = Settling(self.request, self.engine, self.sources, self.earlier)
        self.plan = settling.plan(form)
        self.parameters = settling.parameters(self.plan)
        self.sources = refuse_same_rows(
            self.plan, self.sources, self.engine, self.earlier, self._written
        )
        query = self.plan.query(self.sources[:1])
        columns = tuple(c for c in COLUMNS[self.plan.family] if c in self.plan.mapping)
        kept = f"select {', '.join(columns)} from ({query}) where reason is null"
        rows = self.engine.rows(f"{kept} and item_key is not null limit {N_SHOWN}")
        rows = rows or self.engine.rows(f"{kept} limit {N_SHOWN}")
        read = () if form.keys else self.plan.mapping.values()
        unread = [c for c in self.sources[0].columns if read and c not in read]
        return Preview(self.plan, columns, rows, tuple(unread))

    def write(self) -> Ingested:
        """Write the folder, whole or not at all.

        Raises:
            UserError: a row does not fit, or the folder cannot be written.
        """
        path = f"{self.request.dataset}.parquet"
        with appearing_whole(self.folder) as scratch:
            scratch.mkdir()
            if self.request.drop_bad or self.plan.leaves_rows_out or self._groups:
                facts = self._written_and_counted(scratch / path)
            else:
                facts = self._written_at_once(scratch / path)
            without = f"{literal(scratch / path)}) where item_key is null"
            n = self.engine.rows(f"select count(*) from read_parquet({without}")[0][0]
            if n:
                facts["rows"]["without_item"] = n
            before = self.folder / record.NAME
            earlier = before.read_text(encoding="utf-8") if self.earlier else None
            text = record.written(facts, earlier)
            (scratch / record.NAME).write_text(text, encoding="utf-8")
        return Ingested(self.folder, facts)

    def _written_and_counted(self, path: Path) -> dict[str, Any]:
        """Reads the files twice: to count what is left out, and to write the rest."""
        self.whole = whole_number_ids(self.plan, self.sources, self.engine)
        query = self.plan.query(self.sources, self.whole)
        counts = self._counted(query)
        listed = ", ".join(COLUMNS[self.plan.family])
        rows = f"select {listed} from ({query}) where reason is null"
        return self._record(counts, self._copied(rows, path))

    def _written_at_once(self, path: Path) -> dict[str, Any]:
        """Reads sound files once: every row is kept, and one that is not stops it."""
        whole: set[tuple[int, str]] | None = None
        while True:
            try:
                query = self.plan.all_or_error(self.sources, whole)
                n_rows = self._copied(query, path)
                break
            except UserError as error:
                if MISFIT not in str(error):
                    raise
                if FRACTION not in str(error):
                    self._counted(self.plan.query(self.sources, whole or ()))  # raises
                    raise
                self.whole = whole = whole_number_ids(
                    self.plan, self.sources, self.engine
                )
        n_before = self.earlier["rows"]["kept"] if self.earlier else 0
        counts = {"read": n_rows - n_before, "kept": n_rows - n_before, "left_out": {}}
        return self._record(counts, n_rows)

    @property
    def _written(self) -> Path:
        """The rows of earlier ingests, if there are any."""
        return self.folder / f"{self.request.dataset}.parquet"

    @property
    def _groups(self) -> bool:
        """Whether rows of one answer become one."""
        return self.plan.family == TRACING and "skill_keys" in self.plan.mapping

    def _found(self, path: Path, form: Form) -> Source:
        return open_source(
            path, self.engine, quote=form.quote, drop_bad=self.request.drop_bad
        )

    def _read(self, source: Source, form: Form) -> Source:
        if source.kind not in form.kinds:
            raise UserError(
                f"{source.path} is {source.kind.upper()}, and --form {form.name} reads "
                f"{' or '.join(k.upper() for k in form.kinds)}: "
                f"{_first_line(source, self.engine)}"
            )
        return form.read(source, self.engine)

    def _opened_all(self) -> tuple[Form, list[Source]]:
        """The files by their form: what is said, else what the first one shows."""
        first, *others = self.request.files
        named = self.earlier["form"] if self.earlier else self.request.form
        form = FORMS[named or "table"]
        found = self._found(first, form)
        read = self._read(found, form)
        if not named and not self.request.mapping:  # which speaks of a table's columns
            shown = [other for other in FORMS.values() if other.has_signs(read)]
            if shown:
                quote, form = form.quote, shown[-1]
                if form.quote != quote:  # else to go through a large file again is vain
                    found = self._found(first, form)
                read = self._read(found, form)
        more = [self._read(self._found(path, form), form) for path in others]
        return form, [read, *more]

    def _counted(self, query: str) -> dict[str, Any]:
        """Rows read, kept and left out by reason; stops at a row that does not fit."""
        found = self.engine.run(
            f"select file_number, reason, count(*) from ({query}) group by all "
            "order by file_number, reason nulls first",
            "counting",
            show_progress=self.request.show_progress,
        )
        found += self._rejected()
        faults = self.plan.faults
        for number, source in enumerate(self.sources):
            reasons = {r: m for n, r, m in found if n == number and r in faults}
            if reasons and not self.request.drop_bad:
                raise first_fault(self.plan, source, self.engine, reasons)
        kept = sum(n for _, reason, n in found if reason is None)
        if not kept:
            left = ", ".join(sorted({reason for _, reason, _ in found if reason}))
            raise UserError(
                f"{self.request.files[0]}: no row is left"
                + (f": all are left out ({left})" if left else ": the files have none")
            )
        left_out: dict[str, int] = {}
        for _, reason, n in found:
            if reason is not None:
                left_out[reason] = left_out.get(reason, 0) + n
        read = kept + sum(left_out.values())
        return {"read": read, "kept": kept, "left_out": left_out}

    def _rejected(self) -> list[tuple[int, str, int]]:
        """Lines that the CSV reader left out, by file."""
        if not self.request.drop_bad:
            return []
        counted = self.engine.rows(
            "select file_path, max(error_type), count(distinct line) "
            "from reject_errors join reject_scans using (scan_id, file_id) "
            "group by file_path, error_type = 'UNQUOTED VALUE'"
            if self.engine.has_table("reject_errors")
            else "select '', '', 0 where false"
        )
        for path, kind, _ in counted:
            if kind == "UNQUOTED VALUE":  # the rest of the file may be in it
                raise UserError(f"{path}: a quote is never closed; mend the file")
        return [(0, RAGGED, n) for _, _, n in counted]

    def _copied(self, kept: str, path: Path) -> int:
        """Write rows, those of earlier files before; how many there are."""
        if self.earlier:
            listed = ", ".join(COLUMNS[self.plan.family])
            before = f"select {listed} from read_parquet({literal(self._written)})"
            kept = f"{before} union all {kept}"
        if self._groups:
            kept = _one_row_an_answer(kept)
        copied = self.engine.run(
            f"copy ({kept}) to {literal(path)} (format parquet)",
            "writing",
            show_progress=self.request.show_progress,
        )
        self._refuse_contradictions(path)
        return copied[0][0]

    def _refuse_contradictions(self, path: Path) -> None:
        """Where time is an order, one place of a user holds one answer."""
        if self.plan.family != TRACING or self.plan.clock.unit != ORDER:
            return
        found = self.engine.rows(
            "select user_id, min(item_key), event_at "
            f"from read_parquet({literal(path)}) group by user_id, event_at "
            "having count(*) > 1 order by user_id, event_at limit 1"
        )
        if found:
            user, item, at = found[0]
            place = int((at - datetime.fromisoformat(ORDER_STARTS)).total_seconds())
            raise UserError(
                f"{self.sources[0].path}: user {user} has several answers at place "
                f"{place} of the order (one to item {item}) that are not one answer "
                "with several skills; keep the files of one export, or map another "
                "column to event_at"
            )

    def _file(self, number: int, source: Source) -> dict[str, Any]:
        whole = {key for n, key in self.whole if n == number}
        ids = settled_ids(self.plan, source, self.engine, whole)
        facts = {
            "name": source.path.name,
            "bytes": source.n_bytes,
            "sha256": source.sha256,
        }
        if source.n_rows is not None:
            facts["rows"] = source.n_rows
        settled = [*source.settled, *ids]
        return {**facts, "settled": settled} if settled else facts

    def _record(self, counts: dict[str, Any], n_rows: int) -> dict[str, Any]:
        if len(self.sources) == 1:
            n_rejected = counts["left_out"].get(RAGGED, 0)
            n_read = counts["read"] - n_rejected
            self.sources = [replace(self.sources[0], n_rows=n_read)]
        files = [self._file(number, s) for number, s in enumerate(self.sources)]
        if self.earlier:
            files = [*self.earlier["files"], *files]
            before = self.earlier["rows"]
            left_out = dict(before["left_out"])
            for reason, n in counts["left_out"].items():
                left_out[reason] = left_out.get(reason, 0) + n
            counts = {key: before[key] + counts[key] for key in ("read", "kept")}
            counts["left_out"] = left_out
        counts["written"] = n_rows
        separator = (
            {"skill_separator": self.plan.separator} if self.plan.separator else {}
        )
        return {
            "dataset": self.request.dataset,
            "form": self.plan.form.name,
            "mapping": dict(self.plan.mapping),
            **self.plan.clock.as_record(),
            **separator,
            "files": files,
            "rows": counts,
            "parameters": self.parameters,
        }


def _first_line(source: Source, engine: Engine) -> str:
    """The head of a file, as a message quotes it."""
    if source.kind == "parquet":
        return "a binary file"
    if source.kind == "csv":
        return f"line 1 is {shown(', '.join(source.columns))}"
    first = engine.rows(
        f"select coalesce(cast(json as varchar), _bad) from ({source.rows}) limit 1"
    )
    return f"line 1 is {shown(first[0][0])}"


def _one_row_an_answer(rows: str) -> str:
    """Rows alike in all but the skill are one answer with several."""
    skills = "list_sort(list_distinct(flatten(list(skill_keys)))) as skill_keys"
    others = [column for column in COLUMNS[TRACING] if column != "skill_keys"]
    listed = [skills if c == "skill_keys" else c for c in COLUMNS[TRACING]]
    return f"select {', '.join(listed)} from ({rows}) group by {', '.join(others)}"
