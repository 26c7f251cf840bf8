"""What several files of command-line tests look at."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.cli.command_line import Finished, finished
from tests.cli.tracing_run import KT
from tests.conftest import made_once
from training.causal import checks


@pytest.fixture(scope="session", autouse=True)
def few_permutations() -> Iterator[None]:
    """Clicks are dealt out anew a few times; how often decides no test but one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "N_PERMUTATIONS", 3)
        yield


@pytest.fixture(scope="session")
def full(shared_folder, built_project) -> Finished:
    """The whole tracing line-up on the default data set, three epochs."""
    few = "models.wd_irt.min_period_responses=5"  # the sample is small
    options = (*KT, "--epochs", "3", "--set", few)

    def train(out: Path) -> None:
        run = finished(built_project.env, out, *options, draws=True)
        (out / "said.json").write_text(json.dumps([run.stdout, run.stderr]))

    out = made_once(shared_folder / "tracing", train)
    (config,) = out.glob("*/config.json")
    return Finished(config.parent, *json.loads((out / "said.json").read_text()))


@pytest.fixture
def edited(tmp_path, built_project) -> Callable[..., dict[str, str]]:
    """`edited(sql, …)` → environment of a changed copy of the built marts."""

    def edit(*statements: str) -> dict[str, str]:
        copy = tmp_path / "edited.duckdb"
        shutil.copy(built_project.duckdb_path, copy)
        with duckdb.connect(str(copy)) as connection:
            for statement in statements:
                connection.execute(statement)
        return {**built_project.env, "MOOCMETA_DUCKDB": str(copy)}

    return edit
