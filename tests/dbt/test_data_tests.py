"""The data tests of every family fail when a mart is broken."""

import shutil
from collections import defaultdict

import duckdb
import pytest

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
# a trial for each test, so that none fails for what another is to see
TRIAL = (
    "where trial_id = (select trial_id from causal_trials where item_id > 2 "
    "order by trial_id limit 1 offset {})"
)
ENDS, HOLDS, LIES = map(TRIAL.format, range(3))
# what is broken → the test that must see it, and how it is broken
BROKEN = {
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
    "a history ends before the index": (
        "assert_causal_histories_end_at_the_index",
        "update causal_trials set minutes_before = "
        f"list_transform(minutes_before, lambda m: m + 1) {ENDS}",
    ),
    "a history ends with another product": (
        "assert_causal_histories_end_at_the_index",
        f"update causal_trials set item_id = item_id + 1 {ENDS}",
    ),
    "a trial has a click in its history": (
        "assert_causal_histories_hold_no_action",
        f"update causal_trials set event_ids = list_prepend(2, event_ids[2:]) {HOLDS}",
    ),
    "a session has a purchase in its history": (
        "assert_causal_histories_hold_no_action",
        "update causal_sessions set event_ids = list_append(event_ids, 3) where "
        "session_id = (select min(session_id) from causal_sessions)",
    ),
    "an outcome without a purchase, or the reverse": (
        "assert_outcomes_lie_after_the_index",
        f"update causal_trials set outcome = not outcome {LIES}",
    ),
    "a treatment without a click, or the reverse": (
        "assert_outcomes_lie_after_the_index",
        f"update causal_trials set treatment = not treatment {LIES}",
    ),
    "a user in two folds": (
        "assert_users_are_in_one_fold",
        "update causal_trials set fold = (fold + 1) % 5 where trial_id = (select min("
        "trial_id) from causal_trials group by user_id having count(*) > 1 limit 1)",
    ),
}


def rounds() -> list[dict[str, str]]:
    """Data test → case, each case once: tests of one run look at one file.

    Broken responses come last: features and windows are compared with them.
    """
    cases = defaultdict(list)
    for case, (test, _) in BROKEN.items():
        cases[test].append(case)
    n_before = max(len(mine) for test, mine in cases.items() if test != RESPONSES)
    cases[RESPONSES] = [None] * n_before + cases[RESPONSES]
    return [
        {test: mine[n] for test, mine in cases.items() if n < len(mine) and mine[n]}
        for n in range(len(cases[RESPONSES]))
    ]


@pytest.fixture(scope="module")
def outcomes(built_project, tmp_path_factory) -> dict[str, Outcome]:
    """Every data test on copies of the marts that are broken, and on a sound one."""
    scratch = tmp_path_factory.mktemp("data_tests")
    tests = ("test", "--select", *sorted({test for test, _ in BROKEN.values()}))
    cases = {}
    for number, of_round in enumerate([*rounds(), {}]):
        copy = scratch / str(number) / built_project.duckdb_path.name
        copy.parent.mkdir()
        shutil.copy(built_project.duckdb_path, copy)
        with duckdb.connect(str(copy)) as marts:
            for case in of_round.values():
                marts.execute(BROKEN[case][1])
        cases[str(number)] = Case(scratch, copy, tests)
    found = run_all(cases, scratch)
    by_case = {
        case: found[str(number)]
        for number, of_round in enumerate(rounds())
        for case in of_round.values()
    }
    return {**by_case, "nothing": found[str(len(rounds()))]}


def test_sound_marts_pass(outcomes):
    assert outcomes["nothing"].success, outcomes["nothing"].output


@pytest.mark.parametrize("case", BROKEN)
def test_a_data_test_fails_just_where_a_mart_is_broken(outcomes, case):
    test, change = BROKEN[case]
    lines = outcomes[case].output.splitlines()
    at = next(n for n, line in enumerate(lines) if f"Failure in test {test}" in line)
    if "causal_" in change:  # the one row that was broken, and no other
        assert "Got 1 result, configured to fail if != 0" in lines[at + 1]
