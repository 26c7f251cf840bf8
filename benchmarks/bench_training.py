"""How many targets a CPU-second GRU and SASRec learn from, at one thread.

    python -m benchmarks.bench_training
    python -m benchmarks.bench_training --items 100000 --width 64

Measures the training loop itself, batches and optimizer included, in CPU seconds
of this process, so that other load on the machine matters little. Two cases: the
prefix lengths of the XuetangX log, and sequences as long as they can get.
"""

import json
import resource
import time
from dataclasses import replace
from functools import partial
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
WIDTHS = {"gru": ("embedding_dim", "hidden_dim"), "sasrec": ("dim",)}


def run(
    n_targets: int = 120_000,
    n_items: int = 1_500,
    seed: int = 0,
    width: int | None = None,
    negatives: int | None = None,
) -> dict:
    """Targets per CPU-second of each model and case, and the most memory held.

    Args:
        width: of embeddings and states; None leaves each model its own.
        negatives: items that stand for all in the loss; None leaves it to their number.
    """
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
                model: round(targets_per_cpu_second(model, train, width, negatives))
                for model in MODELS
            },
        }
    results["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    torch.set_num_threads(threads_before)
    return results


def targets_per_cpu_second(
    name: str,
    train: TrainSequences,
    width: int | None = None,
    negatives: int | None = None,
) -> float:
    """Throughput of one epoch with the model's own settings, after a short one."""
    config = _config(name, width, negatives)
    short = replace(config, negatives=0)
    _one_epoch(name, short, training_set(np.random.default_rng(0), np.full(200, 9), 50))
    before = time.process_time()
    _one_epoch(name, config, train)
    return train.n_labels / (time.process_time() - before)


def _config(name: str, width: int | None, negatives: int | None) -> Any:
    config = replace(registry.CONFIGS[name](), negatives=negatives)
    if width is None:
        return config
    return replace(config, **dict.fromkeys(WIDTHS[name], width))


def _one_epoch(name: str, config: Any, train: TrainSequences) -> None:
    model = registry.create(name, n_items=train.n_items, config=config)
    settings = replace(config.optimiser, epochs=1)
    model.fit(train, partial(fit, settings=settings, validate=lambda: 0.0, seed=0))


@click.command()
@click.option("--targets", type=click.IntRange(1), default=120_000, show_default=True)
@click.option("--items", type=click.IntRange(2), default=1_500, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--width", type=click.IntRange(1), help="[default: each model's own]")
@click.option("--negatives", type=click.IntRange(0), help="[default: by the items]")
def main(
    targets: int, items: int, seed: int, width: int | None, negatives: int | None
) -> None:
    """Print the throughputs as JSON."""
    found = run(targets, items, seed, width, negatives)
    click.echo(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
