"""Sections to one HTML page that needs nothing but itself."""

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.files import sha256_of, write_json, write_text
from training.report.plots import N_SERIES
from training.report.record import read_run
from training.report.sections import SECTIONS

REPORT_NAME = "report.html"


def render(run_dir: Path) -> str:
    """The page of one run folder; the same folder gives the same text.

    Raises:
        UserError: the folder holds no finished run, or a file is damaged.
    """
    run = read_run(run_dir)
    environment = Environment(
        loader=PackageLoader("training.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    built = [build(run) for build in SECTIONS[run.family]]
    sections = [section for section in built if section is not None]
    return environment.get_template("page.html.j2").render(
        metrics=run.metrics,
        created_at=run.manifest.get("created_at"),
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
    manifest = run_dir / "manifest.json"
    if manifest.is_file():
        content = json.loads(manifest.read_text(encoding="utf-8"))
        fingerprint = {"bytes": page.stat().st_size, "sha256": sha256_of(page)}
        content.setdefault("artifacts", {})[REPORT_NAME] = fingerprint
        write_json(manifest, content)
    return page
