"""How well the models behind the effects predict."""

from training.report import numbers
from training.report.blocks import Cell, Section, Table, Text
from training.report.record import Run
from training.report.sections.results import results


def nuisances(run: Run) -> Section | None:
    """Loss and AUC of each model on users that it did not see."""
    best = run.metrics["best_nuisance"]
    estimated = run.metrics["effects"]["by_nuisance"]
    among = "" if len(estimated) == len(run.models) else " of those with estimates"
    intro = Text(
        "Each model is fitted once for every fifth of the users, without them, and "
        f"predicts those. {run.title(best)} has the lowest loss{among}; the effects "
        "above go by it. That choice looks at predictions, never at effects."
    )
    measured = results(run)
    blocks = [intro, *(measured.blocks if measured else [])]
    rows = [row for name in run.models if (row := _versus(run, name))]
    if rows:
        names = [name for name in run.metric_names if name.endswith("log_loss")]
        blocks.append(
            Table(
                "Difference to the best summary model, 95% interval by user below: "
                "less than 0 is better.",
                ["", *names],
                rows,
            )
        )
    return Section("nuisances", "The models behind it", blocks)


def _versus(run: Run, model: str) -> list[Cell] | None:
    found = run.models[model].get("vs_best_baseline")
    if not found:
        return None
    cells = [
        Cell(
            numbers.signed(found[name]["difference"]),
            f"{numbers.signed_interval(found[name]['ci95'])}\n"
            f"{numbers.p_value(found[name]['p'])}",
        )
        for name in run.metric_names
        if name in found
    ]
    title = f"{run.title(model)} less {run.title(found['baseline'])}"
    return [Cell(title, series=run.series(model)), *cells]
