"""Training curves, and what each model cost."""

from collections.abc import Iterable
from typing import Any

from training.report import numbers, plots
from training.report.blocks import Block, Cell, Figure, Row, Section, Table, Text
from training.report.canvas import N_SERIES
from training.report.record import Run

LOSS_HINT = "A curve that still falls at its end had more to learn."
CUT_SHORT = (
    "A model that was cut short had done all its epochs before validation had stopped "
    "rising: with more of them it may reach more."
)
VALIDATION_HINT = "The best epoch is chosen here, never on test users."
COLUMNS = {
    "n_parameters": ("Parameters", numbers.count),
    "best_epoch": ("Best epoch", numbers.count),
    "train_seconds": ("Training time", numbers.seconds),
    "eval_seconds": ("Test time", numbers.seconds),
}


def training(run: Run) -> Section | None:
    """How fitting went."""
    blocks: list[Block] = []
    if any(block.get("is_cut_short") for block in run.models.values()):
        blocks.append(Text(CUT_SHORT, is_note=True))
    fitted = {name: block for name, block in run.models.items() if block.get("history")}
    if fitted:
        by_monitor: dict[str, list[str]] = {}
        for name, block in fitted.items():
            by_monitor.setdefault(block["monitor"], []).append(name)
        figures = [
            _plot(run, _shown(run, fitted), "loss", "Training loss", "loss", LOSS_HINT),
            *(
                _plot(
                    run,
                    _shown(run, names),
                    "val",
                    f"Validation {monitor.upper() if monitor.isalpha() else monitor}",
                    f"{monitor} on validation users",
                    VALIDATION_HINT,
                )
                for monitor, names in by_monitor.items()
            ),
        ]
        blocks.append(Row(figures))
    blocks += [table for table in (_cost(run), _decided(run)) if table]
    return Section("training", "Training", blocks) if blocks else None


def _shown(run: Run, models: Iterable[str]) -> list[str]:
    """The best of them, as many as there are colours."""
    wanted = set(models)
    return [name for name in run.ranked if name in wanted][:N_SERIES]


def _plot(
    run: Run, models: list[str], key: str, title: str, axis: str, hint: str
) -> Figure:
    lines = []
    for model in models:
        history = run.models[model]["history"]
        lines.append(
            plots.Line(
                run.title(model),
                [epoch["epoch"] for epoch in history],
                [epoch[key] for epoch in history],
                run.series(model),
                marked_x=run.models[model].get("best_epoch"),
            )
        )
    spoken = "; ".join(
        f"{line.label} from {numbers.metric(line.y[0])} to "
        f"{numbers.metric(line.y[-1])} in {numbers.counted(len(line.y), 'epoch')}"
        for line in lines
    )
    return Figure(
        title,
        plots.curves(lines, "epoch", axis),
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
    rows: list[list[Cell | str]] = [
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


def _decided(run: Run) -> Table | None:
    """What was left open until the models were fitted, a row a setting."""
    rows: list[list[Cell | str]] = []
    for model, block in run.models.items():
        chosen = block.get("chosen") or {"tried": []}
        offered: dict[str, dict[Any, None]] = {}  # each value once, in order
        for each in chosen["tried"]:
            for key in each.keys() - {"mrr", "log_likelihood"}:
                offered.setdefault(key, {})[each[key]] = None
        rows += [
            [
                Cell(run.title(model), series=run.series(model)),
                key,
                str(_at(chosen["settings"], key)),
                ", ".join(map(str, offered[key])),
            ]
            for key in sorted(offered)
        ]
    if not rows:
        return None
    caption = (
        "What validation MRR decided once a model was fitted; of kinds of learners the "
        "log-likelihood of the labels."
    )
    return Table(caption, ["Model", "Setting", "Decided", "Out of"], rows)


def _at(settings: dict[str, Any], key: str) -> Any:
    """The value under a dotted key."""
    for name in key.split("."):
        settings = settings[name]
    return settings
