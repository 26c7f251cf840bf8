"""What several files of command-line tests look at."""

import shutil
from collections.abc import Callable, Iterator

import duckdb
import pytest

from tests.cli.command_line import Finished, finished
from tests.cli.tracing_run import KT
from training.causal import checks


@pytest.fixture(scope="session", autouse=True)
def few_permutations() -> Iterator[None]:
    """Clicks are dealt out anew a few times; how often decides no test but one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "N_PERMUTATIONS", 3)
        yield


@pytest.fixture(scope="session")
def full(tmp_path_factory, built_project) -> Finished:
    """The whole tracing line-up on the default data set, three epochs."""
    out = tmp_path_factory.mktemp("tracing")
    few = "models.wd_irt.min_period_responses=5"  # the sample is small
    return finished(
        built_project.env, out, *KT, "--epochs", "3", "--set", few, draws=True
    )


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
