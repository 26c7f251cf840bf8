"""What an ingest refuses before it reads a row: names, folders, files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.ingest import record
from training.ingest.settling import Request
from training.ingest.sources import Source

LONGEST_NAME = 100  # files and folders have it in theirs


def check_name(dataset: str, built_in: Sequence[str]) -> None:
    """Refuse a name that a data set cannot have.

    Raises:
        UserError: it is not of the form, or a built-in data set has it.
    """
    if len(dataset) > LONGEST_NAME:
        raise UserError(
            f"a name of {len(dataset)} letters is too long for a folder's; use at most "
            f"{LONGEST_NAME}"
        )
    if not re.fullmatch("[a-z][a-z0-9_]*", dataset):
        raise UserError(
            f"{dataset} is no name of a data set: write small letters, digits and _, "
            "a letter first"
        )
    if dataset in built_in:
        raise UserError(
            f"{dataset} is a built-in data set: lay its publisher's files in "
            f"raw/{dataset}/, or choose another name"
        )


def earlier_record(request: Request, folder: Path) -> dict[str, Any] | None:
    """What stands there already, if it is to be added to."""
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    ours = sorted((record.NAME, f"{request.dataset}.parquet"))
    if not request.append:
        if held or folder.exists():
            raise UserError(
                f"{folder} is taken: add files to it with --append, or remove the "
                "folder, or choose another name"
            )
        return None
    if not held:
        raise UserError(f"--append: {folder} holds no log yet; leave out --append")
    if held != ours:
        raise UserError(
            f"--append: {folder} must hold {' and '.join(ours)} and nothing else; it "
            f"holds {', '.join(held)}"
        )
    return record.read(folder / record.NAME)


def refuse_copies(sources: Sequence[Source], earlier: Mapping[str, Any] | None) -> None:
    """Refuse a file that is read already, told by its content."""
    seen = (
        {file["sha256"]: file["name"] for file in earlier["files"]} if earlier else {}
    )
    for source in sources:
        if source.sha256 in seen:
            what = f"{source.path} is in it already, as {seen[source.sha256]}"
            raise UserError(f"{what}; name each file once")
        seen[source.sha256] = source.path.name


def refuse_other_columns(sources: Sequence[Source]) -> None:
    """Refuse files of several exports."""
    first = sources[0]
    for source in sources[1:]:
        if set(source.columns) == set(first.columns):
            continue
        lacks = [column for column in first.columns if column not in source.columns]
        more = [column for column in source.columns if column not in first.columns]
        told = [f"lacks {', '.join(lacks)}"] if lacks else []
        told += [f"has {', '.join(more)} too"] if more else []
        raise UserError(
            f"{source.path} has other columns than {first.path}: it "
            f"{' and '.join(told)}; ingest files of one export"
        )
