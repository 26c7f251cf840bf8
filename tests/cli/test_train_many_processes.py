"""`torchrun -m training.cli`: several processes fit what one would."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.command_line import (
    MARS,
    SMALL,
    assert_one_line,
    files_under,
    options_of,
    train_into,
    train_on,
    trained,
)
from tests.side_by_side import side_by_side
from training.files import PROJECT_ROOT
from training.fit.processes import LostProcess, World

# nothing is noisy in here: noise is each process's own
LINEUP = (
    *(*MARS, *SMALL, *options_of("--model", "gru", "anil_warm")),
    *("--set", "models.gru.dropout=0"),
    *options_of("--set", "models.anil_warm.validate_every=3"),
    *options_of("--set", "models.anil_warm.tasks_per_step=3"),
)


def torchrun(
    env: dict[str, str], out: Path, *options: object
) -> subprocess.CompletedProcess:
    """Two processes on this machine, speaking over the loopback."""
    command = [Path(sys.executable).parent / "torchrun", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "training.cli", *options]
    return subprocess.run(
        [str(word) for word in [*command, "--out", out, "--quiet"]],
        cwd=PROJECT_ROOT,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", **env},
        capture_output=True,
        text=True,
    )


def metrics_of(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


def assert_fitted_alike(one: Path, two: Path) -> None:
    """Same losses to 1e-5 in every epoch, hence the same steps; same decisions."""
    ours, theirs = metrics_of(one)["models"], metrics_of(two)["models"]
    assert list(ours) == list(theirs)
    for name, model in ours.items():
        other = theirs[name]
        assert model.get("best_epoch") == other.get("best_epoch"), name
        history, again_history = (m.get("history", []) for m in (model, other))
        for epoch, again in zip(history, again_history, strict=True):
            assert epoch["loss"] == pytest.approx(again["loss"], abs=1e-5), name
        assert model["test"] == pytest.approx(other["test"], abs=5e-3), name


def test_torchrun_makes_one_run_of_two_processes(tmp_path, built_project):
    process = torchrun(built_project.env, tmp_path, *MARS, "--model", "popularity")
    assert process.returncode == 0, process.stderr
    (run,) = tmp_path.glob("*/")
    assert process.stdout.endswith(f"\n{run}/report.html\n")
    assert process.stdout.count("report.html") == 1  # one process speaks
    assert len((tmp_path / "index.jsonl").read_text().splitlines()) == 1
    found = metrics_of(run)
    assert found["n_processes"] == 2
    assert found["command"].startswith(
        "torchrun --nproc-per-node 2 -m training.cli --mart"
    )


def test_two_processes_fit_what_one_would(tmp_path, built_project):
    options = (*LINEUP, "--epochs", "2")
    one = trained(built_project.env, tmp_path / "one", *options)
    log, out = tmp_path / "said", tmp_path / "two"
    both = side_by_side(2, train_into, log, built_project.env, out, *options)
    assert [process.wait() for process in both] == [0, 0], log.read_text()
    (two,) = out.glob("*/")
    assert files_under(two) == files_under(one)
    assert [metrics_of(run)["n_processes"] for run in (one, two)] == [1, 2]
    assert_fitted_alike(one, two)
    rows = [pd.read_parquet(run / "predictions.parquet") for run in (one, two)]
    numbers = rows[0].select_dtypes("number").columns
    assert rows[0].drop(columns=numbers).equals(rows[1].drop(columns=numbers))
    assert np.mean(rows[0]["rank"] == rows[1]["rank"]) > 0.99


def test_a_killed_process_leaves_a_resumable_run(tmp_path, built_project):
    # two processes draw other noise than one
    still = (*SMALL, "--set", "models.gru.dropout=0")
    options = (*MARS, *still, "--model", "gru", "--epochs", "4")
    forever = ("--set", "models.gru.optimiser.patience=1000", "--epochs", "1000")
    log = tmp_path / "said"
    main, second = side_by_side(
        2, train_into, log, built_project.env, tmp_path / "runs", *options, *forever
    )
    while main.is_running() and not list(tmp_path.glob("*/*/state/*.safet*")):
        time.sleep(0.05)
    os.kill(second.pid, signal.SIGKILL)
    assert second.wait() == -signal.SIGKILL
    assert main.wait() == 1
    complained = log.read_text()
    (run,) = (tmp_path / "runs").iterdir()
    assert complained.startswith("Error: ")
    assert complained.endswith(f"; go on with `moocmeta-train --resume {run}`\n")
    assert complained.count("\n") == 1
    assert {name.split("/")[0] for name in files_under(run)} == {"config.json", "state"}

    config = json.loads((run / "config.json").read_text())
    # enough: a fit may go on for other epochs
    config["models"]["gru"]["optimiser"] |= {"patience": 4, "epochs": 400}
    (run / "config.json").write_text(json.dumps(config))
    assert (
        train_on(built_project.env, tmp_path / "runs", "--resume", run).exit_code == 0
    )
    alone = trained(built_project.env, tmp_path / "alone", *options)
    ours, theirs = (metrics_of(r)["models"]["gru"]["history"] for r in (run, alone))
    for epoch, again in zip(ours, theirs, strict=False):
        assert epoch["loss"] == pytest.approx(again["loss"], abs=1e-4)


def test_processes_that_cannot_join_say_so(tmp_path, built_project):
    env = {**built_project.env, "WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": ""}
    result = train_on(env, tmp_path, *MARS, "--model", "gru")
    assert_one_line(result, "the 2 processes cannot join", "torchrun")
    assert files_under(tmp_path) == []


class _OfTwo(World):
    """The main one of two processes, whose other one is made up."""

    def broadcast(self, values):
        return values


class _Alone(_OfTwo):
    def all_reduce(self, values):
        raise LostProcess("another process of this run has ended")


class _Otherwise(_OfTwo):
    def all_reduce(self, values):
        return values + 1


@pytest.mark.parametrize(
    ("world", "fragment"),
    [
        (_Alone(0, 2), "another process of this run has ended; start the run again"),
        (_Otherwise(0, 2), "1 of 2 processes read other data from "),
    ],
)
def test_what_goes_wrong_before_the_run_leaves_no_folder(
    tmp_path, built_project, monkeypatch, world, fragment
):
    monkeypatch.setattr("training.pipeline.joined", lambda device: nullcontext(world))
    result = train_on(built_project.env, tmp_path, *MARS, "--model", "popularity")
    assert_one_line(result, fragment)
    assert files_under(tmp_path) == []


def test_a_process_lost_as_the_run_begins_leaves_no_folder(
    tmp_path, built_project, monkeypatch
):
    class Lost(_OfTwo):
        def broadcast_bytes(self, content):
            if str(tmp_path).encode() in content:
                raise LostProcess("another process of this run has ended")
            return content

        def all_reduce(self, values):
            return values

    world = Lost(0, 2)
    monkeypatch.setattr("training.pipeline.joined", lambda device: nullcontext(world))
    result = train_on(built_project.env, tmp_path, *MARS, "--model", "popularity")
    assert_one_line(result, "has ended; start the run again")
    assert files_under(tmp_path) == []
