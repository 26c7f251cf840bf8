"""What the models were trained and tested on."""

from typing import Any

from training.report import numbers, plots
from training.report.blocks import Block, Figure, Row, Section, Table, Text
from training.report.record import Run

KEYS = ("dataset", "split")
SPLITS = ("train", "val", "test", "all")  # others follow


def data(run: Run) -> Section | None:
    """The funnel from raw rows on, and the data set's summary."""
    blocks: list[Block] = []
    if funnel := run.metrics.get("funnel"):
        blocks.append(_funnel(funnel))
    if summary := run.metrics.get("data_summary"):
        blocks.append(_summary(summary))
    if (unseen := run.metrics.get("share_unseen_labels")) is not None:
        blocks.append(
            Text(
                f"{numbers.percent(unseen)} of the test queries ask for an item that "
                f"{_nobody(run)} A model can only hit those by chance."
            )
        )
    return Section("data", "Data", blocks) if blocks else None


def _nobody(run: Run) -> str:
    if run.metrics.get("split_times"):
        return "nobody met before the cut between train and val."
    return "no training user ever touched."


def _funnel(steps: list[dict[str, Any]]) -> Row:
    sizes = [(step["step"], step["n_rows"]) for step in steps]
    spoken = "; ".join(f"{name} {numbers.count(size)}" for name, size in sizes)
    figure = Figure(
        "From raw rows on",
        plots.ladder(sizes, "rows, on a logarithmic scale"),
        f"Number of rows at each step: {spoken}.",
        "How many rows there are at each step; the unit changes on the way.",
    )
    users = [numbers.count(step.get("n_users")) for step in steps]
    rows = [
        [name, numbers.count(size), user]
        for (name, size), user in zip(sizes, users, strict=True)
    ]
    table = Table(
        "Rows at each step and the users they come from.",
        ["Step", "Rows", "Users"],
        rows,
    )
    return Row([figure, table])


def _summary(splits: list[dict[str, Any]]) -> Table:
    measures = [  # those of other families count nothing
        key for key in splits[0] if key not in KEYS and any(row[key] for row in splits)
    ]
    rank = {split: number for number, split in enumerate(SPLITS)}
    splits = sorted(splits, key=lambda row: rank.get(row["split"], len(rank)))
    return Table(
        "The data set by split.",
        ["", *(str(row["split"]) for row in splits)],
        [
            [_words(measure), *(_cell(measure, row.get(measure)) for row in splits)]
            for measure in measures
        ],
    )


def _cell(measure: str, value: Any) -> str:
    if measure == "sparsity" and value is not None and value < 0:
        return numbers.NOTHING  # where items are met again, events fill no matrix
    return numbers.plain(value)


def _words(measure: str) -> str:
    """Column name in words: `events_per_user_p50` is "events per user (median)"."""
    words = measure.removeprefix("n_").replace("_", " ")
    return words.replace(" p50", " (median)").replace(" p90", " (90th percentile)")
