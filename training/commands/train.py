"""`moocmeta-train`: train and evaluate every model that fits a mart."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from training import pipeline
from training.config import load_config
from training.errors import UserError
from training.families import FAMILIES
from training.fit import cut_short
from training.fit.processes import launched
from training.options import out_option
from training.runs import resolve_run
from training.settings import as_yaml

# options that a resumed run takes from its config.json
FIXED_BY_RUN = (
    *("mart", "mart_dir", "dataset", "lineup", "epochs", "seed", "device"),
    *("precision", "repeat_splits", "tune", "seeds", "also_by_time"),
)


@click.command("train")
@click.option("--mart", help="Mart to train on, such as episodes_k5_q10.")
@click.option(
    "--mart-dir",
    metavar="DIR",
    help="Read the marts from Parquet, DIR/<mart>/*.parquet, whoever wrote it.  "
    "[default: the DuckDB file of dbt]",
)
@click.option(
    "--dataset",
    help="Data set.  [default: xuetangx if the mart has it, else the only one]",
)
@click.option(
    "--model",
    "lineup",
    multiple=True,
    help="Train this model only; repeatable.  [default: the line-up of the mart]",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="Most epochs of neural models; of meta-learners, validations.",
)
@click.option("--seed", type=click.IntRange(0), help="[default: 20260107]")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), help="[default: auto]"
)
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), help="[default: fp32]"
)
@click.option(
    "--repeat-splits",
    type=click.IntRange(1),
    metavar="N",
    help="Repeat it all on N other random splits of the users: mean and spread.",
)
@click.option(
    "--also-by-time",
    is_flag=True,
    default=None,
    help="Train and test it all on a split by time, too: what changes on the future.",
)
@click.option(
    "--tune",
    type=click.IntRange(1),
    metavar="N",
    help="Choose each model's settings by N trials on validation.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    metavar="K",
    help="Train each model from K seeds: mean, and how far seeds move it.",
)
@click.option(
    "--config",
    "config_files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="YAML file of settings; repeatable, later ones win, flags over all of them.",
)
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="One setting, such as models.gru.hidden_dim=256; repeatable, wins over all.",
)
@click.option(
    "--print-config",
    is_flag=True,
    help="Print all settings that would be used, as YAML for --config, and stop.",
)
@out_option
@click.option(
    "--resume",
    metavar="RUN_DIR",
    help="Go on with an interrupted run; its settings are kept.",
)
@click.option(
    "--beyond-accuracy",
    is_flag=True,
    help="Also print what the models' lists favour: coverage, novelty, popularity.",
)
@click.option(
    "--jobs",
    "n_jobs",
    type=click.IntRange(1),
    metavar="N",
    envvar="MOOCMETA_JOBS",
    show_envvar=True,
    help="Processes that fit models side by side; results stay the same.  "
    "[default: one a core, at most 4; on CUDA 1]",
)
@click.option("--json", "as_json", is_flag=True, help="Print metrics.json, no table.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def train_command(
    config_files: tuple[Path, ...],
    assignments: tuple[str, ...],
    print_config: bool,
    out: Path,
    resume: str | None,
    beyond_accuracy: bool,
    n_jobs: int | None,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Train and evaluate every model that fits a mart; write a run folder."""
    given = [name for name in FIXED_BY_RUN if flags[name] not in (None, ())]
    given += assignments
    if resume and (given or config_files or print_config):
        raise click.UsageError("--resume keeps the run's settings; give no others")
    if not resume and not flags["mart"] and not config_files:
        raise click.UsageError(
            "Missing option '--mart', such as --mart episodes_k5_q10"
        )
    try:
        resumed = resolve_run(resume, out, finished=False) if resume else None
        if resumed:
            metrics = pipeline.resume(resumed, progress=not quiet, n_jobs=n_jobs)
        else:
            config = load_config(config_files, flags, assignments)
            if print_config:
                config, _ = pipeline.resolved(config)
                click.echo("# moocmeta-train --config FILE, this one")
                values = asdict(config)
                values["models"] = values.pop("models")  # the longest part is last
                click.echo(as_yaml(values), nl=False)
                return
            metrics = pipeline.start(
                config,
                out,
                command=shlex.join([*launched(Path(sys.argv[0]).name), *sys.argv[1:]]),
                progress=not quiet,
                n_jobs=n_jobs,
            )
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if metrics is None:  # another process leads
        return
    if as_json:
        click.echo(json.dumps(metrics, ensure_ascii=False))
        return
    family = FAMILIES[metrics["family"]]
    click.echo(family.table(metrics))
    if said := cut_short.remark(metrics["models"]):
        click.echo("\n" + said)
    if beyond_accuracy and family.more:
        click.echo("\n" + family.more(metrics))
    run_dir = resumed or out / metrics["run_id"]
    click.echo(f"\n{run_dir / 'report.html'}")
