"""`dataset.yml`: what an own log was made of, and the parameters its owner sets."""

import textwrap
from pathlib import Path
from typing import Any

import yaml

from training.errors import UserError
from training.ingest.parameters import parameters, settled

NAME = "dataset.yml"
MADE_BY = "moocmeta ingest"
_HEAD = """\
# Written by `{made_by}`. Change what stands under `parameters` and run `dbt build`
# again; the rest says where the rows come from.
"""


def written(record: dict[str, Any]) -> str:
    """The record as YAML, each parameter under what it means."""
    facts = {key: value for key, value in record.items() if key != "parameters"}
    lines = [_HEAD.format(made_by=MADE_BY), _yaml(facts), "parameters:\n"]
    for name, value in record["parameters"].items():
        meaning = parameters()[name].description
        lines += [f"  # {line}\n" for line in textwrap.wrap(meaning, 84)]
        lines.append(textwrap.indent(_yaml({name: value}), "  "))
    return "".join(lines)


def _yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)


def read(path: Path) -> dict[str, Any]:
    """A record that an earlier ingest wrote, its parameters checked.

    Raises:
        UserError: it cannot be read, is none of ours, or a parameter is not right.
    """
    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is no YAML: {reason}") from error
    wanted = ("form", "mapping", "files", "rows", "parameters")
    if not isinstance(record, dict) or not all(key in record for key in wanted):
        raise UserError(f"{path} was not written by `{MADE_BY}`; restore it")
    record["parameters"] = settled(record["parameters"] or {}, str(path))
    return record
