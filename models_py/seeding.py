"""Random numbers that neither leak out of a block nor listen in to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block on freshly seeded torch generators; restore them afterwards."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def seeds_of(settings: Any) -> dict[str, int]:
    """The seeds of a model's settings and of its parts', by dotted name.

    Args:
        settings: a dataclass.
    """
    found: dict[str, int] = {}
    for each in fields(settings):
        value = getattr(settings, each.name)
        if is_dataclass(value):
            inner = seeds_of(value)
            found |= {f"{each.name}.{name}": seed for name, seed in inner.items()}
        elif each.name == "seed":
            found["seed"] = value
    return found
