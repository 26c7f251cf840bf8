"""Causal marts against an independent reference in plain Python, row for row."""

from collections import Counter

import pytest

from tests.conftest import build
from tests.reference.ad_logs import tied_log, write_ad_log
from tests.reference.causal import causal_marts
from tests.reference.compare import CAUSAL_KEYS, KEYS, first_difference, read_marts
from tests.reference.marts import marts
from tests.reference.sessions import ADS, ad_events

MARTS = KEYS | CAUSAL_KEYS


@pytest.fixture(scope="module")
def rows():
    return tied_log(n_users=200)


@pytest.fixture(scope="module")
def expected(rows):
    events = ad_events(rows)
    return marts(events, ADS) | causal_marts(events, ADS)


@pytest.fixture(scope="module")
def first(rows, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("first")
    data_dir = write_ad_log(scratch / "data", rows, "parquet", seed=1)
    make = ("run", "-s", *(f"+{mart}" for mart in MARTS))
    project = build(data_dir, scratch, *make, MOOCMETA_THREADS="4")
    return read_marts(project.duckdb_path, MARTS)


@pytest.fixture(scope="module")
def second(rows, tmp_path_factory):
    """The same rows in another order, form and number of threads."""
    scratch = tmp_path_factory.mktemp("second")
    data_dir = write_ad_log(scratch / "data", rows, "csv", seed=2)
    causal = ("run", "-s", *(f"+{mart}" for mart in CAUSAL_KEYS))
    project = build(data_dir, scratch, *causal, MOOCMETA_THREADS="1")
    return read_marts(project.duckdb_path, CAUSAL_KEYS)


@pytest.mark.parametrize("mart", MARTS)
def test_marts_equal_the_reference(expected, first, mart):
    assert first_difference(mart, expected[mart], first[mart]) is None


@pytest.mark.parametrize("mart", CAUSAL_KEYS)
def test_files_rows_and_threads_do_not_matter(first, second, mart):
    assert first_difference(mart, first[mart], second[mart]) is None


def test_the_log_holds_the_hard_cases(expected):
    """Or the tests above would show little."""
    trials, sessions = expected["causal_trials"], expected["causal_sessions"]
    for column in ("treatment", "outcome", "outcome_same", "outcome_other"):
        assert min(Counter(row[column] for row in trials).values()) > 20, column
    assert {row["censored"] for row in trials} == {True, False}
    assert {row["purchased_before"] for row in trials} == {True, False}
    assert {row["fold"] for row in trials} == set(range(5))
    assert max(row["history_length"] for row in trials) == 500
    assert {0, 500} <= {row["sequence_length"] for row in sessions}
    assert sum(2 in row["item_ids"] for row in trials) > 20
    seconds = Counter((row["user_id"], row["index_epoch"]) for row in trials)
    assert sum(n > 1 for n in seconds.values()) > 20
    cells = Counter((row["treatment"], row["outcome"]) for row in sessions)
    assert len(cells) == 4
