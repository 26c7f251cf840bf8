"""A night as `nightly.sh` does it, and again after a kill."""

import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.cli.command_line import invoke, moocmeta
from tests.conftest import PROJECT_ROOT
from tests.dbt.one_process import Case, run_case
from training.commands.train import train_command as train

FAST = "mart: episodes_k2_q3\nlineup: [popularity, markov]\n"
NOTED = '#!/bin/sh\nprintf "%s\\037" "${0##*/}" "$@" >> "$NOTES"\necho >> "$NOTES"\n'


def write_month(path: Path, month: int, n_users: int) -> int:
    """Learners who go through ten courses, mostly in order; rows written."""
    rng = np.random.default_rng(month)
    lines = ["user_id,item_key,event_at"]
    for user in range(n_users):
        at = datetime(2020, month, 1 + user % 20, 8)
        course = rng.integers(10)
        for _ in range(12):
            course = (course + rng.choice([1, 1, 1, 2])) % 10
            at += timedelta(minutes=10)
            lines.append(f"u{user:02d},c{course},{at}")
    path.write_text("\n".join(lines) + "\n")
    return len(lines) - 1


class Night:
    """What `nightly.sh` would run, run in this process: dbt and torch start slowly."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "moocmeta.duckdb"
        self.env = {
            "MOOCMETA_DATA_DIR": str(folder / "data"),
            "MOOCMETA_DUCKDB": str(self.database),
            "MOOCMETA_RUNS_DIR": str(folder / "runs"),
        }
        (folder / "fast.yaml").write_text(FAST)
        (folder / "bin").mkdir()
        for name in ("dbt", "moocmeta", "moocmeta-train"):
            (folder / "bin" / name).write_text(NOTED)
            (folder / "bin" / name).chmod(0o755)

    def commands(self, log: Path) -> list[list[str]]:
        """The commands of a night as things are now."""
        notes = self.folder / "notes"
        notes.unlink(missing_ok=True)
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        given = {"NOTES": str(notes), "NIGHT_CONFIG": str(self.folder / "fast.yaml")}
        subprocess.run(
            ["sh", "nightly.sh", "mylog", log],
            cwd=PROJECT_ROOT,
            env={**os.environ, **self.env, **given, "PATH": path},
            check=True,
        )
        return [line.split("\037")[:-1] for line in notes.read_text().splitlines()]

    def run(self, program: str, *args: str) -> str:
        """One command, which must end well; what it printed."""
        if program == "dbt":
            data = Path(self.env["MOOCMETA_DATA_DIR"])
            outcome = run_case(Case(data, self.database, args, self.env))
            assert outcome.success, outcome.output
            return outcome.output
        if program == "moocmeta":
            result = moocmeta(*args, **self.env)
        else:
            result = invoke(train, *args, **self.env)
        assert result.exit_code == 0, (program, args, result.output)
        return result.output


@pytest.fixture
def night(tmp_path) -> Night:
    return Night(tmp_path)


def test_a_night_appends_learns_and_lists_and_may_be_killed(tmp_path, night):
    january, february = tmp_path / "january.csv", tmp_path / "february.csv"
    n_rows = write_month(january, 1, 40)
    first = night.commands(january)
    assert [command[:2] for command in first] == [
        ["moocmeta", "ingest"],
        ["dbt", "build"],
        ["moocmeta-train", "--config"],
        ["moocmeta", "recommend"],
        ["dbt", "build"],
    ]
    for command in first:
        night.run(*command)
    n_rows += write_month(february, 2, 60)
    append, *_ = night.commands(february)
    assert append[-1] == "--append"
    night.run(*append)  # killed behind its first step, and begun again
    second = night.commands(february)
    asked = [command for command in second if command[1] == "evaluate"]
    assert [command[1] for command in second].count("ingest") == 0
    assert len(asked) == 1 and second.index(asked[0]) == 1
    for command in second:
        printed = night.run(*command)
        if command in asked:
            assert "markov" in printed
    with duckdb.connect(str(night.database), read_only=True) as marts:
        assert marts.sql("select count(*) from events").fetchall() == [(n_rows,)]
        users = "(select user_id, max(event_at) as as_of from events group by user_id)"
        n_users, is_of_today, run_ids = marts.sql(
            "select count(distinct user_id), bool_and(newest.as_of = lists.as_of), "
            "list(distinct run_id) from recommendations as lists "
            f"join {users} as newest using (user_id)"
        ).fetchall()[0]
    runs = sorted(path.parent.name for path in (tmp_path / "runs").glob("*/*.html"))
    assert (n_users, is_of_today, len(runs)) == (60, True, 2)
    assert run_ids == runs[-1:]
