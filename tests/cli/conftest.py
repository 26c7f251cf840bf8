"""Runs that several files of command-line tests look at."""

import pytest

from tests.cli.command_line import train_on
from tests.cli.tracing_run import KT, Finished


@pytest.fixture(scope="session")
def full(tmp_path_factory, built_project) -> Finished:
    """The whole tracing line-up on the default data set, three epochs."""
    out = tmp_path_factory.mktemp("tracing")
    few = "models.wd_irt.min_period_responses=5"  # the sample is small
    result = train_on(built_project.env, out, *KT, "--epochs", "3", "--set", few)
    assert result.exit_code == 0, result.output
    (config,) = out.glob("*/config.json")
    return Finished(config.parent, result.stdout)
