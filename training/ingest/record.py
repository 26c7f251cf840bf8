"""`dataset.yml`: what an own log was made of, and the parameters its owner sets."""

import re
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


def written(record: dict[str, Any], earlier: str | None = None) -> str:
    """The record as YAML, each parameter under what it means.

    Args:
        earlier: the text that this one replaces: the lines of its parameters stay as
            their owner left them, comments and all, but for values that changed since.
    """
    facts = {key: value for key, value in record.items() if key != "parameters"}
    head = _HEAD.format(made_by=MADE_BY) + _yaml(facts)
    lines = (_parameter(*each) for each in record["parameters"].items())
    anew = f"{head}parameters:\n{''.join(lines)}"
    if earlier is None:
        return anew
    kept = head + _kept(earlier, record["parameters"])
    return kept if _says(kept) == _says(anew) else anew


def _parameter(name: str, value: Any) -> str:
    meaning = textwrap.wrap(parameters()[name].description, 84)
    lines = [f"  # {line}\n" for line in meaning]
    return "".join([*lines, textwrap.indent(_yaml({name: value}), "  ")])


def _kept(earlier: str, today: dict[str, Any]) -> str:
    """An earlier text from its parameters on, with the values of today."""
    start = re.search("^parameters:", earlier, re.MULTILINE)
    text = earlier[start.start() :].rstrip("\n") + "\n" if start else ""
    before = _says(earlier)["parameters"] or {}
    for name, value in today.items():
        if name not in before:  # not yet there when the file was written
            text += _parameter(name, value)
        elif before[name] != value:
            line = rf"^ +({name}: .*?)(?: +#.*)?$"
            found = re.search(line, text, re.MULTILINE)
            if found:  # else the file is written anew
                said = _yaml({name: value}).rstrip()
                text = text[: found.start(1)] + said + text[found.end(1) :]
    return text


def _says(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:  # an owner's layout that lines of ours do not fit
        return None


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
