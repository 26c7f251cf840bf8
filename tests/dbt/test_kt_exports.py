"""A run's exports read back by `dbt build --select kt_exports`."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dbt.one_process import Case, run_all

MONDAY = datetime(2020, 9, 7, 8)
TUESDAY = MONDAY + timedelta(days=1)
COMMAND = ("build", "--select", "kt_exports")


def write_run(runs: Path, name: str, n_known_items: int, mastery: float) -> None:
    """A run that asked a student for five items, and knows some of them."""
    exports = runs / name / "exports"
    exports.mkdir(parents=True)
    items = pa.array(range(5), pa.int32())
    known = items.slice(0, n_known_items)
    tables = {
        "sakt_predictions": {
            "dataset": ["d"] * 5,
            "user_id": ["u"] * 5,
            "item_id": items,
            "answered_at": pa.array([MONDAY, *[TUESDAY] * 4], pa.timestamp("us")),
            "response_id": list(range(5)),
            "split": ["test"] * 5,
            "position": list(range(5)),
            "actual": [True, True, False, False, False],
            "predicted": pa.array([0.5, 0.5, 0.25, 0.25, 0.0], pa.float32()),
        },
        "sakt_student_state": {
            "dataset": ["d"] * 4,
            "user_id": ["u"] * 4,
            "skill_key": ["s", "s", "s", "t"],
            # two answers of one instant, and one that nobody was asked for
            "answered_at": [MONDAY, TUESDAY, TUESDAY, MONDAY - timedelta(days=1)],
            "mastery": [mastery, mastery + 0.125, mastery + 0.375, 0.5],
        },
        "item_params": {
            "dataset": ["d"] * n_known_items,
            "item_id": known,
            "item_key": [f"p{n}" for n in known.to_pylist()],
            "skill_keys": [["s", "t"]] * n_known_items,
            "difficulty": [0.5] * n_known_items,
            "discrimination": [1.5] * n_known_items,
            "guessing": [0.25] * n_known_items,
            "difficulty_se": [0.125] * n_known_items,
            "discrimination_se": [0.25] * n_known_items,
            "guessing_se": pa.nulls(n_known_items, pa.float64()),
            "n_responses": [40] * n_known_items,
        },
        "item_drift": {
            "dataset": ["d"] * 4,
            "item_id": pa.array([0, 0, 1, 1], pa.int32()),
            "period": pa.array([0, 1, 1, 0], pa.int32()),
            "difficulty": [0.0, 1.0, 0.0, 0.0],
            "drift": [0.0, 1.0, 0.125, 0.0],
            "p_value": [0.001, 0.001, 0.5, 0.5],
            "drift_se": [None, 0.5, None, 0.25],
            "drift_flag": [True, True, False, False],
        },
    }
    for table, columns in tables.items():
        pq.write_table(pa.table(columns), exports / f"{table}.parquet")


def write_marts(database: Path, last_item: str) -> None:
    """Marts in which the student of `write_run` gave the same five answers."""
    with duckdb.connect(str(database)) as marts:
        marts.sql(
            "create table vocab as select 'd' as dataset, n as item_id, "
            f"if(n = 3, '{last_item}', 'p' || n) as item_key from range(5) as r (n)"
        )
        marts.sql(
            "create table responses as select 'd' as dataset, n as response_id, "
            "'u' as user_id, n as item_id, n < 2 as correct, timestamp "
            "'2020-09-07 08:00:00' + to_days(if(n = 0, 0, 1)) as answered_at "
            "from range(5) as r (n)"
        )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Exports read from the newest run, from a named one, from none."""
    scratch = tmp_path_factory.mktemp("kt_exports")
    runs = scratch / "runs"
    write_run(runs, "20260101-000000-d-kt_sequences", 3, mastery=0.25)
    write_run(runs, "20260102-000000-d-kt_sequences", 4, mastery=0.5)
    (runs / "20260103-000000-d-episodes_k5_q10").mkdir()  # exports nothing
    twice = scratch / "runs of one second"
    for suffix, mastery in (("", 0.125), ("-2", 0.25), ("-10", 0.5)):
        write_run(twice, f"20260101-000000-d-kt_sequences{suffix}", 4, mastery)
    named = {
        "newest": {"MOOCMETA_RUN": ""},
        "named": {"MOOCMETA_RUN": "20260101-000000-d-kt_sequences"},
        "without exports": {"MOOCMETA_RUN": "20260103-000000-d-episodes_k5_q10"},
        "of one second": {"MOOCMETA_RUN": "", "MOOCMETA_RUNS_DIR": str(twice)},
        "of these marts": {"MOOCMETA_RUN": ""},
        "of other marts": {"MOOCMETA_RUN": ""},
        "named of other marts": {"MOOCMETA_RUN": "20260102-000000-d-kt_sequences"},
        "no run": {"MOOCMETA_RUN": "", "MOOCMETA_RUNS_DIR": str(scratch / "none")},
    }
    cases = {
        name: Case(
            scratch,
            scratch / name / "moocmeta.duckdb",
            COMMAND,
            {"MOOCMETA_RUNS_DIR": str(runs)} | env,
        )
        for name, env in named.items()
    }
    for case in cases.values():
        case.database.parent.mkdir()
    write_marts(cases["of these marts"].database, "p3")
    write_marts(cases["of other marts"].database, "another")
    write_marts(cases["named of other marts"].database, "another")
    return scratch, run_all(cases, scratch)


def rows(scratch: Path, case: str, query: str) -> list[tuple]:
    database = scratch / case / "moocmeta.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_mastery_of_the_newest_run_stands_beside_the_answers(outcomes):
    scratch, outcome = outcomes
    assert outcome["newest"].success, outcome["newest"].output
    found = rows(
        scratch,
        "newest",
        "select skill_key, answered_at, mastery, mastery_change, n_answers, n_correct, "
        "predicted, split from student_mastery order by skill_key, answered_at",
    )
    assert found == [
        ("s", MONDAY, 0.5, None, 1, 1, 0.5, "test"),
        # one instant, one row: means of 0.625 and 0.875, and of the four predictions
        ("s", TUESDAY, 0.75, 0.25, 4, 1, 0.25, "test"),
        ("t", MONDAY - timedelta(days=1), 0.5, None, None, None, None, None),
    ]


def test_of_runs_of_one_second_the_last_is_the_newest(outcomes):
    """As for `moocmeta`: -10 after -2, and both after the first."""
    scratch, outcome = outcomes
    assert outcome["of one second"].success, outcome["of one second"].output
    query = "select min(mastery) from student_mastery"
    assert rows(scratch, "of one second", query) == [(0.5,)]


def test_item_health_joins_parameters_drift_and_predictions(outcomes):
    scratch, _ = outcomes
    found = rows(
        scratch,
        "newest",
        "select item_id, item_key, skill_keys, difficulty, n_periods, drift, "
        "drift_se, drift_p_value, is_drifting, n_predictions, actual_rate, "
        "predicted_rate from item_health order by item_id",
    )
    assert found == [
        (0, "p0", ["s", "t"], 0.5, 2, 1.0, 0.5, 0.001, True, 1, 1.0, 0.5),
        (1, "p1", ["s", "t"], 0.5, 2, 0.125, None, 0.5, False, 1, 1.0, 0.5),
        (2, "p2", ["s", "t"], 0.5, 0, None, None, None, False, 1, 0.0, 0.25),
        (3, "p3", ["s", "t"], 0.5, 0, None, None, None, False, 1, 0.0, 0.25),
    ]


def test_predictions_without_item_parameters_fail_the_build(outcomes):
    """Three of five is below 80%; four of five, the newest run, is not."""
    outcome = outcomes[1]["named"]
    assert not outcome.success
    assert "assert_predictions_join_to_items" in outcome.output


def test_a_named_run_without_exports_is_one_line(outcomes):
    outcome = outcomes[1]["without exports"]
    assert not outcome.success
    assert "episodes_k5_q10/exports: no exports of knowledge tracing" in outcome.output


def test_a_run_of_other_marts_is_passed_over(outcomes):
    """Its numbers mean other items here."""
    scratch, outcome = outcomes
    assert rows(scratch, "of these marts", "select count(*) from item_health") == [(4,)]
    found = outcome["of other marts"]
    assert found.success, found.output
    assert (
        "0102-000000-d-kt_sequences/exports is of another build: 1 of" in found.output
    )
    assert rows(scratch, "of other marts", "select count(*) from item_health") == [(0,)]


def test_a_named_run_of_other_marts_is_one_line(outcomes):
    outcome = outcomes[1]["named of other marts"]
    assert not outcome.success
    assert "is of another build: 1 of its rows" in outcome.output
    assert "train anew, or name another run in MOOCMETA_RUN" in outcome.output


def test_without_any_run_the_tables_are_empty_with_one_warning(outcomes):
    scratch, outcome = outcomes
    assert outcome["no run"].success, outcome["no run"].output
    assert outcome["no run"].output.count("[WARNING]: no run with item parameters") == 1
    for mart in ("student_mastery", "item_health"):
        assert rows(scratch, "no run", f"select count(*) from {mart}") == [(0,)]
