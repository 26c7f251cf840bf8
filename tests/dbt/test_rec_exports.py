"""A run's lists read back by `dbt build --select rec_exports`."""

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dbt.one_process import Case, run_all
from training.recommendation.list_files import COPY

MONDAY, TUESDAY = datetime(2020, 9, 7, 8), datetime(2020, 9, 8, 8)
OLDER, NEWER = "20260101-000000-d-episodes_k2_q3", "20260101-000000-d-episodes_k2_q3-2"
WITHOUT = "20260103-000000-d-episodes_k2_q3"
Row = tuple[str, int, str]
# u has met a and b, v nothing
GOOD: list[Row] = [("u", 1, "c"), ("u", 2, "d"), ("v", 1, "a")]
TESTS = (
    "assert_lists_have_every_rank",
    "assert_lists_are_of_known_users_and_items",
    "assert_lists_hold_nothing_seen",
    "recommendations_list_no_item_twice",
)
# a rank left out and one too many, an item nobody knows, one seen, one twice
BAD: list[Row] = [
    *[("u", 1, "a"), ("u", 3, "c"), ("u", 4, "c"), ("v", 1, "unknown")],
    *[("v", rank, key) for rank, key in ((2, "a"), (3, "b"), (4, "c"))],
]


def write_lists(runs: Path, run: str, rows: list[Row], repeats: str = "none") -> None:
    folder = runs / run / "exports"
    folder.mkdir(parents=True)
    users, ranks, keys = (list(column) for column in zip(*rows, strict=True))
    columns = {
        "dataset": "d", "score": 0.5, "model": "gru", "run_id": run,
        "as_of": MONDAY, "top": 3, "repeats": repeats,
    }  # fmt: skip
    table = {name: [value] * len(rows) for name, value in columns.items()}
    table |= {"user_id": users, "rank": ranks, "item_key": keys}
    lists = pa.table({name: table[name] for name in COPY.names}, COPY)
    pq.write_table(lists, folder / "recommendations.parquet")


def write_marts(database: Path, as_of: datetime = MONDAY) -> None:
    with duckdb.connect(str(database)) as marts:
        marts.sql(
            "create table vocab as select 'd' as dataset, n as item_id, "
            "chr(97 + n::integer) as item_key from range(4) as r (n)"
        )
        marts.execute(
            "create table user_latest as select 'd' as dataset, user_id, items_seen, "
            "$1::timestamp as as_of from (values ('u', [0, 1]), ('v', []::integer[])) "
            "as r (user_id, items_seen)",
            [as_of],
        )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("rec_exports")
    runs, bad, none = scratch / "runs", scratch / "bad", scratch / "none"
    write_lists(runs, OLDER, GOOD[:1])
    write_lists(runs, NEWER, GOOD)
    (runs / WITHOUT).mkdir()
    write_lists(bad, OLDER, BAD)
    write_lists(scratch / "met since", OLDER, [("u", 1, "a")])
    named = {
        "newest": {},
        "named": {"MOOCMETA_LIST_RUN": OLDER},
        "without lists": {"MOOCMETA_LIST_RUN": WITHOUT},
        "of older marts": {},
        "named of older marts": {"MOOCMETA_LIST_RUN": NEWER},
        "bad": {"MOOCMETA_RUNS_DIR": str(bad)},
        "met since": {"MOOCMETA_RUNS_DIR": str(scratch / "met since")},
        "no run": {"MOOCMETA_RUNS_DIR": str(none)},
    }
    cases = {}
    for name, env in named.items():
        database = scratch / name / "db" / "moocmeta.duckdb"
        database.parent.mkdir(parents=True, exist_ok=True)
        newest = {"met since": TUESDAY}.get(name, MONDAY)
        write_marts(database, datetime(2020, 1, 1) if "older" in name else newest)
        env = {"MOOCMETA_RUNS_DIR": str(runs), "MOOCMETA_LIST_RUN": ""} | env
        cases[name] = Case(scratch, database, ("build", "--select", "rec_exports"), env)
    return cases, run_all(cases, scratch)


def rows(outcomes, name: str) -> list[Row]:
    with duckdb.connect(str(outcomes[0][name].database), read_only=True) as connection:
        return connection.sql(
            "select user_id, rank, item_key from recommendations order by all"
        ).fetchall()


@pytest.mark.parametrize(("name", "expected"), [("newest", GOOD), ("named", GOOD[:1])])
def test_the_lists_of_a_run_are_a_mart(outcomes, name, expected):
    """The second run of a second is newer than the first."""
    assert outcomes[1][name].success, outcomes[1][name].output
    assert rows(outcomes, name) == expected
    for test in TESTS:
        assert test in outcomes[1][name].output  # with the lists, not later


def test_lists_that_break_a_promise_fail_the_build(outcomes):
    outcome = outcomes[1]["bad"]
    assert not outcome.success
    failed = [line for line in outcome.output.splitlines() if "Failure in test" in line]
    assert [test for test in TESTS if not any(test in line for line in failed)] == []


def test_what_was_met_after_a_list_was_made_is_no_fault_of_it(outcomes):
    assert outcomes[1]["met since"].success, outcomes[1]["met since"].output
    assert rows(outcomes, "met since") == [("u", 1, "a")]


def test_a_named_run_without_lists_is_one_line(outcomes):
    outcome = outcomes[1]["without lists"]
    assert not outcome.success
    assert f"{WITHOUT}/exports: no lists; write them with" in outcome.output


def test_lists_of_other_marts_are_passed_over(outcomes):
    """Users who had not done so much here; a run that was named is refused."""
    outcome, named = (
        outcomes[1][n] for n in ("of older marts", "named of older marts")
    )
    assert outcome.success, outcome.output
    assert "is of another build: 3 of its rows" in outcome.output
    assert rows(outcomes, "of older marts") == []
    assert not named.success
    assert "write the lists anew, or name another run" in named.output


def test_without_any_run_the_table_is_empty_with_one_warning(outcomes):
    assert outcomes[1]["no run"].success, outcomes[1]["no run"].output
    assert outcomes[1]["no run"].output.count("[WARNING]: no run with lists") == 1
    assert rows(outcomes, "no run") == []
