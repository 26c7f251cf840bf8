"""A whole run: marts in, run folder out."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from models_py.fitting import Diverged
from training import runs
from training.config import TrainConfig
from training.errors import UserError
from training.families import Family, family_of
from training.files import write_json
from training.fit.ahead import Ahead, bases_of, default_jobs
from training.fit.job import Job
from training.fit.processes import LostProcess, World, joined
from training.fit.seeds import make_reproducible
from training.marts.opening import Marts, choose_dataset, marts_path, open_marts
from training.report.page import REPORT_NAME, write_report
from training.settings import checked


def start(
    config: TrainConfig,
    out: Path,
    *,
    command: str,
    progress: bool,
    n_jobs: int | None = None,
) -> dict[str, Any] | None:
    """Train and evaluate a line-up in a new run folder under `out`.

    Args:
        command: what the user typed, kept to repeat the run.
        progress: show bars on stderr if that is a terminal.
        n_jobs: processes that fit models side by side, changes no result; None takes
            one a core, four at most, and where several processes fit each model, or
            on CUDA, this one alone.
    Returns:
        The content of `metrics.json`; None in all processes but the main one.
    Raises:
        UserError: a setting, a mart or the folder is not usable (no folder is left
            then), or a fit failed (its folder can be resumed).
    """
    device = config.torch_device()
    config.check_models()  # before processes wait for each other
    with joined(device) as world:
        with _if_stopped("start the run again"):
            config, family = resolved(config)
            source = marts_path(config.mart_dir)
            marts = family.load(source, config.mart, config.dataset)
            # what cannot be trained on leaves no file
            family.check(marts, config)
            _require_same_marts(world, marts, source)
            settings = {
                "command": command,
                "marts": str(source),
                **_recorded(config),
                "inputs": marts.fingerprints,
            }
            run = _new_run(world, out, marts, settings)
        models = config.settings(family.name)
        shown = progress and world.is_main
        job = Job(config, models, marts, run, device, shown, world)
        return _go(job, family, command, n_jobs)


def resolved(config: TrainConfig) -> tuple[TrainConfig, Family[Any]]:
    """All that a run would use, written out, and the family of its mart.

    Raises:
        UserError: a setting or the mart is not usable.
    """
    device = config.torch_device()
    config.check_models()
    source = marts_path(config.mart_dir)
    family = family_of(source, config.mart)
    _require_known_repeats(config, family)
    config = config.resolved(family.name)
    with open_marts(source) as connection:
        dataset = choose_dataset(connection, source, config.mart, config.dataset)
    kind: Literal["cpu", "cuda"] = "cuda" if device.type == "cuda" else "cpu"
    return replace(config, dataset=dataset, device=kind), family


def _recorded(config: TrainConfig) -> dict[str, Any]:
    """Resolved settings as `config.json` keeps them, those of models apart."""
    values = dataclasses.asdict(config)
    models = values.pop("models")
    return {"config": values, "models": models}


@dataclass(frozen=True)
class _Recorded:
    """What `config.json` keeps of a run, to go on with whatever today's defaults are.

    Args:
        inputs: rows and SHA-256 of each mart read.
    """

    command: str
    config: dict[str, Any]
    models: dict[str, Any]
    inputs: dict[str, dict[str, Any]]

    def resolved(self) -> TrainConfig:
        """The settings of the run."""
        config = checked(TrainConfig, {**self.config, "models": self.models}, "config")
        lacking = [name for name in config.lineup if name not in self.models]
        if lacking or not config.lineup:
            raise UserError(f"no settings of {', '.join(lacking) or 'any model'}")
        return config


def _recorded_in(run: runs.Run) -> tuple[_Recorded, TrainConfig]:
    """What a run was begun with.

    Raises:
        UserError: its `config.json` is missing or damaged.
    """
    settings, path = run.read_json("config.json"), run.path / "config.json"
    known = [field.name for field in dataclasses.fields(_Recorded)]
    if isinstance(settings, dict):
        settings = {key: settings[key] for key in known if key in settings}
    try:
        found = checked(_Recorded, settings, "settings")
        return found, found.resolved()
    except UserError as error:
        raise UserError(f"{path} is damaged ({error}); start a new run") from error


def resume(
    run_dir: Path, *, progress: bool, n_jobs: int | None = None
) -> dict[str, Any] | None:
    """Go on with an interrupted run; a finished one is only read.

    A run may go on with another number of processes than it was begun with.

    Args:
        progress, n_jobs: as for `start`.
    Returns:
        The content of `metrics.json`; None in all processes but the main one.
    Raises:
        UserError: the marts are not those the run was started on.
    """
    run = runs.Run(run_dir)
    recorded, config = _recorded_in(run)
    device = config.torch_device()
    with joined(device) as world:
        with _if_stopped(run.remedy):
            if world.broadcast_bytes(b"done" if run.is_done else b""):
                return _read(run) if world.is_main else None
            job, family = _taken_up(run, world, progress=progress)
        return _go(job, family, recorded.command, n_jobs)


def _read(run: runs.Run) -> dict[str, Any]:
    """The metrics of a finished run, what a stop kept it from made up for."""
    runs.drop_state(run)
    if not (run.path / REPORT_NAME).is_file():
        write_report(run.path)
    return run.read_json("metrics.json")


def fit_one(run_dir: Path, name: str) -> None:
    """Fit one model of an unfinished run into the run's state and do nothing else.

    Raises:
        UserError: as for `resume`, or the fit failed.
    """
    run = runs.Run(run_dir)
    job, family = _taken_up(run, World(), progress=False)
    make_reproducible()
    if family.fit:
        family.fit(job, name)


def _taken_up(
    run: runs.Run, world: World, *, progress: bool
) -> tuple[Job[Any], Family[Any]]:
    """The job of a run that was begun, and its family.

    Raises:
        UserError: the marts are not those the run was started on.
    """
    recorded, config = _recorded_in(run)
    source = marts_path(config.mart_dir)
    family = family_of(source, config.mart)
    marts = family.load(source, config.mart, config.dataset)
    was, now = recorded.inputs, marts.fingerprints
    changed = [mart for mart in {**now, **was} if was.get(mart) != now.get(mart)]
    if changed:
        raise UserError(
            f"{run.path} was started on other data: {', '.join(changed)} "
            f"changed in {source}; rebuild that data or start a new run"
        )
    models = config.settings(family.name)
    device, shown = config.torch_device(), progress and world.is_main
    return Job(config, models, marts, run, device, shown, world), family


def _require_known_repeats(config: TrainConfig, family: Family) -> None:
    asked = {
        "repeat_splits": config.repeat_splits > 0,
        "tune": config.tune > 0,
        "seeds": config.seeds > 1,
        "also_by_time": config.also_by_time,
    }
    for name in (name for name, is_asked in asked.items() if is_asked):
        option = f"--{name.replace('_', '-')}"
        if name not in family.repeats:
            raise UserError(
                f"{option} cannot be used with mart {config.mart}; leave it out"
            )
        if name in ("tune", "seeds") and config.repeat_splits:
            raise UserError(
                f"{option} cannot be used with --repeat-splits; leave one of them out"
            )


@contextmanager
def _if_stopped(remedy: str) -> Iterator[None]:
    """Say how to go on where this process, or another of the run, was stopped."""
    try:
        yield
    except LostProcess as error:
        raise UserError(f"{error}; {remedy}") from error
    except KeyboardInterrupt:
        raise UserError(f"interrupted; {remedy}") from None
    except (MemoryError, RuntimeError) as error:  # torch's is a RuntimeError
        said = (str(error).splitlines() or ["none is left"])[0]
        is_of_memory = re.search("allocate memory|out of memory", said)
        if not (isinstance(error, MemoryError) or is_of_memory):
            raise
        raise UserError(
            f"too little memory ({said}); choose smaller models or a smaller "
            f"batch_size in a new run, or free some and {remedy}"
        ) from error


def _require_same_marts(world: World, marts: Marts, source: Path) -> None:
    """Refuse processes that read different data: they would be out of step."""
    ours = json.dumps(marts.fingerprints, sort_keys=True).encode()
    is_other = world.broadcast_bytes(ours) != ours
    n_others = int(world.all_reduce(torch.tensor(int(is_other))))
    if n_others:
        raise UserError(
            f"{n_others} of {world.size} processes read other data from {source} than "
            "the first; let it be a folder that all see, or copies of one export"
        )


def _new_run(
    world: World, out: Path, marts: Marts, settings: dict[str, Any]
) -> runs.Run:
    """The run folder that the main process makes for all, its settings written."""
    if not world.is_main:
        return runs.Run(Path(world.broadcast_bytes(b"").decode()))
    run = runs.start_run(out, marts.mart, marts.dataset)
    try:
        write_json(run.path / "config.json", settings)
        world.broadcast_bytes(str(run.path).encode())
    except UserError:
        shutil.rmtree(run.path)
        raise
    return run


def _go(
    job: Job[Any], family: Family[Any], command: str, n_jobs: int | None
) -> dict[str, Any] | None:
    """Do the job and write the run folder; the manifest seals it."""
    make_reproducible()
    run, config, marts = job.run, job.config, job.marts
    # trials settle first what is fitted, and many processes fit each model together
    is_dealt_out = family.fit and not config.tune and job.world.size == 1
    bases = bases_of(config.lineup, job.settings) if is_dealt_out else {}
    n_jobs = n_jobs or default_jobs(job.device)
    try:
        with _if_stopped(run.remedy), Ahead(run, bases, n_jobs) as ahead:
            found = family.evaluate(replace(job, ahead=ahead))
    except Diverged as error:
        raise UserError(
            f"{error}; choose a smaller inner_rate in a new run; what was fitted "
            f"before stays in {run.path}, `moocmeta-train --resume` tries again"
        ) from error
    if not job.world.is_main:
        return None
    metrics = {
        "run_id": run.run_id,
        "family": family.name,
        "mart": marts.mart,
        "dataset": marts.dataset,
        "seed": config.seed,
        "device": job.device.type,
        "precision": config.precision,
        "n_processes": job.world.size,
        "command": command,
        **found,
    }
    with _if_stopped(run.remedy):
        write_json(run.path / "metrics.json", metrics)
        runs.finish(run, metrics, marts.fingerprints)
        write_report(run.path)
    return metrics
