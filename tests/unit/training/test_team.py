"""Processes side by side take the steps that one would."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.steps_taken import steps_of
from training.files import PROJECT_ROOT
from training.team import Team, launched


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[dict[str, np.ndarray]]:
    """What each of three processes saw."""
    folder = tmp_path_factory.mktemp("steps")
    command = [Path(sys.executable).parent / "torchrun", "--standalone"]
    command += ["--nproc-per-node", "3", "-m", "tests.unit.training.steps_taken"]
    done = subprocess.run(
        [*command, folder],
        cwd=PROJECT_ROOT,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [dict(np.load(folder / f"{number}.npz")) for number in range(3)]


def test_all_hear_the_leader(found):
    for each in found:
        assert str(each["said"]) == "a word of the leader"
        assert float(each["agreed"]) == 0.1


@pytest.mark.parametrize("name", ["gru", "sasrec"])
def test_all_have_the_same_weights_after_every_step(found, name):
    first, *others = (each[f"{name}_weights"] for each in found)
    assert len(first) > 10
    for other in others:
        assert np.array_equal(first, other)


@pytest.mark.parametrize("name", ["gru", "sasrec"])
def test_every_step_is_that_of_one_process(found, name):
    alone = steps_of(name, Team())
    for what in ("losses", "gradients"):
        assert np.abs(alone[what]).max() > 0.01
        assert np.abs(found[0][f"{name}_{what}"] - alone[what]).max() < 1e-5


def test_the_command_is_what_was_typed(monkeypatch):
    assert launched("moocmeta-train") == ["moocmeta-train"]
    for name, value in (
        ("TORCHELASTIC_RUN_ID", "none"),
        ("GROUP_WORLD_SIZE", "2"),
        ("LOCAL_WORLD_SIZE", "4"),
    ):
        monkeypatch.setenv(name, value)
    assert launched("cli.py") == [
        *("torchrun", "--nnodes", "2", "--nproc-per-node", "4", "-m", "training.cli")
    ]
