"""`moocmeta ingest`: a log of any platform, or a raw giant, as flat Parquet."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from training.errors import UserError
from training.files import data_dir
from training.ingest import xuetangx
from training.ingest.engine import few
from training.ingest.forms import FORMS
from training.ingest.log import Ingested, LogIngest, Preview
from training.ingest.parameters import FAMILIES, assigned, built_in_names
from training.ingest.refusals import check_name
from training.ingest.settling import Request
from training.ingest.times import ORDER, UNITS


@click.command("ingest")
@click.argument("dataset", metavar="NAME")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--form", type=click.Choice(list(FORMS)), help="What the files are.")
@click.option(
    "--map",
    "mapping",
    metavar="KEY=COLUMN",
    multiple=True,
    help="Which column is user_id, item_key, event_at …; guessed else.",
)
@click.option(
    "--time-unit",
    type=click.Choice([*UNITS, ORDER]),
    help="What numbers of the time count; `order`: only what came first.",
)
@click.option("--time-format", help="Of times that are not ISO 8601: %d/%m/%Y %H:%M.")
@click.option("--family", type=click.Choice(FAMILIES), help="Which marts to feed.")
@click.option("--skill-separator", "separator", help="Between skills; `none`: nothing.")
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="A parameter of the data set, such as session_gap_sec=3600.",
)
@click.option("--append", is_flag=True, help="Add files to a log that is there.")
@click.option("--drop-bad", is_flag=True, help="Count rows that do not fit; go on.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Data folder to write to; default $MOOCMETA_DATA_DIR, else sample_data.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.option("--all-events", is_flag=True, help="xuetangx: not only learning events.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def ingest_command(
    dataset: str, files: tuple[Path, ...], out: Path | None, quiet: bool, **options: Any
) -> None:
    """Read FILES of any platform into the data set NAME.

    Writes raw/NAME/NAME.parquet and raw/NAME/dataset.yml in the data folder, whole or
    not at all; `dbt build` takes them as they are. What is not said is guessed, and the
    guess is shown. NAME xuetangx streams the publisher's nested JSON instead.
    """
    out = out or data_dir()
    try:
        if dataset in _GIANTS:
            _ingest_giant(dataset, files, out, quiet, options)
        else:
            _ingest_log(dataset, files, out, quiet, options)
    except UserError as error:  # the user can mend it: no traceback
        raise click.ClickException(str(error)) from error


_GIANTS = {xuetangx.DATASET: xuetangx}


def _ingest_giant(dataset, files, out, quiet, options) -> None:
    others = {k: v for k, v in options.items() if v and k != "all_events"}
    if others or len(files) > 1:
        raise click.UsageError(
            f"{dataset} is one nested JSON file of its publisher: of the options only "
            "--out, --all-events and --quiet are its own"
        )
    reader = _GIANTS[dataset]
    prefixes = (
        reader.EVERY_EVENT
        if options["all_events"]
        else reader.learning_event_prefixes()
    )
    settings = reader.Settings(prefixes, show_progress=not quiet)
    ingested = reader.ingest(files[0], out, settings)
    counts = ingested.counts
    click.echo(
        f"{ingested.path}: kept {counts.n_kept:,} of {counts.n_events:,} events "
        f"({counts.n_rejected:,} rejected), {counts.n_users:,} users, "
        f"{counts.n_courses:,} courses, {counts.n_sessions:,} sessions"
    )


def _ingest_log(dataset, files, out, quiet, options) -> None:
    as_json = options.pop("as_json")
    if options.pop("all_events"):
        raise click.UsageError(
            "--all-events is for xuetangx; choose types with --set "
            "event_type_prefixes=…"
        )
    request = Request(
        dataset,
        files,
        mapping=_mapping(options.pop("mapping")),
        parameters=assigned(options.pop("assignments")),
        show_progress=not quiet and not as_json,
        **options,
    )
    _check_append(request)
    try:
        check_name(dataset, built_in_names())
    except UserError as error:
        raise click.UsageError(str(error)) from error
    with LogIngest(request, out) as ingest:
        preview = ingest.prepare()
        if not as_json:
            click.echo(_told(preview))
        ingested = ingest.write()
    click.echo(json.dumps(_summary(ingested)) if as_json else _counted(ingested))


def _mapping(texts: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, column in map(_parted, texts):
        if key in found:
            raise UserError(f"--map {key}={column}: {key} is {found[key]} already")
        found[key] = column
    return found


def _parted(text: str) -> tuple[str, str]:
    key, separator, column = text.partition("=")
    if not separator or not key:
        raise UserError(f"--map {text}: write KEY=COLUMN, such as user_id=student")
    return key, column


def _check_append(request: Request) -> None:
    fixed = ("form", "mapping", "time_unit", "time_format", "family", "separator")
    given = [name for name in fixed if getattr(request, name)]
    if request.append and given:
        raise click.UsageError(
            "--append reads files as the first were read: leave out --"
            + given[0].replace("mapping", "map").replace("_", "-")
        )


def _told(preview: Preview) -> str:
    """How rows are read and the first of them."""
    plan = preview.plan
    read = [
        [key, column + (f" ({plan.clock.in_words})" if key == "event_at" else "")]
        for key, column in plan.mapping.items()
    ]
    if plan.separator:
        read.append(["", f"skills parted by {plan.separator}"])
    if preview.unread:
        read.append(["not read", few(preview.unread)])
    rows = [["" if v is None else str(v) for v in row] for row in preview.rows]
    return "\n".join(
        [
            f"Read as {plan.form.name}, for {plan.family}:",
            tabulate(read, tablefmt="plain"),
            "",
            tabulate(rows, preview.columns, disable_numparse=True),
            "",
        ]
    )


def _counted(ingested: Ingested) -> str:
    record, name = ingested.record, ingested.folder.name
    rows = record["rows"]
    lines = [
        f"{ingested.folder}: kept {rows['kept']:,} of {rows['read']:,} rows of "
        f"{len(record['files'])} file{'s' if len(record['files']) > 1 else ''}"
    ]
    lines += [f"  left out: {n:,} {reason}" for reason, n in rows["left_out"].items()]
    if without := rows.get("without_item"):
        lines.append(
            f"  without an item: {without:,}, which are in sessions, in no pair"
        )
    lines += [
        f"  {file['name']}: {text}"
        for file in record["files"]
        for text in file.get("settled", ())
    ]
    if rows["written"] != rows["kept"]:
        lines.append(f"  {rows['written']:,} answers: rows of one answer became one")
    is_tracing = record["parameters"]["family"] == "tracing"
    mart = "kt_sequences" if is_tracing else "episodes_k2_q3"
    lines += [
        f"Its parameters are in {ingested.folder / 'dataset.yml'}.",
        f"Go on: dbt build && moocmeta-train --mart {mart} --dataset {name}",
    ]
    return "\n".join(lines)


def _summary(ingested: Ingested) -> dict[str, Any]:
    return {"folder": str(ingested.folder), **ingested.record}
