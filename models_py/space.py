"""What a setting may be where it is searched for; declared beside the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Between:
    """Any number from `low` to `high`, evenly by its logarithm where `is_log`."""

    low: float
    high: float
    is_log: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of some values."""

    values: tuple[Any, ...]


Space = Mapping[str, Between | OneOf]
"""By a setting's dotted name, such as `optimiser.learning_rate`."""


def with_settings(config: Any, values: Mapping[str, Any]) -> Any:
    """A dataclass of settings with some replaced, by their dotted names.

    Raises:
        ValueError: they do not go together.
    """
    own: dict[str, Any] = {}
    for name, value in values.items():
        first, _, rest = name.partition(".")
        inner = own.get(first, getattr(config, first))
        own[first] = with_settings(inner, {rest: value}) if rest else value
    is_settings = is_dataclass(config) and not isinstance(config, type)
    return replace(config, **own) if is_settings else config
