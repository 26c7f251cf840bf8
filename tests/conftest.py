"""Fixtures that build the project as a user would: `dbt` as a subprocess."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

# test processes stand side by side: threads of each would only fight over the cores
os.environ.setdefault("OMP_NUM_THREADS", "1")
# no test is judged by the clock
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT = Path(sys.executable).parent / "dbt"


@dataclass(frozen=True)
class BuiltProject:
    """A DuckDB file with every mart, and the environment that made it."""

    duckdb_path: Path
    target_path: Path
    env: dict[str, str]


def run_dbt(*args: str, env: dict[str, str]) -> subprocess.CompletedProcess:
    """Run dbt from the project's root and capture what it prints."""
    return subprocess.run(
        [DBT, "--no-use-colors", *args],
        cwd=PROJECT_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        capture_output=True,
        text=True,
    )


def project_under(scratch: Path, data_dir: Path, **env: str) -> BuiltProject:
    """Where a build of `data_dir` under `scratch` lies, made or not."""
    database = scratch / "moocmeta.duckdb"
    paths = {"MOOCMETA_DATA_DIR": str(data_dir), "MOOCMETA_DUCKDB": str(database)}
    return BuiltProject(database, scratch / "target", {**paths, **env})


def build(data_dir: Path, scratch: Path, *args: str, **env: str) -> BuiltProject:
    """Run dbt over `data_dir` into a DuckDB file of its own under `scratch`."""
    project = project_under(scratch, data_dir, **env)
    command = [*(args or ["run"]), "--target-path", str(project.target_path)]
    command += ["--log-path", str(scratch / "logs")]
    if command[0] == "run":  # the seed is part of the graph
        no_tests = ["--exclude-resource-type", "test", "unit_test"]
        command = ["build", *no_tests, *command[1:]]
    finished = run_dbt(*command, env=project.env)
    if finished.returncode != 0:
        raise AssertionError(f"dbt failed:\n{finished.stdout}{finished.stderr}")
    return project


@pytest.fixture
def dbt_build(tmp_path: Path) -> Callable[..., Path]:
    """`dbt_build(data_dir, *dbt_args, **env)` → path of the DuckDB file."""
    count = iter(range(1000))

    def build_one(data_dir: Path, *args: str, **env: str) -> Path:
        scratch = tmp_path / f"build_{next(count)}"
        scratch.mkdir()
        return build(data_dir, scratch, *args, **env).duckdb_path

    return build_one


@pytest.fixture(scope="session")
def built_project(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> BuiltProject:
    """The sample data through a whole `dbt build`, tests included.

    Test processes share it: the first one builds while the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    scratch, done = shared / "built_project", shared / "built_project.done"
    data_dir = PROJECT_ROOT / "sample_data"
    with FileLock(shared / "built_project.lock"):
        if not done.exists():
            scratch.mkdir()
            build(data_dir, scratch, "build")
            done.touch()
    return project_under(scratch, data_dir)
