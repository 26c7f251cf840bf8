"""Plain values, as files and options hold them, and the settings made of them."""

import dataclasses
import json
import math
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ConfigDict, ValidationError, create_model

from training.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")


def checked(kind: type[Settings], values: Any, where: str) -> Settings:
    """Make a settings dataclass from plain values, refusing what does not fit.

    Raises:
        UserError: names the key and the problem, in one line.
    """
    try:
        text = json.dumps({"value": values}, allow_nan=False)
        return _validator(kind).model_validate_json(text).value
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"][1:])
        if problem["type"] == "unexpected_keyword_argument":
            known = ", ".join(item.name for item in dataclasses.fields(kind))
            raise UserError(f"{where}: unknown key {key}; known: {known}") from error
        message = problem["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {key or 'settings'}: {message}") from error
    except (TypeError, ValueError) as error:
        if keys := ", ".join(_without_end(values)):
            raise UserError(f"{where}: {keys}: write a finite number") from error
        raise UserError(f"{where}: {error}") from error


def _without_end(values: Any) -> list[str]:
    """Dotted keys of numbers that are not finite."""
    if isinstance(values, float) and not math.isfinite(values):
        return [""]
    inner = values.items() if isinstance(values, dict) else ()
    return [f"{k}.{key}".rstrip(".") for k, v in inner for key in _without_end(v)]


@cache
def _validator(kind: type) -> Any:
    strict = ConfigDict(extra="forbid", strict=True)
    return create_model(kind.__name__, __config__=strict, value=(kind, ...))


def overlaid(below: Any, above: Any) -> Any:
    """The values above over those below, at every depth."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    inner = {key: overlaid(below.get(key), value) for key, value in above.items()}
    return {**below, **inner}


class _Yaml(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, as in 1.2; in 1.1 it is a text."""


_Yaml.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values of a settings file.

    Raises:
        UserError: it is unreadable or holds something else.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Yaml)
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--config {path} is no YAML: {reason}") from error
    if not isinstance(values or {}, dict):
        raise UserError(f"--config {path} must hold keys and values")
    return values or {}


def as_yaml(values: dict[str, Any]) -> str:
    """Settings as `read_yaml` takes them, in their own order."""
    plain = json.loads(json.dumps(values))  # YAML knows no tuples
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def assigned(assignments: Iterable[str]) -> dict[str, Any]:
    """Nested values of `KEY.KEY=VALUE` texts; values are read as YAML.

    Raises:
        UserError: one of them has another form.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        _assign(values, assignment)
    return values


def _assign(inner: dict[str, Any], assignment: str) -> None:
    key, separator, text = assignment.partition("=")
    if not separator or not key:
        raise UserError(f"--set {assignment}: write KEY=VALUE, such as seed=7")
    try:
        value = yaml.load(text, _Yaml)
    except yaml.YAMLError as error:
        raise UserError(f"--set {assignment}: the value is no YAML") from error
    *parents, last = key.split(".")
    for parent in parents:
        inner = inner.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {assignment}: {parent} holds no keys")
    inner[last] = value
