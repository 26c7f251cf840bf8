"""Everything needed to repeat the run and to see that it is the same."""

import json
from typing import Any

from training.report import numbers
from training.report.blocks import Block, Code, Folded, Section, Table, Text
from training.report.record import Run

REPORT_NAME = "report.html"  # the page cannot hold its own fingerprint


def reproduce(run: Run) -> Section | None:
    """Command, inputs, artifacts, versions and settings."""
    blocks: list[Block] = []
    if command := run.metrics.get("command"):
        blocks.append(Code(command, "Command to repeat this run"))
    if inputs := run.manifest.get("inputs"):
        rows = [
            [name, numbers.count(block["rows"]), block["sha256"]]
            for name, block in inputs.items()
        ]
        blocks.append(
            Table(
                "Marts the run read. The same rows give the same sha256, so equal "
                "lines mean equal data.",
                ["Mart", "Rows", "sha256"],
                rows,
                True,
            )
        )
    blocks += _folded(run)
    if not blocks:
        return None
    if run.metrics.get("device", "cpu") != "cpu":
        blocks.append(
            Text(
                "This run used an accelerator: a repeat may differ in the last digits.",
                is_note=True,
            )
        )
    return Section("reproduce", "Repeat this run", blocks)


def _folded(run: Run) -> list[Block]:
    artifacts = [
        [path, numbers.size(block["bytes"]), block["sha256"]]
        for path, block in (run.manifest.get("artifacts") or {}).items()
        if path != REPORT_NAME
    ]
    versions = [[k, str(v)] for k, v in (run.manifest.get("versions") or {}).items()]
    settings = [[key, _verbatim(value)] for key, value in _flat(run.config)]
    tables = {
        "Settings": Table(
            "All resolved settings.", ["Setting", "Value"], settings, True
        ),
        "Artifacts": Table(
            "Files of the run folder.", ["File", "Size", "sha256"], artifacts, True
        ),
        "Versions": Table("Software used.", ["Package", "Version"], versions, True),
    }
    return [Folded(name, [table]) for name, table in tables.items() if table.rows]


def _verbatim(value: Any) -> str:
    """As in the file: a seed is no count, a rate keeps all its digits."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Nested settings as dotted keys."""
    if not isinstance(value, dict):
        return [(prefix, value)]
    return [
        pair
        for key, inner in value.items()
        for pair in _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    ]
