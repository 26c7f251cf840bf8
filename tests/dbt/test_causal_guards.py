"""What is odd about an ad log is counted and told, what no person does is refused."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.dbt.one_process import Case, Outcome, run_all
from tests.reference.ad_logs import BEGIN, AdRow, write_ad_log

FROM_RAW = "an odd log from its raw file"
TOO_LONG = "a session of more trials than may be"
DAY = 86_400


def odd_log() -> list[AdRow]:
    """Types nobody knows, a click on what was never shown, an early impression."""
    events = (
        *(("u", 0, "impression", "p"), ("u", 10, "auction", None)),
        *(("u", 20, "impression", "p"), ("u", 30, "click", "q")),
        *(("u", 40, "Click", "p"), ("u", 50, "view", "p"), ("u", 60, "purchase", "p")),
        *(("v", 0, "auction", None), ("v", 1, "impression", "q")),
        ("v", 2, "click", "q"),
        *(("w", 2 * DAY, "auction", None), ("w", 2 * DAY + 1, "impression", "p")),
    )
    return [
        (user, kind, product, BEGIN + timedelta(seconds=at))
        for user, at, kind, product in events
    ]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("guards")


@pytest.fixture(scope="module")
def outcomes(scratch) -> dict[str, Outcome]:
    raw = write_ad_log(scratch / "odd", odd_log(), "csv", seed=1)
    # cautious: no test of marts that are not built
    build = ("build", "-s", "+causal_audit", "--indirect-selection", "cautious")
    build += ("--exclude-resource-type", "unit_test")
    cases = {FROM_RAW: Case(raw, raw / "moocmeta.duckdb", build)}
    again = ("run", "-s", "int_causal_histories", "--vars", "{max_session_trials: 1}")
    cases[TOO_LONG] = Case(raw, raw / "moocmeta.duckdb", again)
    return run_all(cases, scratch)


def test_an_odd_log_is_counted_from_its_raw_file(outcomes, scratch):
    assert outcomes[FROM_RAW].success, outcomes[FROM_RAW].output
    marts = str(scratch / "odd" / "moocmeta.duckdb")
    with duckdb.connect(marts, read_only=True) as connection:
        found = connection.execute(
            "select finding, n_rows, n_users, names, is_warning from causal_audit "
            "where finding not like '%no train user%' order by finding_number"
        ).fetchall()
    assert found == [
        ("events of unknown types, not used", 2, None, "Click, view", True),
        ("clicks", 2, 2, None, False),
        ("purchases", 1, 1, None, False),
        ("clicks on products never shown before", 1, 1, None, True),
        ("events before the first auction", 1, 1, None, True),
        ("impressions, clicks or purchases without a product", 0, 0, None, False),
        ("sessions", 3, 3, None, False),
        ("sessions with an empty history", 0, 0, None, False),
        ("trials", 4, 3, None, False),
        ("treated trials", 1, 1, None, False),
        ("censored trials", 1, 1, None, False),
    ]


def test_what_nobody_should_overlook_is_told_in_one_line_each(outcomes):
    told = outcomes[FROM_RAW].output
    for finding in (
        "2 events of unknown types, not used: Click, view",
        "1 clicks on products never shown before",
        "1 events before the first auction",
    ):
        assert told.count(f"[WARNING]: ad_events: {finding}") == 1
    assert told.count("[WARNING]: ad_events: ") == 3


def test_a_session_that_no_person_has_is_refused_by_name(outcomes):
    """Each trial keeps a history: those of a program filled memory and disk."""
    outcome = outcomes[TOO_LONG]
    assert not outcome.success
    line = "session u_000001 has 2 impressions before a click or purchase, more than "
    assert outcome.output.count(line + "max_session_trials (1 in dbt_project.yml)") == 1
