"""Every mart and every family builds alone in a DuckDB file of its own."""

import json
import re

import duckdb
import pytest

from tests.conftest import PROJECT_ROOT
from tests.dbt.engines import mart_names
from tests.dbt.one_process import Case, Outcome, run_all
from tests.reference.ad_logs import tied_log, write_ad_log
from tests.reference.logs import seeded_log
from tests.reference.raw_files import write_log
from tests.reference.tracing_logs import drawn_tracing_log, write_tracing_log

# a family's own marts that its raw files fill
FAMILIES = {
    "recommendation": ("pairs", "episodes_k2_q3"),
    "tracing": ("responses", "kt_sequences", "skills", "response_features"),
    "causal": ("causal_trials", "causal_sessions", "causal_audit", "causal_vocab"),
}
CORE = ("events", "sessions", "vocab", "user_splits", "dataset_summary")
BUILT_ALONE = ("pairs",)
BUILD = ("build", "--exclude-resource-type", "unit_test")
LISTED = ("--output", "json", "--output-keys", "unique_id", "depends_on")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("selection")


@pytest.fixture(scope="module")
def outcomes(scratch) -> dict[str, Outcome]:
    """Each mart's selection as a list; some, and each family, built on a fresh file."""
    write_log(scratch / "recommendation", seeded_log(seed=3, n_users=40), n_files=1)
    write_tracing_log(scratch / "tracing", drawn_tracing_log(n_histories=20), seed=1)
    write_ad_log(scratch / "causal", tied_log(n_users=30), "parquet", seed=1)
    cases = {}
    for mart in mart_names():
        command = ("-q", "ls", "--select", f"+{mart}", *LISTED)
        cases[f"list {mart}"] = Case(scratch, fresh(scratch, "none"), command)
    for family in FAMILIES:
        command = (*BUILD, "--selector", family)
        cases[family] = Case(scratch / family, fresh(scratch, family), command)
    for mart in BUILT_ALONE:
        folder = next(one for one, marts in FAMILIES.items() if mart in marts)
        command = (*BUILD, "--select", f"+{mart}")
        cases[mart] = Case(scratch / folder, fresh(scratch, f"only_{mart}"), command)
    return run_all(cases, scratch)


def fresh(scratch, name):
    folder = scratch / "databases" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "moocmeta.duckdb"


def counts(database, relations) -> dict[str, int]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            one: connection.sql(f"select count(*) from {one}").fetchall()[0][0]
            for one in relations
        }


@pytest.mark.parametrize("mart", mart_names())
def test_tests_of_a_mart_read_nothing_that_is_not_built_with_it(outcomes, mart):
    listed = [
        json.loads(line)
        for line in outcomes[f"list {mart}"].output.splitlines()
        if line.startswith("{")
    ]
    there = {node["unique_id"] for node in listed}
    tests = [node for node in listed if node["unique_id"].startswith("test.")]
    assert any(node["unique_id"].endswith(f".{mart}") for node in listed)
    assert any(
        f"model.moocmeta.{mart}" in node["depends_on"]["nodes"] for node in tests
    )
    for node in tests:
        needed = [one for one in node["depends_on"]["nodes"] if "source." not in one]
        assert set(needed) <= there, node["unique_id"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_builds_alone_with_all_it_is_made_of(scratch, outcomes, family):
    assert outcomes[family].success, outcomes[family].output
    database = fresh(scratch, family)
    assert all(counts(database, (*CORE, *FAMILIES[family])).values())
    others = [mart for other in FAMILIES if other != family for mart in FAMILIES[other]]
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = {row[0] for row in connection.sql("show tables").fetchall()}
        steps = connection.sql(
            "select dataset, count(*), count(distinct step_number), count(n_rows) "
            "from dataset_funnel group by dataset"
        ).fetchall()
    assert not tables & set(others)
    assert steps and all(row[1:] == (16, 16, 16) for row in steps)


@pytest.mark.parametrize("mart", BUILT_ALONE)
def test_a_mart_builds_alone_in_a_fresh_file(scratch, outcomes, mart):
    assert outcomes[mart].success, outcomes[mart].output
    assert counts(fresh(scratch, f"only_{mart}"), (mart,))[mart] > 0


def test_the_guides_select_only_what_the_list_above_tries(outcomes):
    for guide in ("README.md", "CONTRIBUTING.md"):
        text = (PROJECT_ROOT / guide).read_text()
        for mart in re.findall(r"--select \+(\w+)", text):
            assert f"list {mart}" in outcomes, (guide, mart)
        for family in re.findall(r"--selector (\w+)", text):
            assert family in FAMILIES, (guide, family)
