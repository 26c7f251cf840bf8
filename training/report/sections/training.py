"""Training curves, and what each model cost."""

from training.report import numbers
from training.report.blocks import Block, Cell, Figure, Row, Section, Table
from training.report.plots import Line, curves
from training.report.record import Run

# Key of an epoch's record -> title, axis, what to look for.
CURVES = {
    "loss": (
        "Training loss",
        "loss",
        "A curve that still falls at its end had more to learn.",
    ),
    "val_mrr": (
        "Validation MRR",
        "mrr on validation users",
        "The best epoch is chosen here, never on test users.",
    ),
}
COLUMNS = {
    "n_parameters": ("Parameters", numbers.count),
    "best_epoch": ("Best epoch", numbers.count),
    "train_seconds": ("Training time", numbers.seconds),
    "eval_seconds": ("Test time", numbers.seconds),
}


def training(run: Run) -> Section | None:
    """How fitting went."""
    blocks: list[Block] = []
    if figures := [figure for key in CURVES if (figure := _plot(run, key))]:
        blocks.append(Row(figures))
    if table := _cost(run):
        blocks.append(table)
    return Section("training", "Training", blocks) if blocks else None


def _plot(run: Run, key: str) -> Figure | None:
    lines = []
    for model, block in run.models.items():
        points = [epoch for epoch in block.get("history") or [] if key in epoch]
        if points:
            lines.append(
                Line(
                    run.title(model),
                    [point["epoch"] for point in points],
                    [point[key] for point in points],
                    run.series(model),
                    marked_x=block.get("best_epoch"),
                )
            )
    if not lines:
        return None
    title, axis, hint = CURVES[key]
    spoken = "; ".join(
        f"{line.label} from {numbers.metric(line.y[0])} to "
        f"{numbers.metric(line.y[-1])} in {numbers.counted(len(line.y), 'epoch')}"
        for line in lines
    )
    return Figure(
        title,
        curves(lines, "epoch", axis),
        f"{title} by epoch: {spoken}.",
        f"{hint} A ring marks the epoch that was kept.",
    )


def _cost(run: Run) -> Table | None:
    blocks = run.models.values()
    columns = {
        key: shown
        for key, shown in COLUMNS.items()
        if any(block.get(key) is not None for block in blocks)
    }
    validated = [
        name
        for name in run.plotted_metrics
        if all(name in (block.get("val") or {}) for block in blocks)
    ]
    if not columns and not validated:
        return None
    rows = [
        [
            Cell(run.title(model), series=run.series(model)),
            *(show(block.get(key)) for key, (_, show) in columns.items()),
            *(numbers.metric(block["val"][name]) for name in validated),
        ]
        for model, block in run.models.items()
    ]
    titles = [title for title, _ in columns.values()]
    return Table(
        "Size and time of each model, and its metrics on validation users.",
        ["Model", *titles, *(f"validation {name}" for name in validated)],
        rows,
    )
