"""`moocmeta-train`: train and evaluate every model that fits a mart."""

import dataclasses
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from training import runs, scorecard
from training.config import TrainConfig, checked, load_config
from training.errors import UserError
from training.files import appearing_whole, data_dir, write_json
from training.lineup import Job, questions_of
from training.marts import RecommendationMarts, duckdb_path, load_recommendation
from training.report import write_report
from training.scorecard import Scorecard
from training.seeding import make_reproducible
from training.simulate.optimum import bayes_optimum

# options that a resumed run takes from its config.json
FIXED_BY_RUN = ("mart", "dataset", "lineup", "epochs", "seed", "device", "precision")


@click.command("train")
@click.option("--mart", help="Episode mart whose test queries are asked.")
@click.option(
    "--dataset", help="Data set.  [default: xuetangx if the mart has it, else the only one]"
)
@click.option(
    "--model",
    "lineup",
    multiple=True,
    help="Train this model only; repeatable.  [default: all that fit the mart]",
)
@click.option("--epochs", type=click.IntRange(1), help="Most epochs of neural models.")
@click.option("--seed", type=click.IntRange(0), help="[default: 20260107]")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), help="[default: auto]"
)
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), help="[default: fp32]"
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="YAML file of settings; flags win over it.",
)
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="One setting, such as models.gru.hidden_dim=256; repeatable, wins over all.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of all runs.",
)
@click.option(
    "--resume",
    metavar="RUN_DIR",
    help="Go on with an interrupted run; its settings are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json, no table.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def train_command(
    config_file: Path | None,
    assignments: tuple[str, ...],
    out: Path,
    resume: str | None,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Train and evaluate every model that fits a mart; write a run folder."""
    given = [name for name in FIXED_BY_RUN if flags[name]] + list(assignments)
    if resume and (given or config_file):
        raise click.UsageError("--resume keeps the run's settings; give no others")
    if not resume and not flags["mart"] and not config_file:
        raise click.UsageError("Missing option '--mart', such as --mart episodes_k5_q10")
    try:
        metrics, run = (
            _resume(resume, out, progress=not quiet)
            if resume
            else _start(load_config(config_file, flags, assignments), out, not quiet)
        )
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(metrics, ensure_ascii=False))
        return
    click.echo(scorecard.table(metrics))
    click.echo(f"\n{run.path}/report.html")


def _start(
    config: TrainConfig, out: Path, progress: bool
) -> tuple[dict[str, Any], runs.Run]:
    device = config.torch_device()
    config.model_configs("recommendation")  # a wrong setting fails before any file
    marts = load_recommendation(duckdb_path(), config.mart, config.dataset)
    questions_of(marts)  # so does a mart that cannot be asked anything
    config = dataclasses.replace(config, dataset=marts.dataset, device=device.type)
    run = runs.start_run(out, marts.mart, marts.dataset)
    settings = {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "duckdb": str(duckdb_path()),
        "config": dataclasses.asdict(config),
        "models": {
            name: dataclasses.asdict(settings)
            for name, settings in config.model_configs("recommendation").items()
        },
        "inputs": marts.fingerprints,
    }
    write_json(run.path / "config.json", settings)
    return _go(Job(config, marts, run, device, progress), settings), run


def _resume(
    run_dir: str, out: Path, progress: bool
) -> tuple[dict[str, Any], runs.Run]:
    run = runs.Run(runs.resolve_run(run_dir, out))
    if run.is_done:
        return run.read_json("metrics.json"), run
    settings = run.read_json("config.json")
    config = checked(TrainConfig, settings["config"], str(run.path / "config.json"))
    marts = load_recommendation(duckdb_path(), config.mart, config.dataset)
    changed = [
        mart for mart, was in settings["inputs"].items() if marts.fingerprints[mart] != was
    ]
    if changed:
        raise UserError(
            f"{run.path} was started on other data: {', '.join(changed)} changed in "
            f"{duckdb_path()}; rebuild that data or start a new run"
        )
    job = Job(config, marts, run, config.torch_device(), progress)
    return _go(job, settings), run


def _go(job: Job, settings: dict[str, Any]) -> dict[str, Any]:
    """Do the job and write the run folder, the manifest last."""
    make_reproducible()
    run, config, marts = job.run, job.config, job.marts
    questions = questions_of(marts)
    try:
        answers = {
            name: job.answer(name, model_config, questions)
            for name, model_config in config.model_configs("recommendation").items()
        }
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
        "command": settings["command"],
        **card.metrics(),
        "bayes_optimal": _optimum(marts, questions["test"].pair.numpy()),
        "repeat_splits": None,
    }
    with appearing_whole(run.path / "predictions.parquet") as scratch:
        card.predictions().to_parquet(scratch, index=False)
    write_json(run.path / "vocab.json", marts.item_keys)
    write_json(run.path / "metrics.json", metrics)
    runs.finish(run, metrics, marts.fingerprints)
    write_report(run.path)
    return metrics


def _optimum(marts: RecommendationMarts, pairs: Any) -> dict[str, Any] | None:
    table = marts.pairs
    return bayes_optimum(
        data_dir(),
        marts.dataset,
        user_ids=table.user_ids[table.user[pairs]],
        label_at=table.label_at.numpy()[pairs],
        labels=[marts.item_keys[i] for i in table.label.numpy()[pairs]],
    )
