"""Commands as a user gives them, on a DuckDB file of the test's choice."""

from pathlib import Path

import click
from click.testing import CliRunner, Result

from training.cli import main, train

MARS = ("--mart", "episodes_k2_q3", "--dataset", "mars")  # small, so quick to train


def invoke(command: click.Command, *args: object, **env: object) -> Result:
    """Run a command in this process; `env` are environment variables."""
    return CliRunner().invoke(
        command,
        [str(arg) for arg in args],
        env={name: str(value) for name, value in env.items()},
    )


def train_on(env: dict[str, str], out: Path, *args: object) -> Result:
    """Run `moocmeta-train` quietly with the run folders under `out`."""
    return invoke(train, *args, "--out", out, "--quiet", **env)


def trained(env: dict[str, str], out: Path, *args: object) -> Path:
    """Folder of a run that must end well."""
    known = set(out.glob("*/config.json"))
    result = train_on(env, out, *args)
    if result.exit_code != 0:
        raise AssertionError(f"{args} failed: {result.output}") from result.exception
    (config,) = set(out.glob("*/config.json")) - known
    return config.parent


def moocmeta(*args: object, **env: object) -> Result:
    """Run a subcommand of `moocmeta`."""
    return invoke(main, *args, **env)


def assert_one_line(result: Result, *fragments: str) -> None:
    """The command failed with exit code 1 and one line that holds the fragments."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for fragment in fragments:
        assert fragment in result.stderr


def files_under(folder: Path) -> list[str]:
    """Every file and empty folder below a folder, hidden ones too."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    )
