"""`moocmeta recommend`: what to study next, for one learner or for all."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from training.errors import UserError
from training.fit.seeds import make_reproducible
from training.marts.opening import marts_path
from training.options import out_option, run_option
from training.recommendation.finished import finished_model
from training.recommendation.latest import load_latest
from training.recommendation.list_files import EXPORT, write_lists
from training.recommendation.lists import ListRules, rows_of
from training.recommendation.recommend import read_support, recommend
from training.runs import resolve_run

_FILE = click.Path(path_type=Path)
# what only one of the two ways to ask has
_FOR_ONE = {"after", "support_file", "as_json"}
_FOR_MANY = {"is_all", "users_file", "candidates_file", "repeats", "write", "mart_dir"}


@click.command("recommend")
@run_option
@click.option(
    "--after",
    metavar="COURSE",
    multiple=True,
    help="A course studied, oldest first; repeatable. Prints one list.",
)
@click.option(
    "--support",
    "support_file",
    metavar="FILE",
    type=_FILE,
    help="What else the learner did, for models that adapt: a JSON list of "
    '{"after": ["COURSE", ...], "next": "COURSE"}, oldest first.',
)
@click.option(
    "--all",
    "is_all",
    is_flag=True,
    help="A list for every user of the run's data set, after what the marts say was "
    "done last. The run keeps a copy, which `dbt build --select rec_exports` reads.",
)
@click.option(
    "--users",
    "users_file",
    metavar="FILE",
    type=_FILE,
    help="The same for some users: one id a line.",
)
@click.option(
    "--candidates",
    "candidates_file",
    metavar="FILE",
    type=_FILE,
    help="What may be listed: one course a line.",
)
@click.option(
    "--repeats",
    type=click.Choice(["allow", "none", "auto"]),
    help="Whether courses that the user has met may be listed: `none` of all ever met; "
    "`auto` (the default) leaves out what the run's evaluation did.",
)
@click.option(
    "--write",
    metavar="FILE.parquet",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the lists of --all or --users go.",
)
@click.option(
    "--mart-dir", metavar="DIR", help="Marts as Parquet files, instead of DuckDB's."
)
@click.option("--model", help="[default: the run's best baseline by validation]")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, no table.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@out_option
def recommend_command(
    run: str, model: str | None, top: int, quiet: bool, out: Path, **options: Any
) -> None:
    """Print or write the items that a model of RUN ranks highest."""
    is_one = _is_for_one(options)
    try:
        run_dir = resolve_run(run, out)
        if is_one:
            _print_one(run_dir, model, top, options)
        else:
            _write_many(run_dir, model, top, options, progress=not quiet)
    except UserError as error:
        raise click.ClickException(str(error)) from error


def _is_for_one(options: dict[str, Any]) -> bool:
    """Whether one list is asked for; refuses options that do not go together."""
    ways = [bool(options[name]) for name in ("after", "is_all", "users_file")]
    if sum(ways) != 1:
        raise click.UsageError("give one of --after, --all and --users")
    is_one = ways[0]
    names = {"as_json": "json", "is_all": "all"}
    for name in sorted(_FOR_MANY if is_one else _FOR_ONE):
        if options[name]:
            option = names.get(name, name.removesuffix("_file")).replace("_", "-")
            way = "--after" if is_one else "--all and --users"
            raise click.UsageError(f"--{option} does not go with {way}")
    if not is_one and not options["write"]:
        raise click.UsageError("--all and --users need --write FILE.parquet")
    if not is_one and options["write"].suffix != ".parquet":
        raise click.UsageError(
            f"--write {options['write']}: lists are Parquet; let it end in .parquet"
        )
    return is_one


def _print_one(
    run_dir: Path, model: str | None, top: int, options: dict[str, Any]
) -> None:
    support = read_support(options["support_file"]) if options["support_file"] else None
    found = recommend(run_dir, model, list(options["after"]), top, support)
    rows = [dataclasses.asdict(item) for item in found]
    if options["as_json"]:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = [[row["rank"], row["item_key"], f"{row['score']:.4f}"] for row in rows]
    click.echo(tabulate(cells, ["rank", "item", "score"], disable_numparse=True))


def _write_many(
    run_dir: Path, name: str | None, top: int, options: dict[str, Any], progress: bool
) -> None:
    users = _lines("--users", options["users_file"])
    candidates = _lines("--candidates", options["candidates_file"])
    rules = ListRules(top, options["repeats"] or "auto", candidates)
    make_reproducible()
    model = finished_model(run_dir, name)
    dataset = model.metrics["dataset"]
    marts = load_latest(marts_path(options["mart_dir"]), dataset)
    written = write_lists(
        model,
        marts,
        rules,
        rows_of(marts, dataset, users),
        options["write"],
        is_kept=options["is_all"],
        progress=progress,
    )
    click.echo(
        f"{options['write']}: {written.n_rows} rows, lists of {written.n_users} users "
        f"of {dataset} by {model.name} of {run_dir}"
        + (f"; dbt reads {run_dir / EXPORT}" if options["is_all"] else "")
    )
    if written.n_without:
        click.echo(
            f"{written.n_without} users have no list: what they did last is unknown to "
            "the run, or nothing was left to list",
            err=True,
        )


def _lines(option: str, path: Path | None) -> list[str] | None:
    """The lines of a text file, without empty ones; None where no file is given."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UserError(f"{option} {path}: {reason}; write one a line") from error
    found = [line for line in text.splitlines() if line.strip()]
    if not found:
        raise UserError(f"{option} {path} holds no line; write one a line")
    return found
