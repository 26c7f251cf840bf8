"""Commands as a user gives them, on a DuckDB file of the test's choice."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isfunction
from pathlib import Path

import click
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from training.cli import main
from training.commands.train import train_command as train
from training.fit.state import FitCheckpoints
from training.report import causal_plots, plots

MARS = ("--mart", "episodes_k2_q3", "--dataset", "mars")  # small, so quick to train
TIMINGS = {"train_seconds", "eval_seconds", "seconds", "run_id", "command"}


def options_of(option: str, *values: str) -> tuple[str, ...]:
    """An option that is given once a value."""
    return tuple(word for value in values for word in (option, value))


# adapting costs what its network costs; how good it is, is not looked at
SMALL = options_of(
    "--set",
    *("models.gru.embedding_dim=8", "models.gru.hidden_dim=16"),
    *("models.sasrec.dim=16", "models.sasrec.n_blocks=1"),
    *("models.best.network.embedding_dim=8", "models.best.network.hidden_dim=16"),
    "models.best.n_networks=1",
)


def invoke(command: click.Command, *args: object, **env: object) -> Result:
    """Run a command in this process; `env` are environment variables."""
    return CliRunner().invoke(
        command,
        [str(arg) for arg in args],
        env={name: str(value) for name, value in env.items()},
    )


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Plots of a page are empty; with them a page costs as much as a small fit."""
    for module in (plots, causal_plots):
        for name, made in vars(module).items():
            if isfunction(made) and made.__module__ == module.__name__:
                patch.setattr(module, name, lambda *args, **options: "<svg></svg>")


def train_on(
    env: dict[str, str], out: Path, *args: object, draws: bool = False
) -> Result:
    """Run `moocmeta-train` quietly with the run folders under `out`.

    Args:
        draws: whether the page has its plots.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not draws:
            draw_nothing(patch)
        return invoke(train, *args, "--out", out, "--quiet", **env)


def train_into(log: Path, env: dict[str, str], out: Path, *options: object) -> None:
    """`moocmeta-train` in a forked process, all that it says into a file."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.update(env)
    draw_nothing(pytest.MonkeyPatch())
    train.main([str(word) for word in (*options, "--out", out)])


@dataclass(frozen=True)
class Finished:
    """A run through the command line, and what it printed."""

    path: Path
    stdout: str
    stderr: str

    @property
    def metrics(self) -> dict:
        return json.loads((self.path / "metrics.json").read_text())

    @property
    def effects(self) -> dict:
        return json.loads((self.path / "effects.json").read_text())

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_parquet(self.path / "predictions.parquet")

    def export(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.path / "exports" / f"{name}.parquet")


def finished(
    env: dict[str, str], out: Path, *args: object, draws: bool = False
) -> Finished:
    """A run that must end well."""
    known = set(out.glob("*/config.json"))
    result = train_on(env, out, *args, draws=draws)
    if result.exit_code != 0:
        raise AssertionError(f"{args} failed: {result.output}") from result.exception
    (config,) = set(out.glob("*/config.json")) - known
    return Finished(config.parent, result.stdout, result.stderr)


def trained(env: dict[str, str], out: Path, *args: object) -> Path:
    """Folder of a run that must end well."""
    return finished(env, out, *args).path


@contextmanager
def interrupted_after(model: str, epoch: int) -> Iterator[None]:
    """Ctrl-C as soon as the state of a model's epoch is on disk."""
    save = FitCheckpoints.save

    def save_and_stop(self, state, *args, **options) -> None:
        save(self, state, *args, **options)
        if (self.prefix.name, state.epoch) == (model, epoch):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FitCheckpoints, "save", save_and_stop)
        yield


def without_timings(value):
    """Metrics bar what differs from run to run by nature."""
    if isinstance(value, dict):
        return {k: without_timings(v) for k, v in value.items() if k not in TIMINGS}
    return [without_timings(v) for v in value] if isinstance(value, list) else value


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
