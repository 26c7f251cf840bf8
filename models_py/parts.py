"""Batches dealt out to several processes, and noise that does not notice.

The gradient of a batch's mean loss is the sum of its parts' gradients, each times the
part's share of the batch. So that this holds under dropout too, every process draws the
noise of the whole batch, all from one seed, and uses the rows that are its own: to whom
a row was dealt changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Part:
    """One of several parts as equal as can be.

    Args:
        number: 0-based.
        of: how many there are.
    """

    number: int = 0
    of: int = 1

    def slice(self, n: int) -> slice:
        """Which of n things, side by side, are this part's."""
        return slice(n * self.number // self.of, n * (self.number + 1) // self.of)


@dataclass(frozen=True)
class Span:
    """Where a part lies: it begins at `start` of `total`."""

    start: int
    total: int


@dataclass(frozen=True)
class Dealt:
    """A part of a batch.

    Args:
        batch: of the same kind as the whole one, padded as that is.
        share: of the whole batch's weight, in [0, 1].
        spans: by the name that a `Dropout` is `over`, where the part's rows lie.
    """

    batch: Any
    share: float
    spans: Mapping[str, Span]


_SPANS: ContextVar[Mapping[str, Span]] = ContextVar("spans")


@contextmanager
def noise_of(spans: Mapping[str, Span]) -> Iterator[None]:
    """Let noise be that of a larger batch in which a part lies."""
    token = _SPANS.set(spans)
    try:
        yield
    finally:
        _SPANS.reset(token)


def drawn_like(x: Tensor, over: str, draw: Callable[[Tensor], Tensor]) -> Tensor:
    """Random numbers for each entry of `x`: the part's own of the whole batch's.

    Args:
        over: what the first dimension counts, such as `rows`.
        draw: fills a tensor in place and returns it.
    """
    span = _SPANS.get({}).get(over, Span(0, len(x)))
    whole = draw(x.new_empty(span.total, *x.shape[1:]))
    return whole[span.start : span.start + len(x)]


class Dropout(nn.Module):
    """Dropout (as `nn.Dropout`) whose noise is that of the whole batch.

    Args:
        p: share of entries silenced in training; None is none until it is settled.
        over: what the first dimension counts, such as `rows` or `targets`.
    """

    def __init__(self, p: float | None, over: str = "rows") -> None:
        super().__init__()
        self.p, self.over = p or 0.0, over

    def forward(self, x: Tensor) -> Tensor:
        """Entries silenced with probability p, the others scaled by 1 / (1 - p)."""
        if not self.training or self.p == 0:
            return x
        kept = 1 - self.p
        return x * drawn_like(x, self.over, lambda n: n.bernoulli_(kept).div_(kept))


def bounds(sizes: Tensor) -> list[int]:
    """Where things of these sizes, side by side, begin and the last one ends."""
    return functional.pad(sizes.cumsum(0), (1, 0)).tolist()


def rows_of(value: Any, rows: slice) -> Any:
    """A dataclass of tensors with the chosen rows of each."""
    return type(value)(**{name: each[rows] for name, each in vars(value).items()})
