"""Any log, one thing spoilt: the build equals that of the clean one, or names the file.

`MOOCMETA_FUZZ=20 pytest tests/dbt/test_raw_files_fuzzed.py` spoils 20 logs in each way,
others every time.
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
IS_LONG = "MOOCMETA_FUZZ" in os.environ
N_ROUNDS = int(os.environ.get("MOOCMETA_FUZZ", "1"))
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


def drawn_logs() -> list[list[tuple[Log, Random]]]:
    """Logs of each round as hypothesis draws them: all are built in one process."""
    per_round = max(len(HARMLESS), len(HARMFUL))
    drawn = []

    @settings(
        max_examples=N_ROUNDS * per_round,
        phases=[Phase.generate],
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(logs(), st.integers(0, 2**32))
    def draw(log: Log, seed: int) -> None:
        drawn.append((log, Random(seed)))

    draw()
    return [drawn[n * per_round :][:per_round] for n in range(N_ROUNDS)]


def write(folder: Path, files: dict[str, bytes], mark: str = "") -> None:
    (folder / "raw" / "mars").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        name = name.replace("ratings", f"ratings_{mark}")
        (folder / "raw" / "mars" / name).write_bytes(content)


def test_logs_spoilt_harmlessly_are_read_as_the_clean_ones(tmp_path):
    """Every kind in a folder of many files; which file differs, the items tell."""
    cases, clean, drawn = {}, {}, drawn_logs()
    for n in range(N_ROUNDS):
        folder, clean[n] = tmp_path / str(n), []
        for kind, (log, random) in zip(HARMLESS, drawn[n], strict=False):
            own = Log([[f"{kind} {row[0]}", *row[1:]] for row in log.rows])
            write(folder, HARMLESS[kind](own, random), mark=kind)
            clean[n] += expected(own)
        cases[str(n)] = Case(folder, folder / "moocmeta.duckdb", COMMAND)
    outcomes = run_all(cases, tmp_path)
    for n, rows in clean.items():
        assert outcomes[str(n)].success, outcomes[str(n)].output
        assert staged(tmp_path / str(n) / "moocmeta.duckdb") == sorted(rows, key=str)


def test_logs_spoilt_beyond_repair_are_named(tmp_path):
    cases, spoilt, drawn = {}, {}, drawn_logs()
    for n in range(N_ROUNDS):
        for (kind, (spoil, says)), (log, random) in zip(
            HARMFUL.items(), drawn[n], strict=False
        ):
            folder = tmp_path / str(n) / kind
            write(folder, spoil(log, random))
            again = len(log.rows) + 2
            spoilt[f"{n} {kind}"] = (folder, says.format(again=again), log.rows)
            cases[f"{n} {kind}"] = Case(folder, tmp_path / "moocmeta.duckdb", COMMAND)
    unnamed = {}
    for case, outcome in run_all(cases, tmp_path).items():
        folder, says, rows = spoilt[case]
        naming = [
            line
            for line in outcome.output.splitlines()
            if line.strip().startswith(f"{folder}/raw/mars/explicit_ratings_")
        ]
        if outcome.success or len(naming) != 1 or says not in naming[0]:
            unnamed[case] = (outcome.output, rows)
    assert unnamed == {}
