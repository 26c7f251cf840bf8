"""Freed memory stays with the process: what is taken and given back all day costs.

A training step allocates the same large blocks again and again. glibc maps blocks of
128 KiB and more one by one and unmaps them when they are freed, so the kernel clears
the same pages over and over: up to a third of a run's CPU time.
"""

import ctypes

# names and numbers of <malloc.h>
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_FROM_HEAP = 32 << 20  # bytes; glibc takes no larger threshold
MOST_KEPT = 512 << 20  # bytes at the heap's end that wait to be used again


def keep_freed_memory() -> None:
    """Set the thresholds of glibc's allocator; elsewhere nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # no glibc
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP)
    mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
