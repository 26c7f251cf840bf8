"""Fixtures that build the project: with the `dbt` of a user, or quickly."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.dbt import one_process
from tests.dbt.one_process import PROJECT_ROOT, Case, run_case

# test processes stand side by side: threads of each would only fight over the cores
for name in ("OMP_NUM_THREADS", "MOOCMETA_THREADS", "MOOCMETA_JOBS"):
    os.environ.setdefault(name, "1")
# a shell starts what is in its background deaf to Ctrl-C, which tests send to programs
signal.signal(signal.SIGINT, signal.default_int_handler)
# no test is judged by the clock; every run of the suite draws other examples
settings.register_profile("here", deadline=None, max_examples=50)
settings.load_profile("here")

DBT = Path(sys.executable).parent / "dbt"


@dataclass(frozen=True)
class BuiltProject:
    """A DuckDB file with every mart, and the environment that made it."""

    duckdb_path: Path
    target_path: Path
    env: dict[str, str]


def run_dbt(*args: str, env: dict[str, str]) -> subprocess.CompletedProcess:
    """Run `dbt` as a user does, from the project's root, and capture what it prints."""
    return subprocess.run(
        [DBT, "--no-use-colors", *args],
        cwd=PROJECT_ROOT,
        env={**os.environ, **env},
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
    command = args or ("run",)
    if command[0] == "run":  # the seed is part of the graph
        no_tests = ("--exclude-resource-type", "test", "unit_test")
        command = ("build", *no_tests, *command[1:])
    outcome = run_case(Case(data_dir, project.duckdb_path, command, env))
    if not outcome.success:
        raise AssertionError(f"dbt failed:\n{outcome.output}")
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


@pytest.fixture(scope="session", autouse=True)
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that the test processes of this run of pytest share."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    one_process.FOLDERS.update(own=own, shared=shared)
    return shared


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """A folder that test processes share: the first one fills it, the others wait."""
    done = folder.with_suffix(".done")
    with FileLock(folder.with_suffix(".lock")):
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def built_project(shared_folder: Path) -> BuiltProject:
    """The sample data through a whole `dbt build`, tests of both kinds included."""
    sample = PROJECT_ROOT / "sample_data"
    folder = shared_folder / "built"
    made_once(folder, lambda scratch: build(sample, scratch, "build"))
    return project_under(folder, sample)
