"""`python -m training.fit_one RUN MODEL`: one of the processes that `Ahead` starts.

It ends when its standard input does: the process that started it holds the other end,
however that one ends.
"""

import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Fit one model of an unfinished run; exit code 1 where that did not work."""
    # nothing half-written stays when it is ended
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_end_with_input, daemon=True).start()
    # torch takes seconds to load, and the other process may be gone by then
    allocator, pipeline = (
        import_module(f"training.{name}") for name in ("allocator", "pipeline")
    )
    allocator.keep_freed_memory()
    run, name = sys.argv[1:]
    pipeline.fit_one(Path(run), name)


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
