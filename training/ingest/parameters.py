"""A data set's parameters: the columns of the seed `datasets`, checked as it is."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, create_model

from training.errors import UserError
from training.files import project_root

FAMILIES = ("recommendation", "tracing")  # causal marts need event types of their own
_TYPES = {"string": str, "boolean": bool, "bigint": int, "double": float}
_MOST = 2**63 - 1  # that a database holds
_BOUNDS = {"minimum": "ge", "above": "gt", "below": "lt"}  # pydantic's names for them


@dataclass(frozen=True)
class Parameter:
    """One column of the seed.

    Args:
        default: what an own log gets; None where nothing is said.
        choices: the values it may have; empty where any will do.
        bounds: what a number may be: `ge`, `gt`, `lt` and their numbers.
    """

    name: str
    kind: str
    description: str
    default: Any
    choices: tuple[str, ...]
    bounds: Mapping[str, Any]

    def annotation(self) -> Any:
        """The type that pydantic checks."""
        kind = Literal[self.choices] if self.choices else _TYPES[self.kind]
        most = {"le": _MOST} if self.kind == "bigint" else {}
        if bounds := {**most, **self.bounds}:
            kind = Annotated[kind, Field(**bounds)]
        return kind if self.default is not None else kind | None


@cache
def parameters() -> dict[str, Parameter]:
    """The seed's columns but its name, in their order."""
    root = project_root("`moocmeta ingest`")
    path = root / "dbt_project" / "seeds" / "_seeds.yml"
    try:
        seed = yaml.safe_load(path.read_text(encoding="utf-8"))["seeds"][0]
        project = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8"))
        types = project["seeds"]["moocmeta"]["datasets"]["+column_types"]
    except (OSError, LookupError, yaml.YAMLError) as error:
        raise UserError(
            f"{path} says what a data set's parameters are, and cannot be read "
            f"({error}); restore it"
        ) from error
    found = {}
    for column in seed["columns"]:
        meta = column.get("config", {}).get("meta", {})
        if "default" not in meta:  # the data set's name
            continue
        found[column["name"]] = Parameter(
            name=column["name"],
            kind=types[column["name"]],
            description=" ".join(column["description"].split()),
            default=meta["default"],
            choices=tuple(meta.get("choices", ())),
            bounds={to: meta[at] for at, to in _BOUNDS.items() if at in meta},
        )
    return found


def built_in_names() -> list[str]:
    """Data sets that the seed describes."""
    path = project_root("`moocmeta ingest`") / "dbt_project" / "seeds" / "datasets.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row["dataset"] for row in csv.DictReader(file)]
    except (OSError, LookupError) as error:
        raise UserError(f"{path} cannot be read ({error}); restore it") from error


def settled(overrides: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Every parameter: its default, or what is given instead.

    Raises:
        UserError: an unknown parameter, or a value that it cannot have.
    """
    known = parameters()
    for key in overrides:
        if key not in known:
            raise UserError(
                f"{where}: unknown parameter {key}; known: {', '.join(known)}"
            )
    values = {key: overrides.get(key, known[key].default) for key in known}
    fields: dict[str, Any] = {
        key: (parameter.annotation(), ...) for key, parameter in known.items()
    }
    model = create_model("Parameters", __config__=ConfigDict(strict=True), **fields)
    try:
        return model.model_validate(values).model_dump()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = str(problem["loc"][0])
        message = problem["msg"][0].lower() + problem["msg"][1:]
        raise UserError(f"{where}: {key} is {values[key]!r}: {message}") from error


def assigned(assignments: Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` texts as values; a value is read as YAML."""
    values = {}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator or not key:
            raise UserError(
                f"--set {assignment}: write KEY=VALUE, such as session_gap_sec=3600"
            )
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"--set {assignment}: the value is no YAML") from error
    return values
