"""The data tests of knowledge tracing fail when a mart is broken."""

import shutil

import duckdb
import pytest

from tests.conftest import BuiltProject
from tests.dbt.one_process import Case, Outcome, run_all

FEATURES = "assert_features_see_only_earlier_responses"
SEQUENCES = "assert_sequences_hold_every_response"
RESPONSES = "assert_response_items_and_skills_are_known"
SMALL = "dataset = 'assistments_2009'"
# of a sample of each data set by itself, not of one over all data sets
ONE = f"{SMALL} and response_id = 2"
WINDOW = f"""{SMALL} and sequence_id = (
    select min(sequence_id) from kt_sequences where {SMALL} and len(response_ids) > 2
)"""
# what is broken -> the test that must see it, and how it is broken
BROKEN = {
    "nothing, features": (FEATURES, ""),
    "nothing, sequences": (SEQUENCES, ""),
    "nothing, responses": (RESPONSES, ""),
    "a rate knows its answer": (
        FEATURES,
        f"update response_features set prior_correct_rate = 0.99 where {ONE}",
    ),
    "a rate of skills knows its answer": (
        FEATURES,
        f"update response_features set skill_prior_correct_rate = 0.99 where {ONE}",
    ),
    "a count counts its own response": (
        FEATURES,
        f"update response_features set item_prior_n = item_prior_n + 1 where {ONE}",
    ),
    "a response has no features": (
        FEATURES,
        f"delete from response_features where {ONE}",
    ),
    "a window lost a response": (
        SEQUENCES,
        f"""
        update kt_sequences set
            response_ids = response_ids[2:], item_ids = item_ids[2:],
            skill_ids = skill_ids[2:], correct = correct[2:], ts_epoch = ts_epoch[2:]
        where {WINDOW}
        """,
    ),
    "answers of a window are out of step": (
        SEQUENCES,
        f"update kt_sequences set correct = [not c for c in correct] where {WINDOW}",
    ),
    "skills of a window are out of step": (
        SEQUENCES,
        f"""
        update kt_sequences
        set skill_ids = [[cast(99 as integer)] for ids in skill_ids]
        where {WINDOW}
        """,
    ),
    "a window is told twice": (
        SEQUENCES,
        f"insert into kt_sequences select * from kt_sequences where {WINDOW}",
    ),
    "an item is of no vocabulary": (
        RESPONSES,
        f"update responses set item_key = 'of no log' where {ONE}",
    ),
    "a response lies outside its session": (
        RESPONSES,
        f"update responses set ts_epoch = ts_epoch + 100000000 where {ONE}",
    ),
    "a skill comes twice": (
        RESPONSES,
        f"update responses set skill_keys = ['7', '7'] where {ONE}",
    ),
}


@pytest.fixture(scope="module")
def outcomes(
    built_project: BuiltProject, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """Every data test on a copy of the marts that is broken in its way."""
    scratch = tmp_path_factory.mktemp("tracing_data_tests")
    cases = {}
    for number, (name, (test, change)) in enumerate(BROKEN.items()):
        folder = scratch / str(number)
        folder.mkdir()
        copy = folder / built_project.duckdb_path.name
        shutil.copy(built_project.duckdb_path, copy)
        with duckdb.connect(str(copy)) as marts:
            marts.execute(change or "select 1")
        cases[name] = Case(scratch, copy, ("test", "--select", test))
    return run_all(cases, scratch)


@pytest.mark.parametrize("case", BROKEN)
def test_a_data_test_fails_just_where_a_mart_is_broken(outcomes, case):
    test, change = BROKEN[case]
    outcome = outcomes[case]
    assert outcome.success is not bool(change), outcome.output
    assert f"{'FAIL' if change else 'PASS'} " in outcome.output
    assert test in outcome.output
