"""Distance to the Bayes optimum, known where the data are simulated."""

from typing import Any

from training.report import numbers, plots
from training.report.blocks import Block, Cell, Figure, Row, Section, Table, Text
from training.report.record import Run


def optimum(run: Run) -> Section | None:
    """Each model's share of the best reachable metrics."""
    best = run.metrics.get("bayes_optimal") or {}
    names = [name for name in run.metric_names if best.get(name)]
    if not names:
        return None
    intro = Text(
        "These data are simulated, so the predictive distribution of the process "
        "itself is known. Its expected metrics are the most any model can reach on "
        "average; on one sample of queries a model may land a little above or below."
        + _of_support(run)
    )
    table = Table(
        "Share of the optimum that each model reaches, with the metric below.",
        ["", *names],
        [
            ["Bayes optimum", *(numbers.metric(best[name]) for name in names)],
            *(_row(run, model, names, best) for model in run.ranked),
        ],
    )
    blocks: list[Block] = [intro, table]
    if plotted := [name for name in run.plotted_metrics if name in names]:
        blocks.append(Row([_plot(run, name, best[name]) for name in plotted]))
    n_asked, n_optimum = run.metrics.get("n_test_queries"), best.get("n_queries")
    if n_optimum is not None and n_optimum != n_asked:
        note = (
            f"The optimum is that of {numbers.count(n_optimum)} queries, while the "
            f"models answered {numbers.count(n_asked)}: shares are approximate."
        )
        blocks.append(Text(note, is_note=True))
    return Section("optimum", "Distance to the Bayes optimum", blocks)


def _of_support(run: Run) -> str:
    """That models which adapt may know more than this optimum."""
    if not any(block.get("adaptation") for block in run.models.values()):
        return ""
    informed = (run.metrics.get("bayes_optimal_given_support") or {}).items()
    known = ", ".join(f"{name} {numbers.metric(value)}" for name, value in informed)
    return (
        " It sees the prefix alone; models that read a learner's support pairs may "
        "pass it" + (f": knowing the support the optimum is {known}." if known else ".")
    )


def _row(run: Run, model: str, names: list[str], best: dict[str, Any]) -> list[Cell]:
    shares = [
        Cell(
            numbers.percent(run.test(model, name) / best[name]),
            numbers.metric(run.test(model, name)),
        )
        for name in names
    ]
    return [Cell(run.title(model), series=run.series(model)), *shares]


def _plot(run: Run, metric: str, best: float) -> Figure:
    rows = []
    for model in run.ranked:
        value, bounds = run.test(model, metric), run.interval(model, metric)
        if value is None:
            continue
        rows.append(
            plots.Estimate(
                run.title(model),
                value / best,
                bounds and [bound / best for bound in bounds],
                series=run.series(model),
            )
        )
    spoken = "; ".join(f"{row.label} {numbers.percent(row.value)}" for row in rows)
    return Figure(
        f"Share of the optimal {metric}",
        plots.estimates(
            rows, f"share of the optimal {metric}", (1.0, "optimum"), "{x:.0%}"
        ),
        f"Dot plot of the share of the Bayes-optimal {metric} reached: {spoken}.",
        "What is missing to the dashed line is what a better model could still "
        "gain. Bars are the 95% intervals divided by the optimum.",
    )
