"""`moocmeta runs`: what has been run."""

from pathlib import Path

import click
from tabulate import tabulate

from training.errors import UserError
from training.options import out_option
from training.runs import read_index

HEADLINE = "recall@10"


@click.command("runs")
@out_option
def runs_command(out: Path) -> None:
    """List the finished runs, oldest first, with each one's best model on test."""
    try:
        lines = read_index(out)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if not lines:
        raise click.ClickException(
            f"no runs under {out} yet: run `moocmeta-train` first"
        )
    rows = []
    for line in lines:
        reached = {name: test[HEADLINE] for name, test in line["test"].items()}
        best = max(reached, key=reached.__getitem__)
        rows.append([line["run_id"], len(reached), best, f"{reached[best]:.4f}"])
    click.echo(
        tabulate(rows, ["run", "models", "best", HEADLINE], disable_numparse=True)
    )
