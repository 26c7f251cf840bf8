"""The marts against an independent reference in plain Python, row for row.

All data sets lie side by side, as files of other forms, orders and numbers in a second
build with another number of threads: the reference knows each data set by itself.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.cli.command_line import moocmeta
from tests.conftest import build
from tests.reference.ad_logs import AdRow, tied_log, write_ad_log
from tests.reference.causal import causal_marts
from tests.reference.compare import (
    CONTRACT,
    EVERY_KEY,
    KEYS,
    column_types,
    contract_types,
    first_difference,
    read_marts,
    reference_of,
)
from tests.reference.logs import Log, hard_log
from tests.reference.marts import Marts, marts
from tests.reference.raw_files import write_log
from tests.reference.sessions import ADS, ad_events
from tests.reference.tracing import tracing_reference
from tests.reference.tracing_logs import (
    TracingLog,
    drawn_tracing_log,
    write_tracing_log,
)

MANY = 450  # responses of one user: three windows
MAKE = ("run", "-s", *(f"+{mart}" for mart in EVERY_KEY))
BUILDS = ("many files, four threads", "few files, one thread")


@dataclass(frozen=True)
class Logs:
    """What the raw files of all data sets hold."""

    mooc: Log
    ads: list[AdRow]
    tracing: TracingLog


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    for dataset, n_users in (("xuetangx", 80), ("mars", 400)):
        options = ("--users", n_users, "--form", "flat", "--seed", 7, "--quiet")
        result = moocmeta("simulate", dataset, "--out", folder, *options)
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def logs(simulated) -> Logs:
    mooc, hard = _read_log(simulated), hard_log()
    mooc = Log(mooc.xuetangx + hard.xuetangx, mooc.mars + hard.mars)
    tracing = drawn_tracing_log(n_histories=120)
    for n in range(MANY):
        assignment, problem = f"many{n}", ("p9", "p10", "é")[n % 3]
        tracing.students[assignment] = "many"
        at = 1_600_000_000_000 + n * 700  # some share a second
        tracing.actions.append((assignment, at, problem, "wrong_response"))
    return Logs(mooc, tied_log(n_users=200), tracing)


@pytest.fixture(scope="module")
def databases(logs, tmp_path_factory) -> dict[str, Path]:
    scratch = tmp_path_factory.mktemp("builds")
    found = {}
    for n, (name, n_files) in enumerate(zip(BUILDS, (8, 1), strict=True)):
        folder = write_log(scratch / str(n), logs.mooc, n_files, seed=n)
        write_ad_log(folder, logs.ads, ("parquet", "csv")[n], seed=n)
        write_tracing_log(folder, logs.tracing, seed=n)
        project = build(folder, folder, *MAKE, MOOCMETA_THREADS=("4", "1")[n])
        found[name] = project.duckdb_path
    return found


@pytest.fixture(scope="module")
def expected(logs) -> Marts:
    mooc, ads = reference_of(logs.mooc), ad_events(logs.ads)
    of_ads = marts(ads, ADS)
    events = {mart: mooc[mart] + of_ads[mart] for mart in KEYS}
    return events | causal_marts(ads, ADS) | tracing_reference(logs.tracing)


@pytest.fixture(scope="module")
def found(databases) -> dict[str, Marts]:
    return {name: read_marts(path, EVERY_KEY) for name, path in databases.items()}


@pytest.mark.parametrize("mart", EVERY_KEY)
@pytest.mark.parametrize("name", BUILDS)
def test_a_mart_equals_the_reference(expected, found, name, mart):
    assert first_difference(mart, expected[mart], found[name][mart]) is None


@pytest.mark.parametrize("mart", CONTRACT)
def test_columns_are_the_contracts(databases, mart):
    columns, wanted = column_types(databases[BUILDS[0]], mart), contract_types(mart)
    assert [name for name, _ in columns] == [name for name, _ in wanted]
    for (name, kind), (_, type_) in zip(columns, wanted, strict=True):
        assert type_ in (None, kind), name


def test_the_data_sets_share_ids(expected):
    """Or the comparison would not show that none touches another."""
    for mart, key in (("user_splits", "user_id"), ("vocab", "item_key")):
        of = [
            {row[key] for row in expected[mart] if row["dataset"] == dataset}
            for dataset in ("mars", "xuetangx")
        ]
        assert len(of[0] & of[1]) > 3, mart


def test_the_ads_hold_the_hard_cases(expected):
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
    assert len({(row["treatment"], row["outcome"]) for row in sessions}) == 4


def test_the_answers_hold_the_hard_cases(logs, expected):
    responses = expected["responses"]
    assert {row["split"] for row in responses} == {"train", "val", "test"}
    by_moment = {(r["dataset"], r["user_id"], r["answered_at"]) for r in responses}
    assert len(by_moment) < len(responses)  # answers of one instant
    assert {len(row["skill_keys"]) for row in responses} >= {0, 1, 2}
    collapsed = [row for row in logs.tracing.answers if "_" in (row.skill_id or "")]
    assert {row.original for row in collapsed} == {0, 1}
    assert not any("_" in row["skill_key"] for row in expected["skills"])
    assert max(row["attempt"] for row in responses) > 2
    assert {row["latency_sec"] for row in responses} >= {None, 3600.0}
    assert any(row["help_before"] for row in responses)
    assert max(row["window"] for row in expected["kt_sequences"]) == 2


def test_skills_stay_lists_through_arrow_and_parquet(databases, expected, tmp_path):
    path = tmp_path / "sequences.parquet"
    with duckdb.connect(str(databases[BUILDS[0]]), read_only=True) as connection:
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


def test_what_belongs_to_nobody_and_what_nothing_describes_is_counted(databases, logs):
    with duckdb.connect(str(databases[BUILDS[0]]), read_only=True) as connection:
        counted = connection.execute(
            "select sum(n_events), sum(n_user_events) "
            "from intermediate.int_event_types where dataset = 'edm_cup_2023'"
        ).fetchone()
        orphans = connection.execute(
            "select count(*) from intermediate.int_edm_cup_2023_answers "
            "where skill_keys is null"
        ).fetchone()
    actions = logs.tracing.actions
    assert counted == (len(actions), len(actions) - 5)
    assert orphans[0] > 0


def _read_log(data_dir: Path) -> Log:
    """The raw rows of a simulated folder, XuetangX in flat form."""
    flat = data_dir / "raw" / "xuetangx" / "*.parquet"
    columns = "course_id, user_id, session_hash, event_type, timestamp"
    xuetangx = duckdb.sql(f"select {columns} from read_parquet('{flat}')").fetchall()
    mars = []
    for path in (data_dir / "raw" / "mars").glob("explicit_ratings_*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            mars += [
                (row["item_id"], row["user_id"], _utc(row["created_at"]))
                for row in csv.DictReader(file)
            ]
    return Log(xuetangx, mars)


def _utc(text: str) -> datetime:
    """A time as UTC without zone; one that has no zone is UTC already."""
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
