"""`moocmeta export`: a data set's marts as plain files."""

from pathlib import Path

import click

from training.errors import UserError
from training.export import export_dataset
from training.marts.reader import duckdb_path


@click.command("export")
@click.option("--dataset", required=True, help="Data set to export.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to make; an earlier export there is replaced, nothing else is.",
)
@click.option(
    "--form",
    type=click.Choice(["notebook", "recbole"]),
    default="notebook",
    show_default=True,
    help="Files as the notebooks read them, or RecBole's `.inter` of the pairs.",
)
def export_command(dataset: str, out: Path, form: str) -> None:
    """Write a data set's vocabulary, splits, sessions, pairs and episodes as files."""
    try:
        n_files = export_dataset(duckdb_path(), dataset, out, form)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{dataset}: {n_files} files in {out}")
