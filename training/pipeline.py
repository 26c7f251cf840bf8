"""A whole run: marts in, run folder out."""

import dataclasses
from pathlib import Path
from typing import Any

from models_py.fitting import Diverged
from training import runs
from training.config import TrainConfig, checked
from training.errors import UserError
from training.families import Family, family_of
from training.files import write_json
from training.job import Job
from training.marts import duckdb_path
from training.report import write_report
from training.seeding import make_reproducible


def start(
    config: TrainConfig, out: Path, *, command: str, progress: bool
) -> dict[str, Any]:
    """Train and evaluate a line-up in a new run folder under `out`.

    Args:
        command: what the user typed, kept to repeat the run.
        progress: show bars on stderr if that is a terminal.
    Returns:
        The content of `metrics.json`.
    Raises:
        UserError: a setting, a mart or the folder is not usable (no folder is left
            then), or a fit failed (its folder can be resumed).
    """
    device = config.torch_device()
    config.check_models()
    family = family_of(duckdb_path(), config.mart)
    if config.repeat_splits and not family.repeats_splits:
        raise UserError(
            f"--repeat-splits cannot be used with mart {config.mart}; leave it out"
        )
    models = config.model_configs(family.name)
    marts = family.load(duckdb_path(), config.mart, config.dataset)
    family.check(marts, models)  # what cannot be trained on fails before any file
    config = dataclasses.replace(config, dataset=marts.dataset, device=device.type)
    run = runs.start_run(out, marts.mart, marts.dataset)
    settings = {
        "command": command,
        "duckdb": str(duckdb_path()),
        "config": dataclasses.asdict(config),
        "models": {name: dataclasses.asdict(model) for name, model in models.items()},
        "inputs": marts.fingerprints,
    }
    try:
        write_json(run.path / "config.json", settings)
    except UserError:
        run.path.rmdir()
        raise
    return _go(Job(config, marts, run, device, progress), family, command)


def resume(run_dir: Path, *, progress: bool) -> dict[str, Any]:
    """Go on with an interrupted run; a finished one is only read.

    Raises:
        UserError: the marts are not those the run was started on.
    """
    run = runs.Run(run_dir)
    if run.is_done:
        return run.read_json("metrics.json")
    settings = run.read_json("config.json")
    config = checked(TrainConfig, settings["config"], str(run.path / "config.json"))
    family = family_of(duckdb_path(), config.mart)
    marts = family.load(duckdb_path(), config.mart, config.dataset)
    changed = [
        mart
        for mart, was in settings["inputs"].items()
        if marts.fingerprints[mart] != was
    ]
    if changed:
        raise UserError(
            f"{run.path} was started on other data: {', '.join(changed)} changed in "
            f"{duckdb_path()}; rebuild that data or start a new run"
        )
    job = Job(config, marts, run, config.torch_device(), progress)
    return _go(job, family, settings["command"])


def _go(job: Job, family: Family, command: str) -> dict[str, Any]:
    """Do the job and write the run folder; the manifest seals it."""
    make_reproducible()
    run, config, marts = job.run, job.config, job.marts
    try:
        found = family.evaluate(job)
    except Diverged as error:
        raise UserError(
            f"{error}; choose a smaller inner_rate in a new run, or go on without "
            f"that model: `moocmeta-train --resume {run.path}` repeats this one"
        ) from error
    except KeyboardInterrupt:
        raise UserError(
            f"interrupted; go on with `moocmeta-train --resume {run.path}`"
        ) from None
    metrics = {
        "run_id": run.run_id,
        "family": family.name,
        "mart": marts.mart,
        "dataset": marts.dataset,
        "seed": config.seed,
        "device": job.device.type,
        "precision": config.precision,
        "command": command,
        **found,
    }
    write_json(run.path / "metrics.json", metrics)
    runs.finish(run, metrics, marts.fingerprints)
    write_report(run.path)
    return metrics
