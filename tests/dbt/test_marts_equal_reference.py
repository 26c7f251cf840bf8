"""The marts against an independent reference in plain Python, row for row."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from click.testing import CliRunner

from tests.reference.compare import (
    KEYS,
    MAKE_THESE,
    column_types,
    contract_types,
    differences,
    read_marts,
    reference_of,
)
from tests.reference.logs import Log, hard_log
from tests.reference.raw_files import write_log
from training.commands.simulate import simulate_command


def test_marts_of_hard_and_simulated_logs_equal_the_reference(tmp_path, dbt_build):
    _simulate("xuetangx", tmp_path, "--users", "80", "--form", "flat")
    _simulate("mars", tmp_path, "--users", "400")
    simulated, hard = _read_log(tmp_path), hard_log()
    # one dbt run for both: their files lie side by side
    write_log(tmp_path, hard, n_files=7)
    log = Log(simulated.xuetangx + hard.xuetangx, simulated.mars + hard.mars)
    database = dbt_build(tmp_path, *MAKE_THESE)
    for mart in KEYS:
        _check_columns(database, mart)
    found = differences(reference_of(log), read_marts(database))
    assert not found, found


def _check_columns(database: Path, mart: str) -> None:
    found, expected = column_types(database, mart), contract_types(mart)
    assert [name for name, _ in found] == [name for name, _ in expected], mart
    for (name, kind), (_, wanted) in zip(found, expected, strict=True):
        assert wanted in (None, kind), f"{mart}.{name} is {kind}"


def _simulate(dataset: str, data_dir: Path, *options: str) -> None:
    command = [dataset, "--out", str(data_dir), "--seed", "7", "--quiet", *options]
    result = CliRunner().invoke(simulate_command, command)
    assert result.exit_code == 0, result.output


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
