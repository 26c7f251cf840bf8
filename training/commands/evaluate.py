"""`moocmeta evaluate`: an old run's models on what happened since."""

import json
from pathlib import Path

import click

from training.errors import UserError
from training.options import out_option, run_option
from training.recommendation.aging import aging_table, evaluate_run
from training.runs import resolve_run


@click.command("evaluate")
@run_option
@click.option(
    "--mart-dir",
    metavar="DIR",
    help="Read the marts from Parquet, DIR/<mart>/*.parquet.  "
    "[default: the DuckDB file of dbt]",
)
@click.option("--model", "models", multiple=True, help="[default: all of the run]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, no table.")
@out_option
def evaluate_command(
    run: str, mart_dir: str | None, models: tuple[str, ...], as_json: bool, out: Path
) -> None:
    """Ask RUN's models about today's marts, month by month since they learned.

    Nothing is trained. Append new months to the log, run `dbt build`, then this.
    """
    try:
        found = evaluate_run(resolve_run(run, out), mart_dir, models)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(aging_table(found))
