"""`moocmeta trace`: one student's mastery over time and the items met."""

import json
from pathlib import Path

import click
import pandas as pd
from tabulate import tabulate

from training.errors import UserError
from training.files import write_text
from training.options import out_option, run_option
from training.tracing.trace import Trace, trace, traced_run
from training.tracing.trace_plot import mastery_plot

HEADER = [
    *("skill", "item", "answer", "predicted", "mastery after"),
    *("difficulty ± se", "discrimination", "item answers", "drifts"),
]


@click.command("trace")
@run_option
@click.option("--user", required=True, help="The student's id, as published.")
@click.option("--skill", help="Only this skill.  [default: all the student met]")
@click.option(
    "--plot",
    metavar="FILE.svg",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw mastery over time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, no table.")
@out_option
def trace_command(
    run: str, user: str, skill: str | None, plot: Path | None, as_json: bool, out: Path
) -> None:
    """Show one student's mastery over time with the health of the items met."""
    if plot and plot.suffix != ".svg":
        raise click.UsageError(f"--plot {plot}: name a file that ends in .svg")
    try:
        found = trace(traced_run(run, out), user, skill)
        if plot:
            write_text(plot, mastery_plot(found))
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
        return
    click.echo(
        f"{found.user_id} ({found.dataset}, {found.split} user) in run {found.run_id}\n"
    )
    click.echo(_steps(found))
    click.echo("\n" + _skills(found))
    if plot:
        click.echo(f"\n{plot}")


def _steps(found: Trace) -> str:
    rows = [
        [
            row.nth if found.time_is_order else f"{row.answered_at:%Y-%m-%d %H:%M:%S}",
            row.skill_key if isinstance(row.skill_key, str) else "—",
            row.item_key,
            "right" if row.actual else "wrong",
            f"{row.predicted:.2f}",
            _number(row.mastery),
            f"{_number(row.difficulty)} ± {_number(row.difficulty_se)}",
            _number(row.discrimination),
            _number(row.n_responses, ".0f"),
            "yes" if row.drift_flag is True else "",
        ]
        for row in found.steps.itertuples()
    ]
    first = "n-th answer" if found.time_is_order else "answered at"
    return tabulate(rows, [first, *HEADER], disable_numparse=True)


def _skills(found: Trace) -> str:
    """First and last mastery of each skill."""
    rows = [
        [
            skill,
            len(steps),
            f"{steps['actual'].mean():.2f}",
            _number(steps["mastery"].iloc[0]),
            _number(steps["mastery"].iloc[-1]),
        ]
        for skill, steps in found.steps.groupby("skill_key", sort=True)
    ]
    header = ["skill", "answers", "share right", "first mastery", "last mastery"]
    return tabulate(rows, header, disable_numparse=True)


def _number(value: float, spec: str = ".2f") -> str:
    return "—" if pd.isna(value) else f"{value:{spec}}"
