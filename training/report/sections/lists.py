"""What the models' lists favour: accuracy against coverage, and the rest as a table."""

from training.evaluation.metrics import LISTS, METRICS
from training.report import numbers, plots
from training.report.blocks import Cell, Figure, Folded, Points, Section, Table
from training.report.canvas import N_SERIES
from training.report.record import Run

ACROSS = "coverage@10"


def lists(run: Run) -> Section | None:
    """Whom and what the lists favour."""
    blocks = {model: run.models[model].get("lists") for model in run.ranked}
    found = {
        name: one for name, one in blocks.items() if one and one[ACROSS] is not None
    }
    upward = run.headline_metric
    if not found or upward is None:
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
        [_plot(run, found, upward), Folded("The numbers", [table, meanings])],
    )


def _plot(run: Run, found: dict[str, dict], upward: str) -> Figure:
    shown = [
        plots.Spot(
            run.title(model),
            (one[ACROSS], value),
            (one["ci95"][ACROSS], run.interval(model, upward)),
            run.series(model),
        )
        for model, one in list(found.items())[:N_SERIES]
        if (value := run.test(model, upward)) is not None
    ]
    spoken = "; ".join(
        f"{spot.label} {numbers.metric(spot.at[1])} at {numbers.metric(spot.at[0])}"
        for spot in shown
    )
    return Figure(
        f"{upward} against {ACROSS}",
        plots.spots(shown, ACROSS, upward),
        f"Scatter plot of {upward} against {ACROSS}: {spoken}.",
        "Each model with its 95% intervals: higher finds the next item more often, "
        "further right lists more of the catalogue.",
    )


def _bounds(interval: tuple[float, float] | None) -> str:
    return numbers.interval(interval) if interval else ""
