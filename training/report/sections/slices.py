"""Recall@10 by prefix length, reliability and popularity of the next item."""

from typing import Any

from training.report import numbers, plots
from training.report.blocks import Block, Cell, Figure, Folded, Row, Section, Table
from training.report.canvas import N_SERIES
from training.report.record import Run

METRIC = "recall@10"
# Name in metrics.json -> title, axis, what to look for.
KINDS = {
    "prefix_length": (
        "By prefix length",
        "items before the query",
        "A model that rises to the right gains from a longer history.",
    ),
    "reliability_tier": (
        "By reliability tier",
        "reliability tier",
        "A model that rises to the right does better where learners were more active.",
    ),
    "support_reliability_tier": (
        "By reliability of the support",
        "tier of the support",
        "A model that rises to the right adapts better to reliable support.",
    ),
    "popularity_fifth": (
        "By popularity of the next item",
        "fifth of all items by train events",
        "A model that falls to the right finds what many do and little else.",
    ),
}

Rows = dict[str, list[dict[str, Any]]]  # by model


def slices(run: Run) -> Section | None:
    """Where models are strong and weak."""
    found = {kind: rows for kind in KINDS if (rows := _rows(run, kind))}
    if not found:
        return None
    tables = [_table(run, kind, rows) for kind, rows in found.items()]
    blocks: list[Block] = [
        Row([_plot(run, kind, rows) for kind, rows in found.items()]),
        Folded("The numbers behind these plots", tables),
    ]
    return Section("slices", "Where the models are strong and weak", blocks)


def _rows(run: Run, kind: str) -> Rows:
    blocks = {model: run.models[model].get("slices") or {} for model in run.ranked}
    return {model: block[kind] for model, block in blocks.items() if block.get(kind)}


def _sizes(rows: Rows) -> dict[str, tuple[int, int]]:
    """Slice -> queries and users; every model answers the same queries."""
    return {
        row["slice"]: (row["n_queries"], row["n_users"])
        for of_model in rows.values()
        for row in of_model
    }


def _plot(run: Run, kind: str, rows: Rows) -> Figure:
    title, axis, hint = KINDS[kind]
    sizes = _sizes(rows)
    place = {name: x for x, name in enumerate(sizes)}
    lines = [
        plots.Line(
            run.title(model),
            [place[row["slice"]] for row in of_model],
            [row[METRIC] for row in of_model],
            run.series(model),
            [row["ci95"] for row in of_model],
        )
        for model, of_model in list(rows.items())[:N_SERIES]
    ]
    ticks = [f"{name}\n{numbers.count(n)}" for name, (n, _) in sizes.items()]
    spoken = "; ".join(
        f"{line.label} {', '.join(numbers.metric(value) for value in line.y)}"
        for line in lines
    )
    return Figure(
        f"{METRIC} {title[0].lower()}{title[1:]}",
        plots.categories(
            ticks, lines, f"{axis}, below it the number of queries", METRIC
        ),
        f"{METRIC} {title.lower()} ({', '.join(sizes)}): {spoken}.",
        f"Bars are 95% intervals. {hint}",
    )


def _table(run: Run, kind: str, rows: Rows) -> Table:
    title, _, _ = KINDS[kind]
    sizes = _sizes(rows)
    cells: list[list[Cell]] = [
        [
            Cell("Queries", "users"),
            *(Cell(numbers.count(n), numbers.count(u)) for n, u in sizes.values()),
        ]
    ]
    for model, of_model in rows.items():
        by_slice = {row["slice"]: row for row in of_model}
        name = Cell(run.title(model), series=run.series(model))
        cells.append([name, *(_cell(by_slice.get(label)) for label in sizes)])
    caption = f"{METRIC} {title.lower()}, with its 95% interval below."
    return Table(caption, ["Model", *sizes], cells)


def _cell(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell(numbers.NOTHING)
    detail = numbers.interval(row["ci95"]) if row["ci95"] else ""
    return Cell(numbers.metric(row[METRIC]), detail)
