"""What the models' lists favour: two plots, the rest as a table."""

from training.evaluation.metrics import LISTS, METRICS
from training.report import numbers, plots
from training.report.blocks import Cell, Figure, Folded, Points, Row, Section, Table
from training.report.record import Run

PLOTTED = {
    "coverage@10": "Further right: more of the catalogue is listed.",
    "long_tail@10": "Further right: more of what is listed is seldom met.",
}


def lists(run: Run) -> Section | None:
    """Whom and what the lists favour."""
    blocks = {model: run.models[model].get("lists") for model in run.ranked}
    found = {
        name: one
        for name, one in blocks.items()
        if one and all(one[metric] is not None for metric in PLOTTED)
    }
    if not found:
        return None
    caption = (
        "Of each test query's ten best items, with the 95% interval below. High or low "
        "is not better in itself: random lists cover everything."
    )
    rows = [
        [
            Cell(run.title(model), series=run.series(model)),
            *(
                Cell(numbers.metric(one[name]), _bounds(one["ci95"][name]))
                for name in LISTS
            ),
        ]
        for model, one in found.items()
    ]
    meanings = Points([f"{name}: {METRICS[name].meaning}" for name in LISTS])
    table = Table(caption, ["Model", *LISTS], rows)
    return Section(
        "lists",
        "What the lists favour",
        [
            Row([_plot(run, found, metric) for metric in PLOTTED]),
            Folded("The numbers", [table, meanings]),
        ],
    )


def _plot(run: Run, found: dict[str, dict], metric: str) -> Figure:
    rows = [
        plots.Estimate(
            run.title(model), one[metric], one["ci95"][metric], series=run.series(model)
        )
        for model, one in found.items()
    ]
    spoken = "; ".join(f"{row.label} {numbers.metric(row.value)}" for row in rows)
    return Figure(
        f"{metric} of each model",
        plots.estimates(rows, metric),
        f"Dot plot of {metric} with 95% intervals: {spoken}.",
        f"The most accurate model on top, bars are 95% intervals. {PLOTTED[metric]}",
    )


def _bounds(interval: tuple[float, float] | None) -> str:
    return numbers.interval(interval) if interval else ""
