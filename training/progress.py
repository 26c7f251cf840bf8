"""Progress bars: on a terminal only, since in a file they are noise."""

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

Bar = tqdm


def progress_bar(
    things: Iterable | None = None,
    title: str | None = None,
    *,
    is_shown: bool,
    **options: Any,
) -> Bar:
    """A bar on stderr, where that is a terminal.

    Args:
        things: what to go through; None for a bar that is moved by hand.
        is_shown: False draws none there either.
        options: of `tqdm`.
    """
    # None lets it ask whether stderr is a terminal
    return Bar(things, title, disable=None if is_shown else True, **options)
