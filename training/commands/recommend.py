"""`moocmeta recommend`: what to study next."""

import dataclasses
import json
from pathlib import Path

import click
from tabulate import tabulate

from training.errors import UserError
from training.options import out_option, run_option
from training.recommendation.recommend import read_support, recommend
from training.runs import resolve_run


@click.command("recommend")
@run_option
@click.option(
    "--after",
    metavar="COURSE",
    multiple=True,
    required=True,
    help="A course studied, oldest first; repeatable.",
)
@click.option(
    "--support",
    "support_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What else the learner did, for models that adapt: a JSON list of "
    '{"after": ["COURSE", ...], "next": "COURSE"}, oldest first.',
)
@click.option("--model", help="[default: the run's best baseline by validation]")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, no table.")
@out_option
def recommend_command(
    run: str,
    after: tuple[str, ...],
    support_file: Path | None,
    model: str | None,
    top: int,
    as_json: bool,
    out: Path,
) -> None:
    """Print the courses a model of RUN ranks highest after the given ones."""
    try:
        support = read_support(support_file) if support_file else None
        found = recommend(resolve_run(run, out), model, list(after), top, support)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    rows = [dataclasses.asdict(item) for item in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = [[row["rank"], row["item_key"], f"{row['score']:.4f}"] for row in rows]
    click.echo(tabulate(cells, ["rank", "course", "score"], disable_numparse=True))
