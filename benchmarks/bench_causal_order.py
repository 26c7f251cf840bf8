"""What reading the order of events gains over counting them, in loss and in effect.

    python -m benchmarks.bench_causal_order

Two simulated logs: in one the intent lies in the order of the events alone (the length
of the last run of bursts), in the other in their counts alone. Every model is
cross-fitted as in a run; losses are compared by user with the best summary model.
"""

import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch

from models_py import registry
from training.causal.crossfit import CrossFit, cross_fit
from training.causal.effects import estimate, observed
from training.causal.marts import TrialTable, trial_table
from training.causal.scorecard import models_block
from training.config import TrainConfig
from training.fit.job import Job
from training.fit.seeds import make_reproducible
from training.runs import Run
from training.simulate.ads.process import AdSettings
from training.simulate.ads.trials import simulate_trials

ORDER_WEIGHTS = {"order": 1.0, "counts": 0.0}


@dataclass(frozen=True)
class Unread:
    """The marts of trials that no mart holds."""

    mart: str = "causal_trials"
    dataset: str = "simulated"
    fingerprints: dict[str, dict[str, Any]] = field(default_factory=dict)


def run(n_users: int = 8000, seed: int = 7, epochs: int | None = None) -> dict:
    """Losses, their differences and AIPW estimates of every model in both logs."""
    config = TrainConfig(mart="causal_trials", epochs=epochs).resolved("causal")
    make_reproducible()
    return {
        "n_users": n_users,
        "cases": {
            name: _case(AdSettings(order_weight=weight), n_users, seed, config)
            for name, weight in ORDER_WEIGHTS.items()
        },
    }


def _case(settings: AdSettings, n_users: int, seed: int, config: TrainConfig) -> dict:
    simulated = simulate_trials(settings, n_users, seed)
    table = trial_table(simulated.table, len(simulated.tokens)).uncensored()
    fits, seconds = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        models, run = config.settings("causal"), Run(Path(folder))
        job = Job(config, models, Unread(), run, torch.device("cpu"), False)
        for name in models:
            started = time.process_time()
            fits[name] = cross_fit(job, name, table.trials, table.fold)
            seconds[name] = time.process_time() - started
    blocks = models_block(table, fits, config.seed)
    return {
        "n_trials": len(table),
        "true_ate": simulated.population.ate,
        "raw_difference": simulated.population.raw_difference,
        "models": {
            name: {
                "cpu_seconds": round(seconds[name], 1),
                "test": blocks[name]["test"],
                "vs_best_summary": blocks[name]["vs_best_baseline"],
                "aipw": _aipw(table, fits[name], config.trim),
            }
            for name in registry.names("causal")
        },
    }


def _aipw(table: TrialTable, fit: CrossFit, trim: float) -> dict[str, Any]:
    found = estimate(observed(table), fit.nuisances, trim)
    if found is None:
        raise click.ClickException("trimming leaves an arm empty; take more --users")
    return found.main.as_json()


@click.command()
@click.option("--users", type=click.IntRange(100), default=8000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True)
def main(users: int, seed: int) -> None:
    """Print losses and estimates as JSON."""
    click.echo(json.dumps(run(users, seed), indent=2))


if __name__ == "__main__":
    main()
