"""How much faster queries are scored together than one at a time.

    python -m benchmarks.bench_scoring

Both sides call the model's `score`; one gets all queries in chunks as the
evaluation does, the other a query a call. Untrained weights cost the same as
trained ones; Session-KNN is fitted on random sessions. One thread, CPU seconds.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
import torch

from benchmarks.made_sequences import query_set, realistic_lengths, training_set
from models_py import registry
from models_py.data import Queries
from models_py.recommendation.protocol import Recommender
from training.fit.seeds import make_reproducible

MODELS = ("gru", "sasrec", "session_knn")
CHUNK = 2_048  # queries a call


def run(
    n_queries: int = 10_000, n_items: int = 1_500, n_single: int = 1_000, seed: int = 0
) -> dict:
    """Queries per CPU-second of both ways and their ratio, a model each.

    Args:
        n_single: how many of the queries are scored one at a time; their rate
            stands for all.
    """
    threads_before = torch.get_num_threads()
    make_reproducible()
    rng = np.random.default_rng(seed)
    train = training_set(rng, realistic_lengths(rng, 120_000), n_items)
    queries = query_set(rng, n_queries, n_items)
    some = torch.from_numpy(rng.permutation(n_queries)[:n_single])
    results: dict[str, Any] = {"n_queries": n_queries, "n_items": n_items, "models": {}}
    for name in MODELS:
        model = registry.create(name, n_items=n_items)
        model.fit(train, optimise=lambda model, train: None)
        together = _rate(model, queries, CHUNK)
        single = _rate(model, queries.take(some), 1)
        results["models"][name] = {
            "together_per_cpu_second": round(together),
            "single_per_cpu_second": round(single),
            "ratio": round(together / single, 1),
        }
    torch.set_num_threads(threads_before)
    return results


def _rate(model: Recommender, queries: Queries, chunk: int) -> float:
    """Queries per CPU-second, after a first call that warms up."""
    model.score(queries.take(torch.arange(min(chunk, len(queries)))))
    before = time.process_time()
    for part in _chunks(queries, chunk):
        model.score(part)
    return len(queries) / (time.process_time() - before)


def _chunks(queries: Queries, chunk: int) -> Iterator[Queries]:
    return (queries.take(rows) for rows in torch.arange(len(queries)).split(chunk))


@click.command()
@click.option("--queries", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--items", type=click.IntRange(2), default=1_500, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(queries: int, items: int, seed: int) -> None:
    """Print the rates as JSON."""
    click.echo(json.dumps(run(queries, items, seed=seed), indent=2))


if __name__ == "__main__":
    main()
