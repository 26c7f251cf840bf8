"""Run folders: where a run writes, how it is found again, what it was made of."""

import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.files import sha256_of, write_json

INDEX = "index.jsonl"
STATE = "state"  # what an unfinished run needs to go on; gone when it is done
PACKAGES = ("moocmeta", "torch", "numpy", "scipy", "duckdb", "pyarrow", "dbt-core")


@dataclass(frozen=True)
class Run:
    """One run folder."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def state(self) -> Path:
        """Folder of the resumable state."""
        return self.path / STATE

    @property
    def is_done(self) -> bool:
        """Whether the run wrote its manifest, the last of its files."""
        return (self.path / "manifest.json").is_file()

    def checkpoint(self, model: str) -> Path:
        """Where a model's weights lie."""
        return self.path / "checkpoints" / f"{model}.safetensors"

    def seal(self, name: Path) -> None:
        """Renew a file's line in the manifest, where both are there."""
        path, manifest = self.path / name, self.path / "manifest.json"
        if not path.is_file() or not manifest.is_file():
            return
        content = self.read_json("manifest.json")
        fingerprint = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        content.setdefault("artifacts", {})[name.as_posix()] = fingerprint
        write_json(manifest, content)

    @property
    def remedy(self) -> str:
        """What to do about a run that was stopped."""
        path = shlex.quote(str(self.path))
        return f"go on with `moocmeta-train --resume {path}`"

    def read_json(self, name: str) -> Any:
        """One of the run's JSON files.

        Raises:
            UserError: the file is missing or damaged.
        """
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            why = (
                "is gone, though the run finished; restore it or train anew"
                if self.is_done
                else f"is missing: the run did not finish; {self.remedy}"
            )
            raise UserError(f"{path} {why}") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is damaged ({error}); train anew") from error


def start_run(root: Path, mart: str, dataset: str) -> Run:
    """Make a new run folder; two runs in one second get different names."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for suffix in _suffixes():
        path = root / f"{stamp}-{dataset}-{mart}{suffix}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not root.is_dir():
                raise UserError(f"--out {root} is a file; name a folder") from None
            continue
        except OSError as error:
            raise UserError(
                f"cannot write to --out {root}: {error.strerror}; "
                "choose a writable folder"
            ) from error
        return Run(path)
    raise UserError(f"--out {root} holds too many runs of this second")


def _suffixes() -> Iterator[str]:
    yield ""
    yield from (f"-{n}" for n in range(2, 1000))


def resolve_run(run: str, root: Path, *, finished: bool = True) -> Path:
    """Folder of a run given as a path, an id under `root`, or `latest`.

    Args:
        finished: whether `latest` passes over runs that have not finished.
    Raises:
        UserError: there is no such run; the message names the newest ones.
    """
    known = run_ids(root, "manifest.json" if finished else "config.json")
    if run == "latest":
        if not known:
            raise UserError(f"no runs under {root} yet: run `moocmeta-train` first")
        return root / known[-1]
    for candidate in (Path(run), root / run):
        if (candidate / "config.json").is_file():
            return candidate
    newest = ", ".join(known[-3:]) or "none yet"
    raise UserError(f"no run {run} under {root}; newest runs: {newest}")


def run_ids(root: Path, marker: str) -> list[str]:
    """Ids of the runs that hold the file `marker`, oldest first, -2 before -10."""
    done = [path.parent for path in root.glob(f"*/{marker}")]
    natural = [
        [
            int(part) if part.isdigit() else part
            for part in re.split(r"(\d+)", path.name)
        ]
        for path in done
    ]
    return [path.name for _, path in sorted(zip(natural, done, strict=True))]


def finish(run: Run, metrics: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Index the run, seal its folder with the manifest, drop the resumable state.

    In this order: who resumes what was stopped before the manifest fits nothing again.

    Args:
        metrics: content of `metrics.json`.
        inputs: rows and SHA-256 of each mart the run read.
    """
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    artifacts = sorted(
        path
        for path in run.path.rglob("*")
        if path.is_file() and run.state not in path.parents
    )
    manifest = {
        "run_id": run.run_id,
        "created_at": created_at,
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "artifacts": {
            path.relative_to(run.path).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": sha256_of(path),
            }
            for path in artifacts
        },
        "inputs": inputs,
    }
    line = {
        **{key: metrics[key] for key in ("run_id", "mart", "dataset", "seed")},
        "created_at": created_at,
        "command": metrics["command"],
        "test": {name: model["test"] for name, model in metrics["models"].items()},
    }
    _append(run.path.parent / INDEX, line)
    write_json(run.path / "manifest.json", manifest)
    drop_state(run)


def drop_state(run: Run) -> None:
    """Remove what only an unfinished run needs."""
    shutil.rmtree(run.state, ignore_errors=True)


def _append(path: Path, line: dict[str, Any]) -> None:
    """One line a run; a single write, so that two runs cannot mix theirs."""
    text = json.dumps(line, ensure_ascii=False) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; free some space"
        ) from error
    finally:
        os.close(descriptor)


def read_index(root: Path) -> list[dict[str, Any]]:
    """The runs recorded under `root`, oldest first, each by its latest line."""
    path = root / INDEX
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        for line in lines:
            if not (isinstance(line, dict) and line.get("run_id") and line.get("test")):
                raise ValueError(f"{str(line)[:40]} is no run")
        return list({line["run_id"]: line for line in lines}.values())
    except ValueError as error:
        raise UserError(
            f"{path} is damaged ({error}); remove its broken line"
        ) from error
