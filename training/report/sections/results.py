"""The table of metrics with intervals, and every model against the best baseline."""

from training.evaluation.metrics import METRICS
from training.report import numbers, plots
from training.report.blocks import (
    Block,
    Cell,
    Figure,
    Folded,
    Points,
    Row,
    Section,
    Table,
    Text,
)
from training.report.record import Run
from training.report.sections.verdicts import Gap, comparisons


def results(run: Run) -> Section | None:
    """Test metrics of every model."""
    names = run.metric_names
    if not names:
        return None
    table = Table(
        "Test metrics, best model first. The 95% interval of a value stands below "
        "it; the best value of a column is bold.",
        ["Model", *names],
        [_metrics_row(run, model, names) for model in run.ranked],
    )
    blocks: list[Block] = [table, *_remarks(run)]
    if run.plotted_metrics:
        blocks.append(Row([_plot(run, metric) for metric in run.plotted_metrics]))
    meanings = [f"{n}: {METRICS[n].meaning}" for n in names if n in METRICS]
    if meanings:
        blocks.append(Folded("What the metrics mean", [Points(meanings)]))
    return Section("results", "Results on test users", blocks)


PAIRED = (
    "Every model answers the same queries as {}, the baseline that did best on "
    "validation users, so differences are taken user by user. Intervals come from "
    "resampling users, p values from flipping the signs of users' differences; "
    "neither is corrected for the number of comparisons."
)


def comparison(run: Run, how: str = PAIRED) -> Section | None:
    """Differences to the best baseline, paired by user; `how` they were taken."""
    gaps = {metric: comparisons(run, metric) for metric in run.metric_names}
    gaps = {metric: found for metric, found in gaps.items() if found}
    if not gaps:
        return None
    name = run.title(run.metrics["best_baseline"])
    intro = Text(how.format(name))
    table = Table(
        f"Model less {name}: difference, its 95% interval and p. Bold: the two can "
        "be told apart, that is, the interval leaves zero out and p is below 0.05.",
        ["Model", *gaps],
        [
            [
                _name(run, model),
                *(_gap_cell(found.get(model)) for found in gaps.values()),
            ]
            for model in run.ranked
            if any(model in found for found in gaps.values())
        ],
    )
    plotted = [metric for metric in run.plotted_metrics if metric in gaps]
    figures = Row([_gap_plot(run, metric, gaps[metric], name) for metric in plotted])
    return Section(
        "comparison",
        f"Against the best baseline, {name}",
        [intro, table, figures] if plotted else [intro, table],
    )


LEFT_OUT = {
    "last": "The last item of a prefix is no candidate, since repeats collapse.",
    "prefix": "No item of a prefix is a candidate: labels never come back in training.",
    "none": "Every item is a candidate.",
}


def _remarks(run: Run) -> list[Block]:
    """What the table does not say: candidates, the yardstick, all pairs."""
    blocks: list[Block] = []
    if candidates := run.metrics.get("candidates"):
        lost = candidates["n_lost_labels"]
        also = f" {numbers.counted(lost, 'label')} can so not be found." if lost else ""
        blocks.append(Text(LEFT_OUT[candidates["exclude"]] + also))
    if behind := run.not_above_markov:
        named = numbers.listed([run.title(model) for model in behind])
        text = f"Not above Markov, what followed the last item: {named}."
        blocks.append(Text(text, is_note=True))
    if all(model.get("all_pairs") for model in run.models.values()):
        blocks.append(_all_pairs(run))
    return blocks


def _all_pairs(run: Run) -> Folded:
    names = [name for name in run.metric_names if name in METRICS]
    rows = [
        [
            _name(run, model),
            *(
                Cell(numbers.metric(found[name]), numbers.interval(found["ci95"][name]))
                for name in names
            ),
        ]
        for model in run.ranked
        for found in [run.models[model]["all_pairs"]]
    ]
    users = run.metrics.get("test_users_by_mart", {})
    asked = "; ".join(f"{mart} {numbers.count(n)}" for mart, n in users.items())
    n_pairs = numbers.counted(run.metrics["n_all_pairs"], "test pair")
    caption = (
        f"The same metrics over all {n_pairs}, whether or not an episode asks them. "
        f"{_who_reads(run)}"
        f"Test users there are to ask: {asked}."
    )
    return Folded("Over all test pairs", [Table(caption, ["Model", *names], rows)])


def _who_reads(run: Run) -> str:
    """Who has support where all pairs are asked; nothing in runs that do not say."""
    found = ""
    for does, how in ((True, "with the learner's earlier pairs"), (False, "without")):
        asked = [
            run.title(name)
            for name, model in run.models.items()
            if model.get("adaptation")
            and model["all_pairs"].get("reads_support") is does
        ]
        found += f"Asked {how}: {', '.join(asked)}. " if asked else ""
    return found


def _name(run: Run, model: str) -> Cell:
    return Cell(run.title(model), series=run.series(model))


def _metrics_row(run: Run, model: str, names: list[str]) -> list[Cell]:
    cells = [_name(run, model)]
    for name in names:
        value, bounds = run.test(model, name), run.interval(model, name)
        detail = numbers.interval(bounds) if bounds else ""
        is_best = value == _best(run, name)
        cells.append(Cell(numbers.metric(value), detail, is_best=is_best))
    return cells


def _best(run: Run, metric: str) -> float | None:
    reached = [run.test(model, metric) for model in run.models]
    values = [value for value in reached if value is not None]
    if metric not in METRICS or not values:
        return None
    return max(values) if METRICS[metric].higher_is_better else min(values)


def _plot(run: Run, metric: str) -> Figure:
    rows = [
        plots.Estimate(
            run.title(model),
            value,
            run.interval(model, metric),
            series=run.series(model),
        )
        for model in run.ranked
        if (value := run.test(model, metric)) is not None
    ]
    optimum = (run.metrics.get("bayes_optimal") or {}).get(metric)
    spoken = "; ".join(
        f"{row.label} {numbers.metric(row.value)} ({numbers.interval(row.interval)})"
        for row in rows
    )
    dashed = " The dashed line is the Bayes optimum." if optimum else ""
    return Figure(
        f"{metric} of each model",
        plots.estimates(rows, metric, (optimum, "Bayes optimum") if optimum else None),
        f"Dot plot of {metric} with 95% intervals: {spoken}.",
        f"Dots are {metric} on test users, bars 95% intervals.{dashed}",
    )


def _gap_cell(gap: Gap | None) -> Cell:
    if gap is None:
        return Cell(numbers.NOTHING)
    bounds = f"{numbers.signed_interval(gap.interval)}\n" if gap.interval else ""
    detail = bounds + numbers.p_value(gap.p)
    return Cell(numbers.signed(gap.value), detail, is_best=gap.is_clear)


def _gap_plot(run: Run, metric: str, gaps: dict[str, Gap], name: str) -> Figure:
    rows = [
        plots.Estimate(
            run.title(model), gap.value, gap.interval, series=run.series(model)
        )
        for model, gap in gaps.items()
    ]
    spoken = "; ".join(
        f"{run.title(model)} {numbers.signed(gap.value)}, {gap.evidence}"
        for model, gap in gaps.items()
    )
    return Figure(
        f"Difference in {metric} to {name}",
        plots.estimates(rows, f"{metric} less that of {name}", (0.0, name)),
        f"Dot plot of differences in {metric} to {name}: {spoken}.",
        f"A bar that crosses the dashed line cannot be told apart from {name}; "
        "left of it is worse, right of it better.",
    )
