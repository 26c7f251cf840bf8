"""What session reliability looks like, what it follows, and whether it helps."""

from typing import Any

from training.report import numbers, plots
from training.report.blocks import Block, Cell, Figure, Row, Section, Table, Text
from training.report.record import Run
from training.report.sections.adaptation import METRIC, difference

ADAPTIVE = "_adaptive"


def reliability(run: Run) -> Section | None:
    """Distribution, tiers, correlations with its parts, and the gain of using it."""
    found = run.metrics.get("reliability")
    if not found or not found["n_sessions"]:
        return None
    blocks: list[Block] = [
        Text(_intro(run)),
        Row([_distribution(found), _parts(found)]),
        *_gains_by_tier(run),
    ]
    return Section("reliability", "Session reliability", blocks)


def _gains_by_tier(run: Run) -> list[Table]:
    """What adapting brings where the support is reliable, and where it is not."""
    adapting = {name: run.models[name].get("adaptation") or {} for name in run.ranked}
    by_tier = {  # runs of before have none
        name: found["by_tier"] for name, found in adapting.items() if "by_tier" in found
    }
    tiers = {
        tier: each["n_users"]
        for found in by_tier.values()
        for tier, each in found.items()
    }
    if not tiers:
        return []
    kinds = {"vs_zero_shot": "zero-shot", "vs_fine_tune": "fine-tuning"}
    columns = [f"{tier}: less {what}" for tier in tiers for what in kinds.values()]
    rows = [
        [
            Cell(run.title(name), series=run.series(name)),
            *(difference(found[tier][kind]) for tier in tiers for kind in kinds),
        ]
        for name, found in by_tier.items()
    ]
    users = ", ".join(
        f"{tier} {numbers.counted(n, 'user')}" for tier, n in tiers.items()
    )
    caption = (
        f"What adapting changes in {METRIC}, by reliability of the support ({users}), "
        "paired by user."
    )
    return [Table(caption, ["Model", *columns], rows)]


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
        f"under “Where the models are strong and weak”.{verdict}"
    )


def _distribution(found: dict[str, Any]) -> Figure:
    tiers = found["tiers"]
    shares = ", ".join(
        f"{name} {numbers.percent(n / found['n_sessions'])}"
        for name, n in tiers.items()
    )
    return Figure(
        "Reliability of sessions",
        plots.histogram(found["histogram"], "reliability", "sessions"),
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
