"""Other processes fit the last models of a line-up while this one fits the first.

Each fits one model into the run's state and ends. This process then takes the fit up
as it would after an interruption, so all that depends on the others is time: whatever
goes wrong over there is met again here, and said.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch

from models_py import registry
from training.progress import progress_bar
from training.runs import Run

# behind it run and model; `-P`: what lies in the working directory is not ours
COMMAND = (sys.executable, "-P", "-m", "training.fit_one")
MOST_JOBS = 4  # by default: each of them holds the marts
# a process takes about so long to start: shorter runs are over before it would help
START_AFTER = 5.0  # seconds
ENDING = 5.0  # seconds that a process may take to end when it is asked to


def default_jobs(device: torch.device) -> int:
    """One process a core that this one may use, `MOST_JOBS` at most; on CUDA one."""
    if device.type != "cpu":
        return 1
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return min(len(os.sched_getaffinity(0)), _cores_granted(), MOST_JOBS)
    return min(os.cpu_count() or 1, MOST_JOBS)


def _cores_granted(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores' worth of time that a container may take on Linux, `MOST_JOBS` if any."""
    try:
        granted, period = quota.read_text().split()
        return max(int(granted) // int(period), 1)
    except (OSError, ValueError):  # none is set, or it is no Linux of today
        return MOST_JOBS


def bases_of(
    lineup: Iterable[str], settings: Mapping[str, Any]
) -> dict[str, str | None]:
    """Models that are fitted by steps, each with the network it wants trained first."""
    return {
        name: settings[name].base if registry.MODELS[name].wraps == "trained" else None
        for name in lineup
        if registry.is_fitted_by_steps(name)
    }


class Ahead:
    """Fits of a run, dealt out to this process and to others.

    Args:
        run: keeps their state.
        bases: the models that may be dealt out, in the order of the line-up, each with
            the one that must be fitted before it, if any.
        n_jobs: most processes at a time, this one among them.
    """

    def __init__(self, run: Run, bases: Mapping[str, str | None], n_jobs: int) -> None:
        self._run, self._bases = run, bases
        self._open = list(bases)  # nobody has begun them
        self._busy: dict[str, subprocess.Popen] = {}
        self._done: set[str] = set()
        self._failed: set[str] = set()
        self._is_over = False
        self._changed = threading.Condition()
        n_others = min(n_jobs, len(bases)) - 1  # the first model is this process's
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(n_others)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End the other processes; what they have not finished can be taken up."""
        with self._changed:
            self._is_over = True
            busy = list(self._busy.values())
            self._changed.notify_all()
        for process in busy:
            process.terminate()
        for process in busy:
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def turn(self, state: Path, *, progress: bool = False) -> Iterator[None]:
        """While this process fits a model; waits until no other one does.

        Args:
            state: of the fit. One that does not lie in the run's state is another fit
                of that model, on other data perhaps.
            progress: show that it waits, if stderr is a terminal.
        """
        if state.parent != self._run.state:
            yield
            return
        name = state.name
        with self._changed:
            if name in self._open:
                self._open.remove(name)
            if name in self._busy:
                self._wait_for(name, progress)
        if name in self._failed:
            sys.stderr.write(f"{name}: another process did not fit it, this one does\n")
        yield
        with self._changed:
            self._done.add(name)
            self._changed.notify_all()

    def _wait_for(self, name: str, progress: bool) -> None:
        with progress_bar(
            title=f"{name}, fitted by another process:",
            is_shown=progress,
            leave=False,
            bar_format="{desc} {elapsed}",
        ) as bar:
            while not self._changed.wait_for(lambda: name not in self._busy, timeout=1):
                bar.refresh()

    def _work(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, timeout=START_AFTER)
        while begun := self._begun():
            name, process = begun
            with process:
                is_fitted = process.wait() == 0
            with self._changed:
                del self._busy[name]
                (self._done if is_fitted else self._failed).add(name)
                self._changed.notify_all()

    def _begun(self) -> tuple[str, subprocess.Popen] | None:
        """The next fit of another process, as soon as there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or not self._open or self._next()
            )
            name = self._next()
            if self._is_over or name is None:
                return None
            try:
                process = subprocess.Popen(
                    [*COMMAND, self._run.path.absolute(), name],
                    stdin=subprocess.PIPE,  # it ends when this process does
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                )
            except OSError:  # no room for another one: all is left to this process
                return None
            self._open.remove(name)
            self._busy[name] = process
            return name, process

    def _next(self) -> str | None:
        """The last model that nobody has begun and that waits for no other one."""
        over = (None, *self._done)
        return next((n for n in reversed(self._open) if self._bases[n] in over), None)
