"""dbt for tests: a process that stays, so that each run costs what it does alone."""

import atexit
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
# no result may hang on the zone of the machine
FAR_FROM_UTC = "Asia/Tokyo"
# set by conftest: the folder of this process and one that all of a run share
FOLDERS: dict[str, Path] = {}


@dataclass(frozen=True)
class Case:
    """One dbt command over one data folder into one DuckDB file.

    The file is called `moocmeta.duckdb`: dbt takes the stem as the database's name
    when it parses the project. Where there is a `seed`, `datasets` is read from it.
    """

    data_dir: Path
    database: Path
    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    seed: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How dbt ended and what it printed."""

    success: bool
    output: str


class DbtProcess:
    """A process that runs dbt commands against one of the profile's targets.

    Attributes:
        parsed: the project as dbt keeps it from run to run.
    """

    def __init__(self, scratch: Path, target: str, **env: str) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.parsed = FOLDERS["shared"] / f"parsed_for_{target}.msgpack"
        options = ("--project-dir", PROJECT_ROOT, "--profiles-dir", PROJECT_ROOT)
        options += ("--target", target)
        self._errors = scratch / "stderr.txt"
        script = Path(__file__).with_name("serve.py")
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, script, self.parsed, scratch, *options],
                cwd=PROJECT_ROOT,
                env={**os.environ, "TZ": FAR_FROM_UTC, **parse_environment(), **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._answer()  # it is ready

    def run(self, case: Case) -> Outcome:
        """Run one case with its variables on top of the process's own."""
        env = {
            "MOOCMETA_DATA_DIR": str(case.data_dir),
            "MOOCMETA_DUCKDB": str(case.database),
        }
        seed = str(case.seed) if case.seed else None
        asked = {"command": case.command, "env": env | case.env, "seed": seed}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Outcome:
        printed = []
        for line in self._process.stdout:
            if line.startswith("\0"):
                return Outcome(line.strip("\0\n") == "True", "".join(printed))
            printed.append(line)
        raise AssertionError("".join(printed) + self._errors.read_text())

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()


def parse_environment() -> dict[str, str]:
    """What dbt reads when it parses; equal in all runs, so that they can share it."""
    return {
        "MOOCMETA_DATA_DIR": str(PROJECT_ROOT / "sample_data"),
        "MOOCMETA_DUCKDB": str(FOLDERS["shared"] / "built" / "moocmeta.duckdb"),
    }


@cache
def duckdb_process() -> DbtProcess:
    """The process of all runs on DuckDB; it ends with pytest."""
    process = DbtProcess(FOLDERS["own"] / "dbt", "duckdb")
    atexit.register(process.close)
    return process


def run_case(case: Case, process: DbtProcess | None = None) -> Outcome:
    """Run a case, on DuckDB unless told otherwise."""
    if process is None and case.database.stem != "moocmeta":
        raise ValueError(f"{case.database}: the project was parsed for moocmeta.duckdb")
    return (process or duckdb_process()).run(case)


def run_all(
    cases: dict[str, Case], scratch: Path, target: str = "duckdb", **env: str
) -> dict[str, Outcome]:
    """Run the cases in their order; other engines have a process of their own."""
    if target == "duckdb":
        return {name: run_case(case) for name, case in cases.items()}
    first = next(iter(cases.values()))
    process = DbtProcess(scratch, target, MOOCMETA_DUCKDB=str(first.database), **env)
    try:
        return {name: run_case(case, process) for name, case in cases.items()}
    finally:
        process.close()
