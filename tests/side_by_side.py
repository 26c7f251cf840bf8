"""Processes that find each other as those of `torchrun` do, without its start."""

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Forked:
    """A process that has all that this one has imported: importing costs the most."""

    pid: int

    def is_running(self) -> bool:
        return (
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        )

    def wait(self) -> int:
        """Its exit code, or minus the signal that ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def side_by_side(n_processes: int, task: Callable, *arguments: object) -> list[Forked]:
    """Start `task(*arguments)` in processes of every rank; wait for each of them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    group = {
        "WORLD_SIZE": str(n_processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    processes = []
    for rank in range(n_processes):
        if (pid := os.fork()) == 0:
            os.environ.update(group, RANK=str(rank))
            _leave(task, *arguments)
        processes.append(Forked(pid))
    return processes


def _leave(task: Callable, *arguments: object) -> None:
    """End this process with the task, and nothing of the test's."""
    code = 1
    try:
        task(*arguments)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
