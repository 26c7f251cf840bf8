"""A night as `nightly.sh` does it, and the same line once more after a kill."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.conftest import PROJECT_ROOT

FAST = "mart: episodes_k2_q3\nlineup: [popularity, markov]\n"


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


@pytest.fixture
def night(tmp_path):
    """`night(file)` does one; what it printed."""
    folder = Path(sys.executable).parent
    (tmp_path / "fast.yaml").write_text(FAST)
    paths = {"DATA_DIR": "data", "DUCKDB": "moocmeta.duckdb", "RUNS_DIR": "runs"}
    env = {f"MOOCMETA_{name}": str(tmp_path / path) for name, path in paths.items()}
    env |= {"NIGHT_CONFIG": str(tmp_path / "fast.yaml")}
    env |= {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    env |= {"DBT_TARGET_PATH": str(tmp_path / "target")}

    def done(file: Path) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["sh", "nightly.sh", "mylog", file],
            cwd=PROJECT_ROOT,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
        )

    return done


def test_a_night_appends_learns_and_lists_and_can_be_done_again(tmp_path, night):
    january, february = tmp_path / "january.csv", tmp_path / "february.csv"
    n_rows = write_month(january, 1, 40)
    first = night(january)
    assert first.returncode == 0, first.stdout + first.stderr
    # as if the second night was killed behind its first step, and begun again
    n_rows += write_month(february, 2, 60)
    ingest = ("moocmeta", "ingest", "mylog", february, "--append", "--quiet")
    command = [Path(sys.executable).parent / ingest[0], *ingest[1:]]
    data = {"MOOCMETA_DATA_DIR": str(tmp_path / "data")}
    subprocess.run(
        command, check=True, env={**os.environ, **data}, stdout=subprocess.DEVNULL
    )
    second = night(february)
    assert second.returncode == 0, second.stdout + second.stderr
    with duckdb.connect(str(tmp_path / "moocmeta.duckdb"), read_only=True) as marts:
        assert marts.sql("select count(*) from events").fetchall() == [(n_rows,)]
        users = "(select user_id, max(event_at) as as_of from events group by user_id)"
        lists, of_today, run_ids = marts.sql(
            "select count(distinct user_id), bool_and(newest.as_of = lists.as_of), "
            "list(distinct run_id) from recommendations as lists "
            f"join {users} as newest using (user_id)"
        ).fetchall()[0]
    runs = sorted(path.parent.name for path in (tmp_path / "runs").glob("*/*.html"))
    assert (lists, of_today, len(runs)) == (60, True, 2)
    assert run_ids == runs[-1:]
