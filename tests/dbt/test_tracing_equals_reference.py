"""The marts of knowledge tracing against plain Python; skills as lists throughout."""

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.conftest import build
from tests.reference.compare import (
    TRACING_KEYS,
    column_types,
    contract_types,
    first_difference,
)
from tests.reference.tracing import tracing_reference
from tests.reference.tracing_logs import drawn_tracing_log, write_tracing_log

MANY = 450  # responses of one user: three windows


@pytest.fixture(scope="module")
def log():
    log = drawn_tracing_log(n_histories=120)
    for n in range(MANY):
        assignment, problem = f"many{n}", ("p9", "p10", "é")[n % 3]
        log.students[assignment] = "many"
        at = 1_600_000_000_000 + n * 700  # some share a second
        log.actions.append((assignment, at, problem, "wrong_response"))
    return log


@pytest.fixture(scope="module")
def database(log, tmp_path_factory):
    data_dir = write_tracing_log(tmp_path_factory.mktemp("raw"), log, seed=5)
    scratch = tmp_path_factory.mktemp("build")
    return build(data_dir, scratch, "run", "-s", "+marts.tracing").duckdb_path


@pytest.fixture(scope="module")
def expected(log):
    return tracing_reference(log)


@pytest.mark.parametrize("mart", TRACING_KEYS)
def test_mart_of_a_log_full_of_ties_equals_the_reference(database, expected, mart):
    with duckdb.connect(str(database), read_only=True) as connection:
        cursor = connection.execute(f"select * from main.{mart}")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert first_difference(mart, expected[mart], rows) is None


@pytest.mark.parametrize("mart", TRACING_KEYS)
def test_columns_are_the_contracts(database, mart):
    found, wanted = column_types(database, mart), contract_types(mart)
    assert [name for name, _ in found] == [name for name, _ in wanted]
    for (name, kind), (_, type_) in zip(found, wanted, strict=True):
        assert type_ in (None, kind), name


def test_the_log_has_what_the_reference_must_survive(log, expected):
    """Or the comparison would show little."""
    responses = expected["responses"]
    assert {row["split"] for row in responses} == {"train", "val", "test"}
    by_moment = {(r["dataset"], r["user_id"], r["answered_at"]) for r in responses}
    assert len(by_moment) < len(responses)  # answers of one instant
    assert {len(row["skill_keys"]) for row in responses} >= {0, 1, 2}
    collapsed = [row for row in log.answers if "_" in (row.skill_id or "")]
    assert {row.original for row in collapsed} == {0, 1}
    assert not any("_" in row["skill_key"] for row in expected["skills"])
    assert max(row["attempt"] for row in responses) > 2
    assert {row["latency_sec"] for row in responses} >= {None, 3600.0}
    assert any(row["help_before"] for row in responses)
    assert max(row["window"] for row in expected["kt_sequences"]) == 2


def test_skills_stay_lists_through_arrow_and_parquet(database, expected, tmp_path):
    path = tmp_path / "sequences.parquet"
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "select skill_ids from kt_sequences order by dataset, sequence_id"
        )
        table = rows.to_arrow_table()
    pq.write_table(table, path)
    ordered = sorted(
        expected["kt_sequences"], key=lambda row: (row["dataset"], row["sequence_id"])
    )
    lists = [row["skill_ids"] for row in ordered]
    assert table["skill_ids"].to_pylist() == lists
    assert pq.read_table(path)["skill_ids"].to_pylist() == lists
    assert any(len(skills) == 2 for window in lists for skills in window)


def test_the_funnel_counts_what_belongs_to_nobody_and_what_nothing_describes(
    database, log, tmp_path_factory
):
    with duckdb.connect(str(database), read_only=True) as connection:
        counted = connection.execute(
            "select sum(n_events), sum(n_user_events) "
            "from intermediate.int_event_types where dataset = 'edm_cup_2023'"
        ).fetchone()
        orphans = connection.execute(
            "select count(*) from intermediate.int_edm_cup_2023_answers "
            "where skill_keys is null"
        ).fetchone()
    assert counted == (len(log.actions), len(log.actions) - 5)
    assert orphans[0] > 0
