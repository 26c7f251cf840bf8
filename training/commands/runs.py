"""`moocmeta runs`: what has been run."""

from pathlib import Path

import click
from tabulate import tabulate

from training.errors import UserError
from training.evaluation.metrics import leading
from training.options import out_option
from training.report.record import best_first, shared_metrics
from training.runs import read_index


@click.command("runs")
@out_option
def runs_command(out: Path) -> None:
    """List the finished runs, oldest first, with each one's best model on test."""
    try:
        lines = read_index(out)
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if not lines:
        raise click.ClickException(
            f"no runs under {out} yet: run `moocmeta-train` first"
        )
    header = ["run", "models", "best", "metric", "value"]
    rows = [_row(line["run_id"], line["test"]) for line in lines]
    click.echo(tabulate(rows, header, disable_numparse=True))


def _row(run_id: str, tests: dict[str, dict[str, float]]) -> list[str]:
    metric = leading(shared_metrics(list(tests.values())))
    if metric is None:
        return [run_id, str(len(tests)), "—", "—", "—"]
    reached = {name: test[metric] for name, test in tests.items()}
    best = best_first(reached, metric)[0]
    return [run_id, str(len(tests)), best, metric, f"{reached[best]:.4f}"]
