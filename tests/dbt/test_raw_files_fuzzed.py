"""Any log, one thing spoilt: the build equals that of the clean one, or names the file.

`MOOCMETA_FUZZ=500 pytest tests/dbt/test_raw_files_fuzzed.py` tries as many logs, others
each time.
"""

import os
import sys
from datetime import datetime
from pathlib import Path
from random import Random

import duckdb
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import PROJECT_ROOT
from tests.dbt.one_process import Case, run_all
from tests.dbt.raw_logs import HARMFUL, HARMLESS, Log, logs

sys.path.append(str(PROJECT_ROOT / "dbt_project" / "plugins"))
N_LOGS = int(os.environ.get("MOOCMETA_FUZZ", "33"))
COMMAND = ("run", "--select", "stg_mars__ratings")


def staged(database: Path) -> list[tuple]:
    """Rows that the staging view gives, as dbt sees them."""
    from raw_text import TidyFiles

    with duckdb.connect(str(database), read_only=True) as connection:
        connection.register_filesystem(TidyFiles())
        return sorted(
            connection.execute(
                "select item_key, user_id, watch_percentage, event_at, rating "
                "from staging.stg_mars__ratings"
            ).fetchall(),
            key=str,
        )


def expected(log: Log) -> list[tuple]:
    """What the log's rows are."""
    return sorted(
        (
            (item, user, float(watched), datetime.fromisoformat(at), None)
            for item, user, watched, at, _ in log.rows
        ),
        key=str,
    )


def fault(log: Log, folder: Path, kind: str, outcome) -> str | None:
    """How the build of a spoilt log went wrong, in words."""
    if kind in HARMLESS:
        if not outcome.success:
            return outcome.output
        found = staged(folder / "marts.duckdb")
        return None if found == expected(log) else f"{found}, not {expected(log)}"
    if outcome.success:
        return "was read"
    says = HARMFUL[kind][1].format(again=len(log.rows) + 2)
    lines = [
        line
        for line in outcome.output.splitlines()
        if line.strip().startswith(f"{folder}/raw/mars/explicit_ratings_en")
    ]
    return None if len(lines) == 1 and says in lines[0] else outcome.output


def drawn_logs() -> list[tuple[Log, int]]:
    """Logs and seeds as hypothesis draws them: all are built in one process."""
    drawn = []

    @settings(
        max_examples=N_LOGS,
        phases=[Phase.generate],
        derandomize="MOOCMETA_FUZZ" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(logs(), st.integers(0, 2**32))
    def draw(log: Log, seed: int) -> None:
        drawn.append((log, seed))

    draw()
    return drawn


def test_a_spoilt_log_is_read_as_the_clean_one_or_named(tmp_path):
    spoils = HARMLESS | {kind: spoil for kind, (spoil, _) in HARMFUL.items()}
    spoilt, cases = {}, {}
    for n, (log, seed) in enumerate(drawn_logs()):
        # kinds in turn, so that none is left to luck
        kind = list(spoils)[n % len(spoils)]
        folder = tmp_path / str(n)
        (folder / "raw" / "mars").mkdir(parents=True)
        for name, content in spoils[kind](log, Random(seed)).items():
            (folder / "raw" / "mars" / name).write_bytes(content)
        spoilt[str(n)] = (log, folder, kind)
        cases[str(n)] = Case(folder, folder / "marts.duckdb", COMMAND)
    faults = {
        f"{n}: {spoilt[n][2]}": (why, spoilt[n][0].rows)
        for n, outcome in run_all(cases, tmp_path).items()
        if (why := fault(*spoilt[n], outcome))
    }
    assert faults == {}
