"""The same models tested on other users and on the future."""

from typing import Any

from training.report import numbers, plots
from training.report.blocks import Cell, Figure, Points, Section, Table
from training.report.record import Run

WAYS = ["tested on other users", "tested on the future"]


def by_time(run: Run) -> Section | None:
    """A line a model from one way to the other, and what changes in words."""
    found = run.metrics.get("by_time")
    if not found:
        return None
    metric = found["ranked_by"]
    title = "What the future changes"
    return Section(
        "by-time",
        title,
        [Points(found["words"]), _slopes(run, found, metric), _table(run, found)],
    )


def _slopes(run: Run, found: dict[str, Any], metric: str) -> Figure:
    ways = run.models, found["models"]
    lines = [
        plots.Line(
            label=run.title(name),
            x=[0, 1],
            y=[models[name]["test"][metric] for models in ways],
            series=run.series(name),
            intervals=[models[name]["ci95"][metric] for models in ways],
        )
        for name in run.ranked
        if name in found["models"]
    ]
    spoken = "; ".join(
        f"{line.label} {numbers.metric(line.y[0])} and {numbers.metric(line.y[1])}"
        for line in lines
    )
    return Figure(
        "From other users to the future",
        plots.categories(WAYS, lines, "", metric),
        f"{metric} of each model on other users and on the future: {spoken}.",
        f"{metric} with its 95% interval. Lines that cross are models that change "
        "places.",
    )


def _table(run: Run, found: dict[str, Any]) -> Table:
    metric = found["ranked_by"]
    rows: list[list[Cell | str]] = []
    for name in run.ranked:
        was, now = run.models[name], found["models"][name]
        known = now["without_cold"]
        rows.append(
            [
                Cell(run.title(name), series=run.series(name)),
                *(
                    Cell(
                        numbers.metric(model["test"][metric]),
                        numbers.interval(model["ci95"][metric]),
                    )
                    for model in (was, now)
                ),
                numbers.signed(now["test"][metric] - was["test"][metric]),
                numbers.metric(known[metric] if known else None),
            ]
        )
    columns = ["Model", "Other users", "The future", "Change", "Without cold labels"]
    asked = numbers.counted(found["n_test_queries"], "query")
    return Table(f"{metric}; the future asks {asked}.", columns, rows)
