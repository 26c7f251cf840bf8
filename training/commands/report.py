"""`moocmeta report`: the page of a run, written anew."""

from pathlib import Path

import click

from training.errors import UserError
from training.report import write_report
from training.runs import resolve_run


@click.command("report")
@click.option(
    "--run",
    metavar="RUN",
    default="latest",
    show_default=True,
    help="A run folder, its id, or `latest`.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of all runs.",
)
def report_command(run: str, out: Path) -> None:
    """Write the report.html of a finished run anew and print its path."""
    try:
        click.echo(write_report(resolve_run(run, out)))
    except UserError as error:
        raise click.ClickException(str(error)) from error
