"""Many dbt runs in one process: importing dbt and parsing the project take seconds."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import PROJECT_ROOT

_RUN_ALL = """
import json, os, sys
from dbt.cli.main import dbtRunner
common, cases = json.load(sys.stdin)
manifest = dbtRunner().invoke(["-q", "parse", *common]).result
for name, case in cases.items():
    os.environ.update(case["env"])
    for path, text in case["files"].items():
        with open(path, "w") as file:
            file.write(text)
    print("\\0" + name, flush=True)
    done = dbtRunner(manifest=manifest).invoke([*case["command"], *common])
    print("\\0" + str(done.success), flush=True)
"""


@dataclass(frozen=True)
class Case:
    """One dbt command over one data folder into one DuckDB file.

    The file's stem must be the same in all cases: dbt takes it as the database's
    name when it parses the project. Files are written before the command runs.
    """

    data_dir: Path
    database: Path
    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    files: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How dbt ended and what it printed."""

    success: bool
    output: str


def run_all(
    cases: dict[str, Case],
    scratch: Path,
    target: str = "duckdb",
    project: Path = PROJECT_ROOT,
    **env: str,
) -> dict[str, Outcome]:
    """Run the cases in their order against one of the profile's targets."""
    common = [
        *("--project-dir", str(project), "--profiles-dir", str(PROJECT_ROOT)),
        *("--target", target, "--target-path", str(scratch / "target")),
        *("--log-path", str(scratch / "logs"), "--no-use-colors"),
    ]
    given = {
        name: {
            "command": case.command,
            "files": {str(path): text for path, text in case.files.items()},
            "env": {
                "MOOCMETA_DATA_DIR": str(case.data_dir),
                "MOOCMETA_DUCKDB": str(case.database),
                **case.env,
            },
        }
        for name, case in cases.items()
    }
    first = next(iter(cases.values()))
    finished = subprocess.run(
        [sys.executable, "-c", _RUN_ALL],
        cwd=PROJECT_ROOT,
        env={**os.environ, **env, "MOOCMETA_DUCKDB": str(first.database)},
        input=json.dumps([common, given]),
        capture_output=True,
        text=True,
    )
    _, *parts = finished.stdout.split("\0")
    if len(parts) != 2 * len(cases):
        raise AssertionError(finished.stdout + finished.stderr)
    outcomes = {}
    for started, ended in zip(parts[::2], parts[1::2], strict=True):
        name, _, output = started.partition("\n")
        outcomes[name] = Outcome(ended.strip() == "True", output)
    return outcomes
