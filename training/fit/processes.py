"""The processes that fit one line-up together: `torchrun` starts them, this joins them.

All of them run the same program on the same data. They meet where gradients are summed
and where scores are put together; only the main one, of rank 0, writes files.
"""

import importlib
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from training.errors import UserError

# from the first process's start to the last one's, libraries loaded
LONGEST_JOINING = timedelta(minutes=10)
# A lost process is noticed at once, by its closed connection; this is for those that
# hang. Others may take their time: `--repeat-splits` gives one process hours of work.
LONGEST_WAIT_MINUTES = 360


class Sliceable(Protocol):
    """What has slices of its own kind: tensors, lists, ranges."""

    def __getitem__(self, part: slice, /) -> Self: ...


Things = TypeVar("Things", bound=Sliceable)


@dataclass(frozen=True)
class World:
    """The processes of a run, seen from one of them; one alone unless they joined.

    Args:
        rank: number of this process, 0-based.
        size: how many processes there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def share(self, things: Things) -> Things:
        """What falls to this process where things are dealt out one by one."""
        return things[self.rank :: self.size]

    def all_reduce(self, values: Tensor) -> Tensor:
        """The sum of all processes' values, the same bits for each of them.

        Where every process fills in its own entries of zeros, this puts them together.

        Raises:
            LostProcess: another one has ended.
        """
        if self.size > 1:
            with _others_may_be_gone():
                dist.all_reduce(values)
        return values

    def broadcast(self, values: Tensor) -> Tensor:
        """The main process's values, in the place of one's own of the same shape.

        Raises:
            LostProcess: another one has ended.
        """
        if self.size > 1:
            with _others_may_be_gone():
                dist.broadcast(values, src=0)
        return values

    def broadcast_bytes(self, content: bytes) -> bytes:
        """The main process's bytes."""
        if self.size == 1:
            return content
        length = int(self.broadcast(torch.tensor(len(content))))
        values = torch.zeros(length, dtype=torch.uint8)
        if self.is_main and length:
            values = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return self.broadcast(values).numpy().tobytes()

    def barrier(self) -> None:
        """Wait until all have come so far, and see the files written before."""
        self.all_reduce(torch.zeros(1))


class LostProcess(UserError):
    """Another process of the run is gone."""


# what gloo and NCCL say of a connection, among all that they may complain of
_OF_CONNECTIONS = re.compile(
    r"connect|peer|socket|broken pipe|network|remote process", re.IGNORECASE
)
_OF_TIME = re.compile(r"timed? ?out", re.IGNORECASE)


@contextmanager
def _others_may_be_gone() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        message = str(error)
        if _OF_TIME.search(message):
            raise LostProcess(
                "another process of this run has not answered for too long, see "
                "MOOCMETA_WAIT_MINUTES"
            ) from error
        if _OF_CONNECTIONS.search(message):
            raise LostProcess("another process of this run has ended") from error
        raise


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """The processes that `torchrun` started, joined for the block; else this one alone.

    They speak by gloo on the CPU and by NCCL on CUDA devices, one of which each
    process of a machine takes.

    Raises:
        UserError: the processes do not find each other, or there are too few devices.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    backend = "gloo"
    if device.type == "cuda":
        backend = "cpu:gloo,cuda:nccl"
        _take_device(int(os.environ.get("LOCAL_RANK", "0")))
    longest_wait = _longest_wait()
    _load_what_would_keep_the_group()
    try:
        _meet(backend, longest_wait)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the {size} processes cannot join ({' '.join(str(error).split())[:200]}); "
            "start them with `torchrun --nproc-per-node N -m training.cli`"
        ) from error
    # torchrun ends the others with this signal once one of them is lost
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    world = World(dist.get_rank(), size)
    try:
        yield world
    except UserError as error:
        if world.is_main:
            raise
        raise UserError(f"process {world.rank}: {error}") from error
    finally:
        signal.signal(signal.SIGTERM, before)
        dist.destroy_process_group()


def _load_what_would_keep_the_group() -> None:
    """Import, before there is a group, the module that would hold it for good.

    Its functions take the group of the moment as a default argument, and whatever
    needs torch's compiler imports it. A group that is held outlives its destruction,
    and its threads the interpreter: one of them that then lets go of a tensor aborts
    the process long after its work was done.
    """
    importlib.import_module("torch.distributed.nn.functional")


def _meet(backend: str, longest_wait: timedelta) -> None:
    """Let the processes find each other: soon, however long they may wait later."""
    store, rank, size = next(dist.rendezvous("env://", timeout=LONGEST_JOINING))
    store.set(f"here/{rank}", "")
    store.wait([f"here/{other}" for other in range(size)], LONGEST_JOINING)
    dist.init_process_group(
        backend, store=store, rank=rank, world_size=size, timeout=longest_wait
    )


def _longest_wait() -> timedelta:
    text = os.environ.get("MOOCMETA_WAIT_MINUTES") or str(LONGEST_WAIT_MINUTES)
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise UserError(
            f"MOOCMETA_WAIT_MINUTES={text}: write a whole number of minutes, 1 or more"
        )
    return timedelta(minutes=int(text))


def _take_device(number: int) -> None:
    n_devices = torch.cuda.device_count()
    if number >= n_devices:
        raise UserError(
            f"more processes than CUDA devices ({n_devices}) on this machine; lower "
            "--nproc-per-node or use --device cpu"
        )
    torch.cuda.set_device(number)


def launched(program: str) -> list[str]:
    """The words by which a program was started, without its own options."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return [program]
    machines = os.environ.get("GROUP_WORLD_SIZE", "1")
    return [
        "torchrun",
        *(() if machines == "1" else ("--nnodes", machines)),
        *("--nproc-per-node", os.environ["LOCAL_WORLD_SIZE"], "-m", "training.cli"),
    ]
