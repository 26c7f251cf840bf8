"""Options that several commands share."""

from pathlib import Path

import click

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of all runs.",
)

run_option = click.option(
    "--run",
    metavar="RUN",
    default="latest",
    show_default=True,
    help="A run folder, its id, or `latest`.",
)
