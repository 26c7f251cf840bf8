"""A whole run: marts in, run folder out."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training import runs
from training.config import TrainConfig, checked
from training.errors import UserError
from training.files import appearing_whole, data_dir, write_json
from training.lineup import Job, questions_of
from training.marts import RecommendationMarts, duckdb_path, load_recommendation
from training.report import write_report
from training.resplit import repeat_splits
from training.scorecard import Scorecard
from training.seeding import make_reproducible
from training.simulate.optimum import bayes_optimum

FAMILY = "recommendation"


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
    models = config.model_configs(FAMILY)
    marts = load_recommendation(duckdb_path(), config.mart, config.dataset)
    questions_of(marts)  # a mart that cannot be asked anything fails before any file
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
    return _go(Job(config, marts, run, device, progress), command)


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
    marts = load_recommendation(duckdb_path(), config.mart, config.dataset)
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
    return _go(job, settings["command"])


def _go(job: Job, command: str) -> dict[str, Any]:
    """Do the job and write the run folder; the manifest seals it."""
    make_reproducible()
    run, config, marts = job.run, job.config, job.marts
    questions = questions_of(marts)
    try:
        configs = config.model_configs(FAMILY)
        answers = {
            name: job.answer(name, configs[name], questions)
            for name in tqdm(configs, "models", disable=not job.progress)
        }
        splits = (
            repeat_splits(job, config.repeat_splits) if config.repeat_splits else None
        )
    except KeyboardInterrupt:
        raise UserError(
            f"interrupted; go on with `moocmeta-train --resume {run.path}`"
        ) from None
    card = Scorecard(marts, questions, answers, config.seed)
    metrics = {
        "run_id": run.run_id,
        "mart": marts.mart,
        "dataset": marts.dataset,
        "seed": config.seed,
        "device": job.device.type,
        "precision": config.precision,
        "command": command,
        **card.metrics(),
        "bayes_optimal": _optimum(marts, questions["test"].pair.numpy()),
        "repeat_splits": splits,
    }
    with appearing_whole(run.path / "predictions.parquet") as scratch:
        card.predictions().to_parquet(scratch, index=False)
    write_json(run.path / "vocab.json", marts.item_keys)
    write_json(run.path / "metrics.json", metrics)
    runs.finish(run, metrics, marts.fingerprints)
    write_report(run.path)
    return metrics


def _optimum(marts: RecommendationMarts, asked: np.ndarray) -> dict[str, Any] | None:
    """The Bayes optimum of the asked pairs, where the data were simulated."""
    pairs = marts.pairs
    return bayes_optimum(
        data_dir(),
        marts.dataset,
        user_ids=pairs.user_ids[pairs.user[asked]],
        label_at=pairs.label_at.numpy()[asked],
        labels=[marts.item_keys[i] for i in pairs.label.numpy()[asked]],
    )
