"""Who reads whom among the models, from dbt's manifest, and what their columns say."""

import json
import re
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from tests.conftest import PROJECT_ROOT
from tests.dbt.one_process import duckdb_process

FAMILIES = {"recommendation", "tracing", "causal"}
KEYS = {"item_key", "skill_key"}


@pytest.fixture(scope="module")
def nodes() -> dict[str, dict]:
    manifest = json.loads(duckdb_process().parsed.with_suffix(".json").read_text())
    return {
        name: node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
    }


@pytest.fixture(scope="module")
def reads(nodes) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """(layer, room) of each model beside those of each model that it reads."""
    return {
        (place_of(node), place_of(nodes[parent]))
        for node in nodes.values()
        for parent in node["depends_on"]["nodes"]
        if parent in nodes
    }


def place_of(node: dict) -> tuple[str, str]:
    """`dbt_project/models/marts/core/events.sql` → marts, core."""
    parts = Path(node["original_file_path"]).parts
    return parts[2], parts[3] if len(parts) > 4 else ""


def test_core_reads_no_family(reads):
    wrong = [
        (reader, read)
        for reader, read in reads
        if reader[1] == "core" and read[1] in FAMILIES | {"overview"}
    ]
    assert wrong == []


def test_no_family_reads_another_or_the_overview(reads):
    allowed = {family: {family, "core"} for family in FAMILIES}
    wrong = [
        (reader, read)
        for reader, read in reads
        if reader[1] in FAMILIES
        and read[0] != "staging"
        and read[1] not in allowed[reader[1]]
    ]
    assert wrong == []


def test_no_mart_feeds_an_intermediate(reads):
    """Numbers are looked up once, at the end: none comes back from a mart by text."""
    below = {"staging", "intermediate"}
    wrong = [(a, b) for a, b in reads if a[0] in below and b[0] not in below]
    assert wrong == []


def test_staging_is_read_by_intermediates_of_the_core_and_of_one_family(nodes):
    readers = defaultdict(set)
    for node in nodes.values():
        for parent in node["depends_on"]["nodes"]:
            if parent in nodes and place_of(nodes[parent])[0] == "staging":
                readers[parent].add(place_of(node))
    assert readers
    for parent, places in readers.items():
        others = places - {place_of(nodes[parent]), ("intermediate", "core")}
        assert {layer for layer, _ in others} <= {"intermediate"}, parent
        assert len(others) <= 1, parent


def test_every_model_lies_in_a_room(nodes):
    rooms = FAMILIES | {"core"}
    for name, node in nodes.items():
        layer, room = place_of(node)
        if layer in ("intermediate", "marts"):
            assert room in rooms | ({"overview"} if layer == "marts" else set()), name
            assert node["name"].startswith("int_") == (layer == "intermediate"), name


def test_every_mart_of_episodes_is_a_step_of_the_funnel(nodes):
    names = {name.split(".")[-1]: node for name, node in nodes.items()}
    counted = names["dataset_funnel"]["depends_on"]["nodes"]
    episodes = {name for name in names if name.startswith("episodes_")}
    assert episodes and episodes <= {parent.split(".")[-1] for parent in counted}


def test_surrogates_are_numbers_and_texts_are_keys(built_project):
    with duckdb.connect(str(built_project.duckdb_path), read_only=True) as connection:
        columns = connection.execute(
            "select column_name, data_type from duckdb_columns() "
            "where schema_name = 'intermediate'"
        ).fetchall()
    assert columns
    for name, kind in columns:
        if name.endswith("_key"):
            assert name in KEYS and kind == "VARCHAR", name
        if name.endswith("_number"):
            assert kind in ("INTEGER", "BIGINT"), name
        assert not name.endswith("_rank"), name


def test_no_frame_of_seconds_ends_before_its_row():
    """DuckDB walks to such an end from the row: the square of one user's rows."""
    frame = re.compile(r"range\s+between\s+[^()]*?\sand\s+\S+\s+preceding")
    models = PROJECT_ROOT / "dbt_project" / "models"
    assert frame.search("range between unbounded preceding and 1 preceding")
    assert not [p.name for p in models.rglob("*.sql") if frame.search(p.read_text())]
