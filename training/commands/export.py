"""`moocmeta export`: a data set's marts as plain files, or a network as ONNX."""

from pathlib import Path

import click

from training.errors import UserError
from training.export import export_dataset
from training.marts.opening import duckdb_path
from training.runs import resolve_run


@click.command("export")
@click.option("--dataset", help="Data set to export.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to make; an earlier export there is replaced, nothing else is.",
)
@click.option(
    "--form",
    type=click.Choice(["notebook", "recbole"]),
    help="Files as the notebooks read them (the default), or RecBole's `.inter` of the "
    "pairs.",
)
@click.option("--run", metavar="RUN", help="A run folder, its id, or `latest`.")
@click.option("--model", help="A network of RUN, such as gru.")
@click.option(
    "--onnx",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write that network as ONNX, its item keys in the metadata.",
)
def export_command(
    dataset: str | None,
    out: Path | None,
    form: str | None,
    run: str | None,
    model: str | None,
    onnx: Path | None,
) -> None:
    """Write a data set's vocabulary, splits, sessions, pairs and episodes as files.

    Or, with --run, --model and --onnx, a network of a run.
    """
    of_dataset, of_run = (dataset, out, form), (run, model, onnx)
    try:
        if dataset and out and not any(of_run):
            n_files = export_dataset(duckdb_path(), dataset, out, form or "notebook")
            click.echo(f"{dataset}: {n_files} files in {out}")
        elif run and model and onnx and not any(of_dataset):
            size = _export_network(resolve_run(run, Path("runs")), model, onnx)
            click.echo(f"{onnx}: {model} of {run}, {size:,} bytes")
        else:
            raise click.UsageError(
                "give --dataset and --out, or --run, --model and --onnx"
            )
    except UserError as error:
        raise click.ClickException(str(error)) from error


def _export_network(run_dir: Path, model: str, path: Path) -> int:
    """The only part that needs torch, which takes seconds to import."""
    from training.recommendation.finished import finished_model
    from training.recommendation.onnx_file import export_onnx

    return export_onnx(finished_model(run_dir, model), path)
