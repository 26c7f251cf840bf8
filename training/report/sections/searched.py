"""What trials of settings brought, and how far seeds move a result."""

from typing import Any

from training.report import numbers
from training.report.blocks import Block, Cell, Section, Table, Text
from training.report.record import Run


def searched(run: Run) -> Section | None:
    """The trials of each model and its spread over seeds, where there are any."""
    blocks: list[Block] = []
    if run.metrics.get("tuning"):
        blocks += _trials(run, run.metrics["tuning"])
    if run.metrics.get("seeds"):
        blocks += _seeds(run, run.metrics["seeds"])
    return Section("searched", "Settings and seeds", blocks) if blocks else None


def _trials(run: Run, tuning: dict[str, dict[str, Any]]) -> list[Block]:
    rows: list[list[Cell | str]] = [
        [
            Cell(run.title(model), series=run.series(model)),
            Cell(
                numbers.count(found["n_trials"]),
                f"{found['n_pruned']} given up, {found['n_diverged']} diverged",
            ),
            numbers.metric(found["as_given"]),
            numbers.metric(found["best"]),
            ", ".join(f"{k} {_value(v)}" for k, v in found["chosen"].items())
            or "as given",
        ]
        for model, found in tuning.items()
    ]
    columns = ["Model", "Trials", "As given", "Best trial", "Chosen"]
    caption = (
        "Validation MRR of the settings as given and of the best trial. Test users "
        "were asked once, with what was chosen; trials.parquet holds every trial."
    )
    return [Table(caption, columns, rows, is_text=True)]


def _seeds(run: Run, seeds: dict[str, Any]) -> list[Block]:
    metric = run.headline_metric or "recall@10"
    best = seeds["best_baseline"]
    rows: list[list[Cell | str]] = []
    for model, found in seeds["models"].items():
        own, less = found[metric], found[metric]["less_best"]
        gap = Cell(numbers.NOTHING)
        if less:
            bounds = numbers.signed_interval(less["ci95"])
            told = "" if less["is_difference"] else ", no difference"
            gap = Cell(numbers.signed(less["mean"]), bounds + told)
        name = Cell(run.title(model), series=run.series(model))
        mean = Cell(numbers.metric(own["mean"]), numbers.interval(own["ci95"]))
        rows.append([name, mean, numbers.metric(own["sd"]), gap])
    caption = (
        f"{metric} over {numbers.counted(seeds['n'], 'seed')}; the interval covers the "
        "choice of users and of seeds."
    )
    # without a baseline in the run there is nobody to compare with
    least = f"Less {run.title(best)}" if best else "Less the best baseline"
    columns = ["Model", "Mean", "Spread over seeds", least]
    note = (
        "A difference whose interval holds zero is within what other users or other "
        "seeds would change."
    )
    return [Table(caption, columns, rows), Text(note)]


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
