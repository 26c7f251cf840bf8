"""Files whose rows are read already, in whatever order, encoding or form."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.ingest.engine import Engine, literal
from training.ingest.rows import COLUMNS, Plan, whole_number_ids
from training.ingest.sources import Source


def refuse_same_rows(
    plan: Plan,
    sources: Sequence[Source],
    engine: Engine,
    earlier: Mapping[str, Any] | None,
    written: Path,
) -> list[Source]:
    """Refuse a copy; only files with equally many rows are compared.

    Args:
        earlier: the record of what stands there, if files are added to it.
        written: its rows.
    Returns:
        The sources, their rows counted where there are others.
    Raises:
        UserError: names the file, and which it is a copy of.
    """
    before = earlier["files"] if earlier else []
    if len(sources) + len(before) == 1:
        return list(sources)
    counted = [
        replace(source, n_rows=n)
        for source in sources
        for (n,) in engine.rows(f"select count(*) from ({source.rows})")
    ]
    sizes = [source.n_rows for source in counted]
    held = {file.get("rows") for file in before}
    seen: dict[tuple, Path] = {}
    for source in counted:
        if source.n_rows not in held and sizes.count(source.n_rows) == 1:
            continue
        whole = whole_number_ids(plan, [source], engine)
        query = plan.query([source], whole)
        rows = _said(plan, f"({query}) where reason is null")
        (digest,) = engine.rows(f"select count(*), sum(hash(said)) from ({rows}) said")
        if not digest[0]:  # nothing is kept of it
            continue
        if digest in seen:
            raise UserError(
                f"{source.path} holds the rows of {seen[digest]}; name each once"
            )
        seen[digest] = source.path
        if source.n_rows in held:
            there = _said(plan, f"read_parquet({literal(written)})")
            if not engine.rows(f"({rows}) except ({there}) limit 1"):
                raise UserError(
                    f"{source.path}: all its rows are in it already; name each once"
                )
    return counted


def _said(plan: Plan, rows: str) -> str:
    """What rows say, one a skill: those of one answer may have become one."""
    each = "unnest(if(len(skill_keys) = 0, [null], skill_keys)) as skill_keys"
    listed = [each if c == "skill_keys" else c for c in COLUMNS[plan.family]]
    return f"select {', '.join(listed)} from {rows}"
