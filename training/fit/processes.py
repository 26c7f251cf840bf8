"""The processes that fit one line-up together: `torchrun` starts them, this joins them.

All of them run the same program on the same data. They meet where gradients are added
up and where scores are put together; only the first one, the leader, writes files.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn

from models_py.parts import Dealt, Part
from training.errors import UserError

# from the first process's start to the last one's, libraries loaded
LONGEST_JOINING = timedelta(minutes=10)
# A lost process is noticed at once, by its closed connection; this is for those that
# hang. Others may take their time: `--repeat-splits` gives one process hours of work.
LONGEST_WAIT_MINUTES = 360


@dataclass(frozen=True)
class Team:
    """This process among those of a run; alone unless they were joined.

    Args:
        number: 0-based; the leader has 0.
        size: how many processes there are.
    """

    number: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.number == 0

    @property
    def part(self) -> Part:
        """This process's part of any work that is dealt out."""
        return Part(self.number, self.size)

    def own(self, batch: Any) -> Dealt:
        """This process's part of a batch.

        Where there are fewer rows than processes, some have somebody else's row with
        a share of 0: so all draw the same noise.
        """
        if self.size == 1:
            return Dealt(batch, 1.0, {})
        dealt = batch.deal(self.part)
        if dealt.batch.n_targets:
            return dealt
        for number in range(self.size):
            other = batch.deal(Part(number, self.size))
            if other.batch.n_targets:
                return Dealt(other.batch, 0.0, other.spans)
        return dealt

    def add_up(self, values: Tensor) -> Tensor:
        """The sum of all processes' values, the same bits for each of them.

        Where every process fills in its own entries of zeros, this puts them together.

        Raises:
            LostProcess: another one has ended.
        """
        if self.size > 1:
            with _others_may_be_gone():
                dist.all_reduce(values)
        return values

    def count(self, is_so: bool) -> int:
        """In how many processes something is so."""
        return int(self.add_up(torch.tensor(int(is_so))))

    def add_up_gradients(self, model: nn.Module, loss: Tensor) -> float:
        """Let every process have the sum of all gradients; the sum of the losses."""
        if self.size == 1:
            return loss.item()
        weights = list(model.parameters())
        pieces = [loss.detach().view(1)]
        pieces += [
            torch.zeros_like(w).flatten() if w.grad is None else w.grad.flatten()
            for w in weights
        ]
        # weights that no loss depends on have no gradient, which is not one of zeros
        pieces.append(loss.new_tensor([float(w.grad is not None) for w in weights]))
        total, *gradients, has_one = self.add_up(torch.cat(pieces)).split(
            [len(piece) for piece in pieces]
        )
        for weight, gradient, known in zip(
            weights, gradients, has_one.tolist(), strict=True
        ):
            weight.grad = gradient.view_as(weight) if known else None
        return total.item()

    def agreed(self, value: float) -> float:
        """The leader's value, so that all decide alike."""
        own = value if self.leads else 0.0
        return self.add_up(torch.tensor(own, dtype=torch.float64)).item()

    def told(self, text: str) -> str:
        """The leader's text."""
        return self.given(text.encode()).decode()

    def given(self, content: bytes) -> bytes:
        """The leader's bytes."""
        if self.size == 1:
            return content
        length = int(self.add_up(torch.tensor(len(content) if self.leads else 0)))
        padded = torch.zeros(length, dtype=torch.uint8)
        if self.leads and length:
            padded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return self.add_up(padded).numpy().tobytes()

    def wait(self) -> None:
        """Until all have come so far, and see the files written before."""
        self.add_up(torch.zeros(1))

    def deal(self, things: Sequence) -> Sequence:
        """This process's share of things that are done one by one."""
        return things[self.number :: self.size]


class LostProcess(UserError):
    """Another process of the team is gone."""


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
def joined(device: torch.device) -> Iterator[Team]:
    """The processes that `torchrun` started, joined for the block; else this one alone.

    They speak by gloo on the CPU and by NCCL on CUDA devices, one of which each
    process of a machine takes.

    Raises:
        UserError: the processes do not find each other, or there are too few devices.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team()
        return
    backend = "gloo"
    if device.type == "cuda":
        backend = "cpu:gloo,cuda:nccl"
        _take_device(int(os.environ.get("LOCAL_RANK", "0")))
    longest_wait = _longest_wait()
    try:
        _meet(backend, longest_wait)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the {size} processes cannot join ({' '.join(str(error).split())[:200]}); "
            "start them with `torchrun --nproc-per-node N -m training.cli`"
        ) from error
    # torchrun ends the others with this signal once one of them is lost
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    team = Team(dist.get_rank(), size)
    try:
        yield team
    except UserError as error:
        if team.leads:
            raise
        raise UserError(f"process {team.number}: {error}") from error
    finally:
        signal.signal(signal.SIGTERM, before)
        dist.destroy_process_group()


def leave(status: int) -> NoReturn:
    """End this process without taking down what its libraries' threads still hold.

    A thread that an orderly end finds running aborts the process now and then, long
    after its work is done, and `torchrun` takes that for a lost process of the run.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _meet(backend: str, longest_wait: timedelta) -> None:
    """Let the processes find each other: soon, however long they may wait later."""
    store, number, size = next(dist.rendezvous("env://", timeout=LONGEST_JOINING))
    store.set(f"here/{number}", "")
    store.wait([f"here/{other}" for other in range(size)], LONGEST_JOINING)
    dist.init_process_group(
        backend, store=store, rank=number, world_size=size, timeout=longest_wait
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
