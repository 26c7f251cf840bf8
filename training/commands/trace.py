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
from training.tracing.trace_page import NO_SKILL, trace_page, worth_a_look
from training.tracing.trace_plot import mastery_plot

MOST_ANSWERS = 20  # printed: the last ones


@click.command("trace")
@run_option
@click.option("--user", required=True, help="The student's id, as published.")
@click.option("--skill", help="Only this skill.  [default: all the student met]")
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(1, 60),
    default=10,
    show_default=True,
    help="How many of the most practised skills are drawn and printed.",
)
@click.option(
    "--html",
    metavar="FILE.html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one page about the student.",
)
@click.option(
    "--plot",
    metavar="FILE.svg",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw mastery over time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, no table.")
@out_option
def trace_command(
    run: str,
    user: str,
    skill: str | None,
    top: int,
    html: Path | None,
    plot: Path | None,
    as_json: bool,
    out: Path,
) -> None:
    """Show one student's mastery over time with the health of the items met."""
    for option, path, ending in (("--html", html, ".html"), ("--plot", plot, ".svg")):
        if path and path.suffix != ending:
            raise click.UsageError(
                f"{option} {path}: name a file that ends in {ending}"
            )
    try:
        found = trace(traced_run(run, out), user, skill)
        if html:
            write_text(html, trace_page(found, top))
        if plot:
            write_text(plot, mastery_plot(found, top))
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
        return
    click.echo(
        f"{found.user_id} ({found.dataset}, {found.split} user) in run {found.run_id}\n"
    )
    click.echo(_skills(found, top))
    click.echo("\n" + _answers(found))
    for path in filter(None, (html, plot)):
        click.echo(f"\n{path}")


def _answers(found: Trace) -> str:
    """The last answers, each in a line."""
    answers = found.answers
    last = answers.tail(MOST_ANSWERS)
    rows = [
        [
            f"{row.nth:,}",
            *([] if found.time_is_order else [f"{row.answered_at:%Y-%m-%d %H:%M:%S}"]),
            row.skills or "—",
            row.item_key,
            "right" if row.actual else "wrong",
            f"{row.predicted:.2f}",
            _number(row.mastery),
            worth_a_look(row),
        ]
        for row in last.itertuples()
    ]
    header = ["answer", *([] if found.time_is_order else ["answered at"]), "skill"]
    header += ["item", "", "predicted", "mastery after", "item worth a look"]
    table = tabulate(rows, header, disable_numparse=True)
    if len(last) < len(answers):
        table += f"\n\nthe last {len(last)} of {len(answers):,} answers: --html and "
        table += "--json have all"
    return table


def _skills(found: Trace, top: int) -> str:
    """First and last mastery of the most practised skills."""
    skills = found.skills
    if skills.empty:
        return NO_SKILL
    rows = [
        [
            row.skill,
            f"{row.n:,}",
            f"{row.share_right:.2f}",
            _number(row.first),
            _number(row.last),
        ]
        for row in skills.head(top).itertuples()
    ]
    header = ["skill", "answers", "share right", "first mastery", "last mastery"]
    table = tabulate(rows, header, disable_numparse=True)
    if len(rows) < len(skills):
        table += f"\n\nthe {len(rows)} most practised of {len(skills)} skills: --top N "
        table += "for more, --html for all"
    return table


def _number(value: float) -> str:
    return "—" if pd.isna(value) else f"{value:.2f}"
