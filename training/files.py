"""Files that appear whole or not at all, and their fingerprints."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.errors import UserError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def project_root(what: str) -> Path:
    """The repository, which holds the dbt project.

    Args:
        what: asks for it, such as an option.
    Raises:
        UserError: this is an install from a wheel, which does not carry it.
    """
    if not (PROJECT_ROOT / "dbt_project.yml").is_file():
        raise UserError(
            f"{what} needs the dbt project, which a wheel does not carry: clone the "
            "repository and `pip install -e .` there"
        )
    return PROJECT_ROOT


def data_dir() -> Path:
    """Folder that holds `raw/<dataset>/` and `truth/<dataset>/`."""
    return Path(os.environ.get("MOOCMETA_DATA_DIR") or "sample_data")


@contextmanager
def appearing_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it into place when the block ends well.

    Works for a file and for a folder that the block creates. When the block
    raises, nothing is left behind, no folder on the way there either, and what was
    there stays. An unwritable or full target is a `UserError`.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; choose a writable folder"
        ) from error
    try:
        yield scratch / path.name
        _put(scratch / path.name, path, aside=scratch / ".before")
    except OSError as error:
        ours = (str(scratch), str(path))
        if error.filename and not str(error.filename).startswith(ours):
            raise  # not about our output: an input that the block was reading
        remedy = "free some space or choose another folder"
        if isinstance(error, PermissionError):
            remedy = "choose a writable folder"
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; {remedy}"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not path.exists():
            _remove_empty(made)


def _put(new: Path, path: Path, aside: Path) -> None:
    """Move into place. A folder is in the way, and waits aside until that is done."""
    if not path.is_dir():
        new.replace(path)
        return
    path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, up to one that holds something."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    with appearing_whole(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON whole or not at all; NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
