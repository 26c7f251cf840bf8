"""What the documents point at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
DIFFERENCES = (ROOT / "docs" / "notebook-differences.md").read_text(encoding="utf-8")

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def texts(folder: str, pattern: str) -> str:
    found = sorted((ROOT / folder).rglob(pattern))
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


@every_document
def test_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_mistake_names_tests_that_exist():
    """A renamed test must be renamed in the table, too."""
    rows = re.findall(r"^\| \d+ .*\| (.*) \|$", DIFFERENCES, re.MULTILINE)
    assert len(rows) == 13
    python, sql = texts("tests", "test_*.py"), texts("dbt_project", "*.yml")
    sql += " ".join(path.stem for path in (ROOT / "dbt_project/tests").rglob("*.sql"))
    for row in rows:
        files = re.findall(r"test_\w+\.py", row)
        assert all([*(ROOT / "tests").rglob(name)] for name in files), row
        names = re.findall(r"::(test_\w+)`", row)
        assert [name for name in names if f"def {name}(" not in python] == []
        dbt_names = re.findall(r"`(\w+)`", row.replace("events.ts_epoch", ""))
        assert [name for name in dbt_names if name not in sql] == []
        assert names or dbt_names, row
