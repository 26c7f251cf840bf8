"""What this many test users can tell, and how much one split decides."""

from typing import Any

from training.report import numbers, plots
from training.report.blocks import Block, Cell, Figure, Row, Section, Table, Text
from training.report.record import Run
from training.report.sections.verdicts import comparisons

# Cluster bootstraps give too short intervals below a few dozen clusters
# (Cameron, Gelbach and Miller, 2008).
FEW_USERS = 40
# Normal quantiles: half a 95% interval is 1.96 standard errors, and a difference
# of 1.96 + 0.84 standard errors is found with 80% power at the 5% level.
HALF_WIDTH = 1.96
DETECTABLE = 2.8


def certainty(run: Run) -> Section | None:
    """Number of users, detectable differences, spread over repeated splits."""
    metric = run.headline_metric
    n_users = run.metrics.get("n_test_users")
    if metric is None or n_users is None:
        return None
    blocks: list[Block] = [Text(_who(run, n_users) + _detectable(run, metric))]
    splits = run.metrics.get("repeat_splits")
    if n_users < FEW_USERS:
        blocks.append(Text(_caution(bool(splits)), is_note=True))
    if splits:
        blocks += _repeated(run, splits, metric)
    return Section("certainty", "What can be told apart", blocks)


def _who(run: Run, n_users: int) -> str:
    asked = numbers.counted(run.metrics["n_test_queries"], "test query")
    users = numbers.counted(n_users, "user")
    return (
        f"The {asked} come from {users}. Answers of one user hang together, so "
        "it is users, not queries, that count as independent. "
    )


def _detectable(run: Run, metric: str) -> str:
    widths = [
        gap.interval[1] - gap.interval[0]
        for gap in comparisons(run, metric).values()
        if gap.interval is not None
    ]
    sizes = [DETECTABLE * width / (2 * HALF_WIDTH) for width in sorted(widths) if width]
    if not sizes:
        return ""
    ends = dict.fromkeys(numbers.metric(size) for size in (sizes[0], sizes[-1]))
    return (
        f"For this many users to show it four times out of five, a model must differ "
        f"from {run.title(run.metrics['best_baseline'])} by about "
        f"{' to '.join(ends)} in {metric}: less where two models err on the same "
        "users, more where they do not. Smaller differences stay open."
    )


def _caution(has_splits: bool) -> str:
    caution = (
        f"With fewer than {FEW_USERS} test users the intervals tend to be too short: "
        "read them as the least uncertainty there is."
    )
    if has_splits:
        return caution
    return (
        f"{caution} One split of so few users is no result by itself; the option "
        "--repeat-splits 20 shows how far the numbers move."
    )


def _repeated(run: Run, splits: dict[str, Any], metric: str) -> list[Block]:
    spread = {
        model: block
        for model, block in splits["models"].items()
        if model in run.models and metric in block
    }
    if not spread:
        return []
    order = sorted(spread, key=lambda model: -spread[model][metric]["mean"])
    names = [name for name in run.metric_names if name in spread[order[0]]]
    table = Table(
        f"Mean ± standard deviation over {splits['n']} splits, smallest to largest "
        "below.",
        ["Model", *names],
        [
            [
                Cell(run.title(model), series=run.series(model)),
                *(_spread_cell(spread[model][name]) for name in names),
            ]
            for model in order
        ],
    )
    figures = [
        _spread_plot(run, {model: spread[model][name] for model in order}, name)
        for name in run.plotted_metrics
        if name in names
    ]
    compared = _compared(run, spread, order, metric)
    return [Text(_drawn(splits)), table, *compared, Row(figures)]


def _compared(
    run: Run, spread: dict[str, Any], order: list[str], metric: str
) -> list[Table]:
    """Each model less the references, paired by split; none where there are none."""
    less = {model: spread[model][metric].get("less") or {} for model in order}
    names = list(dict.fromkeys(name for found in less.values() for name in found))
    if not names:
        return []
    rows = [
        [
            Cell(run.title(model), series=run.series(model)),
            *(_difference_cell(found.get(name)) for name in names),
        ]
        for model, found in less.items()
    ]
    caption = (
        f"Mean difference in {metric}, paired by split; the 95% intervals allow for "
        "users that splits share (Nadeau and Bengio, 2003)."
    )
    return [Table(caption, ["Model", *(f"less {run.title(n)}" for n in names)], rows)]


def _difference_cell(found: dict[str, Any] | None) -> Cell:
    if found is None:
        return Cell(numbers.NOTHING)
    detail = numbers.signed_interval(found["ci95"]) if found["ci95"] else ""
    return Cell(numbers.signed(found["difference"]), detail)


def _drawn(splits: dict[str, Any]) -> str:
    users = splits.get("n_test_users")
    each = f", with {min(users):,} to {max(users):,} test users each" if users else ""
    return (
        f"The whole evaluation was repeated on {splits['n']} random splits of the "
        f"users{each}. Splits share users, so their spread shows how much one lucky "
        "split can move a number; it is not an interval."
    )


def _spread_cell(block: dict[str, float]) -> Cell:
    return Cell(
        f"{numbers.metric(block['mean'])} ± {numbers.metric(block['sd'])}",
        numbers.interval([block["min"], block["max"]]),
    )


def _spread_plot(run: Run, spread: dict[str, dict[str, float]], metric: str) -> Figure:
    rows = [
        plots.Estimate(
            run.title(model),
            block["mean"],
            [block["mean"] - block["sd"], block["mean"] + block["sd"]],
            [block["min"], block["max"]],
            run.series(model),
        )
        for model, block in spread.items()
    ]
    spoken = "; ".join(
        f"{run.title(model)} {numbers.metric(block['mean'])}, from "
        f"{numbers.metric(block['min'])} to {numbers.metric(block['max'])}"
        for model, block in spread.items()
    )
    return Figure(
        f"{metric} over the splits",
        plots.estimates(rows, metric),
        f"Dot plot of mean {metric} over repeated splits with ranges: {spoken}.",
        "Dots are means over splits, thick bars one standard deviation to either "
        "side, thin bars the range. Models whose thick bars overlap may well swap "
        "places from split to split.",
    )
