"""`moocmeta report`: the page of a run, written anew."""

from pathlib import Path

import click

from training.errors import UserError
from training.options import out_option, run_option
from training.report.page import write_report
from training.runs import resolve_run


@click.command("report")
@run_option
@out_option
def report_command(run: str, out: Path) -> None:
    """Write the report.html of a finished run anew and print its path."""
    try:
        click.echo(write_report(resolve_run(run, out)))
    except UserError as error:
        raise click.ClickException(str(error)) from error
