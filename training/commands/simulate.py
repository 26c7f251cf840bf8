"""`moocmeta simulate`: raw files in the publishers' forms, and their truth."""

from pathlib import Path
from typing import Literal

import click

from training.errors import UserError
from training.simulate.catalog import DATASETS, write_dataset
from training.simulate.request import FORMS, Size

DEFAULT_SEED = 20260107


@click.command("simulate")
@click.argument("dataset", required=False, type=click.Choice(sorted(DATASETS)))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write raw/DATASET/ and truth/DATASET/ to.",
)
@click.option(
    "--users",
    type=click.IntRange(1),
    help="That many users, of whom most have enough to learn from; the default is "
    "small (xuetangx 1,000, mars 822, ad_events 1,200, edm_cup_2023 66, "
    "assistments_2009 42).",
)
@click.option(
    "--events",
    type=click.IntRange(1),
    help="Users until there are that many (learning) events. A xuetangx log then has "
    "the published shape: at 28,000,000 about 183,000 users, most of whom never "
    "change the course within a session; truth/ then judges val and test users only. "
    "Logs of knowledge tracing then have as many items as the published ones.",
)
@click.option("--seed", type=click.IntRange(0), default=DEFAULT_SEED, show_default=True)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    default="flat",
    show_default=True,
    help="xuetangx: flat Parquet, or the publisher's nested JSON with about as many "
    "other events as learning events. The other data sets have one form.",
)
@click.option(
    "--set",
    "assignments",
    metavar="KEY=NUMBER",
    multiple=True,
    callback=lambda _context, _option, values: _numbers(values),
    help="A setting of the process, repeatable. Of ad_events: effect=0, "
    "effect_slope=0, click_slope=2 (less overlap), order_weight=0, unmeasured=1. Of "
    "xuetangx: drift=1 (by the last month all steps follow another process), born=0.15 "
    "and ended=0.15 (shares of the courses); or guests=0.5 (share of sessions of "
    "somebody else at the account, which session reliability tells).",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def simulate_command(
    dataset: str | None,
    out: Path,
    users: int | None,
    events: int | None,
    seed: int,
    form: Literal["flat", "native"],
    assignments: dict[str, float],
    quiet: bool,
) -> None:
    """Simulate DATASET, or every data set, with its truth.

    The same options and seed give the same bytes. Each folder appears whole or not
    at all; files that simulate did not write are never replaced.
    """
    if users is not None and events is not None:
        raise click.UsageError("--users and --events exclude each other")
    if assignments and dataset is None:
        raise click.UsageError("--set needs DATASET: each has settings of its own")
    size = None if users is None and events is None else Size(users, events)
    for name in [dataset] if dataset else sorted(DATASETS):
        try:
            counts = write_dataset(
                name,
                out,
                size=size,
                seed=seed,
                form=form,
                show_progress=not quiet,
                settings=assignments,
            )
        except UserError as error:  # the user can mend it: no traceback
            raise click.ClickException(str(error)) from error
        click.echo(
            f"{name}: {counts.n_events:,} events of {counts.n_users:,} users in "
            f"{out / 'raw' / name}, {counts.n_true_rows:,} {counts.truth} "
            f"in {out / 'truth' / name}"
        )


def _numbers(assignments: tuple[str, ...]) -> dict[str, float]:
    """`KEY=NUMBER` each; a whole number stays one."""
    numbers: dict[str, float] = {}
    for assignment in assignments:
        key, _, text = assignment.partition("=")
        try:
            numbers[key] = int(text) if text.lstrip("-").isdigit() else float(text)
        except ValueError as error:
            raise click.BadParameter(
                f"{assignment}: write KEY=NUMBER, such as effect=0"
            ) from error
    return numbers
