"""Processes side by side take the steps that one would."""

import socket
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.side_by_side import side_by_side
from tests.unit.training.steps_taken import steps_of, write_steps
from training.errors import UserError
from training.fit.processes import LostProcess, World, joined, launched


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[dict[str, np.ndarray]]:
    """What each of three processes saw."""
    folder = tmp_path_factory.mktemp("steps")
    processes = side_by_side(3, write_steps, folder)
    assert [process.wait() for process in processes] == [0, 0, 0]
    return [dict(np.load(folder / f"{number}.npz")) for number in range(3)]


def test_all_have_what_the_main_process_broadcasts(found):
    for each in found:
        assert str(each["text"]) == "a word of rank 0"
        assert float(each["value"]) == 0.1


@pytest.mark.parametrize("name", ["gru", "sasrec"])
def test_all_have_the_same_weights_after_every_step(found, name):
    first, *others = (each[f"{name}_weights"] for each in found)
    assert len(first) > 10
    for other in others:
        assert np.array_equal(first, other)


@pytest.mark.parametrize("name", ["gru", "sasrec"])
def test_every_step_is_that_of_one_process(found, name):
    alone = steps_of(name, World())
    for what in ("losses", "gradients"):
        assert np.abs(alone[what]).max() > 0.01
        assert np.abs(found[0][f"{name}_{what}"] - alone[what]).max() < 1e-5


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="names of threads")
def test_no_thread_of_the_group_outlives_it(found):
    for each in found:
        assert len(each["threads"]) > 0
        assert not [name for name in each["threads"] if "gloo" in name]


def test_all_take_a_fit_up_where_the_main_process_finds_it(found):
    for each in found:
        assert each["taken_up_epoch"] == 1
        assert np.array_equal(each["taken_up_weights"], found[0]["taken_up_weights"])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Connection closed by peer [127.0.0.1]:4242", "has ended"),
        ("NCCL error: remote process exited or there was a network error", "has ended"),
        ("Timed out waiting 1800000ms for recv operation", "MOOCMETA_WAIT_MINUTES"),
        ("Invalid scalar type", None),
    ],
)
def test_only_what_is_about_others_is_said_of_them(monkeypatch, message, words):
    def fails(values):
        raise RuntimeError(message)

    monkeypatch.setattr("torch.distributed.all_reduce", fails)
    with pytest.raises(RuntimeError if words is None else LostProcess) as caught:
        World(0, 2).barrier()
    assert (words or message) in str(caught.value)


def test_a_process_waits_for_the_others_only_so_long(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for name, value in (
        *(("WORLD_SIZE", "2"), ("RANK", "0")),
        *(("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", str(port))),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("training.fit.processes.LONGEST_JOINING", timedelta(seconds=1))
    cannot, wrong = "the 2 processes cannot join", "MOOCMETA_WAIT_MINUTES=soon: write"
    with pytest.raises(UserError, match=cannot), joined(torch.device("cpu")):
        pass
    monkeypatch.setenv("MOOCMETA_WAIT_MINUTES", "soon")
    with pytest.raises(UserError, match=wrong), joined(torch.device("cpu")):
        pass


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
