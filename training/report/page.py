"""Sections to one HTML page that needs nothing but itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.errors import UserError
from training.files import write_text
from training.report import numbers
from training.report.blocks import Section
from training.report.canvas import N_SERIES
from training.report.record import read_run
from training.report.sections import SECTIONS
from training.runs import Run

REPORT_NAME = "report.html"


def render(run_dir: Path) -> str:
    """The page of one run folder; the same folder gives the same text.

    Raises:
        UserError: the folder holds no finished run, or a file is damaged.
    """
    run = read_run(run_dir)
    if run.family not in SECTIONS:
        raise UserError(
            f"{run_dir} is of the family {run.family} of marts, which this version of "
            "moocmeta does not know; use the one that it was trained with"
        )
    built = [build(run) for build in SECTIONS[run.family]]
    metrics = run.metrics
    known = ("mart", "seed", "device", "precision")
    facts = {name: metrics.get(name) for name in known}
    facts["created"] = run.manifest.get("created_at")
    return page_of(
        [section for section in built if section is not None],
        title=f"{metrics['dataset']} · {metrics['mart']} · {metrics['run_id']}",
        heading=f"{numbers.counted(len(metrics['models']), 'model')} on "
        f"{metrics['dataset']}",
        run_id=metrics["run_id"],
        facts={name: value for name, value in facts.items() if value is not None},
    )


def page_of(
    sections: Sequence[Section],
    *,
    title: str,
    heading: str,
    run_id: str,
    facts: Mapping[str, Any],
) -> str:
    """Sections as one page.

    Args:
        title: of the browser's window.
        facts: small print below the heading.
    """
    environment = Environment(
        loader=PackageLoader("training.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        title=title,
        heading=heading,
        run_id=run_id,
        facts=list(facts.items()),
        sections=sections,
        style=Markup(style),
        n_series=N_SERIES,
    )


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run folder and renew its line in the manifest.

    The page shows the other artifacts' fingerprints, never its own.

    Returns:
        The page's path.
    Raises:
        UserError: as for `render`, or the folder cannot be written.
    """
    page = run_dir / REPORT_NAME
    write_text(page, render(run_dir))
    Run(run_dir).seal(Path(REPORT_NAME))
    return page
