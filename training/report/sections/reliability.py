"""What session reliability looks like, what it follows, and whether it helps."""

from typing import Any

from training.report import numbers
from training.report.blocks import Block, Figure, Row, Section, Table, Text
from training.report.plots import histogram
from training.report.record import Run
from training.report.sections.adaptation import METRIC

ADAPTIVE = "_adaptive"


def reliability(run: Run) -> Section | None:
    """Distribution, tiers, correlations with its parts, and the gain of using it."""
    found = run.metrics.get("reliability")
    if not found or not found["n_sessions"]:
        return None
    blocks: list[Block] = [
        Text(_intro(run)),
        Row([_distribution(found), _parts(found)]),
    ]
    return Section("reliability", "Session reliability", blocks)


def _intro(run: Run) -> str:
    compared = [
        (name, block["adaptation"]["vs_uniform"][METRIC])
        for name, block in run.models.items()
        if name.endswith(ADAPTIVE) and (block.get("adaptation") or {}).get("vs_uniform")
    ]
    told = "; ".join(
        f"{run.title(name)} {numbers.signed(gap['difference'])}"
        + (f" ({numbers.signed_interval(gap['ci95'])})" if gap["ci95"] else "")
        for name, gap in compared
    )
    verdict = (
        f" Rate, steps and weight by reliability changed {METRIC} as follows: {told}."
        if told
        else ""
    )
    return (
        "Reliability is the mean of a session's intensity, extent and composition: it "
        "measures how much was done, not how honestly. Accuracy by its tiers stands "
        f"under strengths and weaknesses.{verdict}"
    )


def _distribution(found: dict[str, Any]) -> Figure:
    tiers = found["tiers"]
    shares = ", ".join(
        f"{name} {numbers.percent(n / found['n_sessions'])}"
        for name, n in tiers.items()
    )
    return Figure(
        "Reliability of sessions",
        histogram(found["histogram"], "reliability", "sessions"),
        f"Histogram of session reliability; tiers: {shares}.",
        f"{numbers.count(found['n_sessions'])} sessions of all users; {shares}.",
    )


def _parts(found: dict[str, Any]) -> Table:
    rows = [
        [
            name,
            *(
                numbers.NOTHING if value is None else f"{value:.2f}"
                for value in (each["pearson"], each["spearman"])
            ),
        ]
        for name, each in found["correlations"].items()
    ]
    return Table(
        "Correlation of reliability with its parts over sessions. A part near 0 adds "
        "nothing; one near 1 is all there is to it.",
        ["Part", "Pearson", "Spearman"],
        rows,
    )
