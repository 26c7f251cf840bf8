"""`moocmeta ingest`: a raw giant to flat Parquet."""

from pathlib import Path

import click

from training.errors import UserError
from training.files import data_dir
from training.ingest import xuetangx

_DATASETS = {xuetangx.DATASET: xuetangx}


@click.command("ingest")
@click.argument("dataset", type=click.Choice(sorted(_DATASETS)))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Data folder to write to; default $MOOCMETA_DATA_DIR, else sample_data.",
)
@click.option("--all-events", is_flag=True, help="Keep every event, not only learning.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def ingest_command(
    dataset: str, file: Path, out: Path | None, all_events: bool, quiet: bool
) -> None:
    """Stream FILE, as DATASET's publisher ships it, to flat Parquet.

    Writes raw/DATASET/<stem of FILE>.parquet in the data folder and prints what was
    read and kept. The file appears whole or not at all.
    """
    reader = _DATASETS[dataset]
    try:
        prefixes = (
            reader.EVERY_EVENT if all_events else reader.learning_event_prefixes()
        )
        settings = reader.Settings(prefixes, show_progress=not quiet)
        ingested = reader.ingest(file, out or data_dir(), settings)
    except UserError as error:  # the user can mend it: no traceback
        raise click.ClickException(str(error)) from error
    counts = ingested.counts
    click.echo(
        f"{ingested.path}: kept {counts.n_kept:,} of {counts.n_events:,} events "
        f"({counts.n_rejected:,} rejected), {counts.n_users:,} users, "
        f"{counts.n_courses:,} courses, {counts.n_sessions:,} sessions"
    )
