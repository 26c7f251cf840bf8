"""Seeds, and what a run needs to give the same bytes twice."""

import hashlib

import torch
from threadpoolctl import threadpool_limits


def derive(seed: int, *labels: str | int) -> int:
    """A seed of its own for each purpose and step, the same on every machine."""
    text = ":".join(str(part) for part in (seed, *labels))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def make_reproducible() -> None:
    """Let torch work on one CPU thread, for the rest of the process.

    How many threads share a sum decides its rounding, so results would depend on
    the machine's cores. The models are small: a second thread gains little, and
    on a busy machine it costs several times its share.
    """
    torch.set_num_threads(1)
    threadpool_limits(1)
