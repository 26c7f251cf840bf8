"""How many targets a CPU-second GRU and SASRec learn from, at one thread.

    python -m benchmarks.bench_training

Measures the training loop itself, batches and optimizer included, in CPU seconds
of this process, so that other load on the machine matters little. Two cases: the
prefix lengths of the XuetangX log, and sequences as long as they can get.
"""

import json
import time
from dataclasses import replace
from typing import Any

import click
import numpy as np
import torch

from benchmarks.made_sequences import (
    long_lengths,
    prefix_percentiles,
    realistic_lengths,
    training_set,
)
from models_py import registry
from models_py.data import TrainSequences
from training.fit.loop import fit
from training.fit.seeds import make_reproducible

MODELS = ("gru", "sasrec")


def run(n_targets: int = 120_000, n_items: int = 1_500, seed: int = 0) -> dict:
    """Targets per CPU-second of each model and case."""
    threads_before = torch.get_num_threads()
    make_reproducible()
    rng = np.random.default_rng(seed)
    cases = {
        "realistic": realistic_lengths(rng, n_targets),
        "long": long_lengths(n_targets),
    }
    results: dict[str, Any] = {
        "n_items": n_items,
        "threads": torch.get_num_threads(),
        "cases": {},
    }
    for name, lengths in cases.items():
        train = training_set(rng, lengths, n_items)
        results["cases"][name] = {
            "n_targets": train.n_labels,
            **prefix_percentiles(lengths),
            "targets_per_cpu_second": {
                model: round(targets_per_cpu_second(model, train)) for model in MODELS
            },
        }
    torch.set_num_threads(threads_before)
    return results


def targets_per_cpu_second(name: str, train: TrainSequences) -> float:
    """Throughput of one epoch with the model's own settings, after a short one."""
    _one_epoch(name, training_set(np.random.default_rng(0), np.full(200, 9), 50))
    before = time.process_time()
    _one_epoch(name, train)
    return train.n_labels / (time.process_time() - before)


def _one_epoch(name: str, train: TrainSequences) -> None:
    model = registry.create(name, n_items=train.n_items)
    settings = replace(model.config.optimiser, epochs=1)
    fit(model, train, settings=settings, validate=lambda: 0.0, seed=0)


@click.command()
@click.option("--targets", type=click.IntRange(1), default=120_000, show_default=True)
@click.option("--items", type=click.IntRange(2), default=1_500, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(targets: int, items: int, seed: int) -> None:
    """Print the throughputs as JSON."""
    click.echo(json.dumps(run(targets, items, seed), indent=2))


if __name__ == "__main__":
    main()
