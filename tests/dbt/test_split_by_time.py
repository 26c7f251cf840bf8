"""The data tests of splits by time fail where a mart knows its future."""

import shutil

import duckdb
import pytest

from tests.conftest import BuiltProject
from tests.dbt.one_process import Case, Outcome, run_case

MUST_FAIL = (
    "split_is_that_of_time_pairs_label_ts_epoch",
    "split_is_that_of_time_sessions_end_ts_epoch",
    "split_is_that_of_time_episodes_k2_q3_query_min_ts_epoch",
    "assert_nothing_is_learned_from_the_future",
)


@pytest.fixture(scope="module")
def outcome(
    built_project: BuiltProject, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    """The tests on marts made by user that are then called marts by time."""
    folder = tmp_path_factory.mktemp("split_by_time")
    copy = folder / built_project.duckdb_path.name
    shutil.copy(built_project.duckdb_path, copy)
    with duckdb.connect(str(copy)) as marts:
        marts.execute(
            "insert into split_times select dataset, "
            "cast(quantile_cont(ts_epoch, 0.7) as bigint), "
            "cast(quantile_cont(ts_epoch, 0.85) as bigint) "
            "from events where dataset = 'mars' group by dataset"
        )
    return run_case(Case(folder, copy, ("test", "--select", *MUST_FAIL)))


@pytest.mark.parametrize("name", MUST_FAIL)
def test_marts_that_know_their_future_fail_a_test(outcome, name):
    failed = [line for line in outcome.output.splitlines() if "FAIL " in line]
    assert any(name in line for line in failed), outcome.output
