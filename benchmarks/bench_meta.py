"""How many learners a CPU-second the meta-learners learn from, at one thread.

    python -m benchmarks.bench_meta

One outer step's work, batches laid out and meta-gradient taken, at K = 5, Q = 10,
five inner steps, GRU 64/128 and 1,500 items, in CPU seconds of this process. Beside it
the plain way in the same run: learner by learner, weights copied, dense descent.
"""

import json
import time

import click
import numpy as np
import torch

from benchmarks.made_sequences import prefix_percentiles, realistic_lengths
from benchmarks.plain_maml import Plain, plain_meta_loss
from models_py import registry
from models_py.meta.blocks import Blocks
from models_py.meta.learner import METHODS, MetaConfig, MetaLearner
from models_py.meta.tasks import PairRows, Tasks
from models_py.ragged import Ragged
from training.fit.seeds import make_reproducible

K, Q = 5, 10
TRAINED = [name for name, method in METHODS.items() if method.is_trained]
PLAIN_TASKS = 8  # the plain way is slow


def run(n_tasks: int = 320, n_items: int = 1_500, seed: int = 0) -> dict:
    """Learners per CPU-second of each method."""
    threads_before = torch.get_num_threads()
    make_reproducible()
    tasks, prefixes = made_tasks(np.random.default_rng(seed), n_tasks, n_items)
    batched = {name: learners_per_second(name, tasks, n_items) for name in TRAINED}
    batched["cavia"] = with_contexts_per_second(tasks, n_items)
    plain = {
        name: plain_per_second(name, tasks.take(torch.arange(PLAIN_TASKS)), n_items)
        for name in ("maml", "fomaml")
    }
    torch.set_num_threads(threads_before)
    return {
        "n_items": n_items,
        "k": K,
        "q": Q,
        "inner_steps": 5,
        "threads": 1,
        **prefixes,
        "learners_per_cpu_second": {n: round(v, 1) for n, v in batched.items()},
        "plain_loop": {n: round(v, 1) for n, v in plain.items()},
        "times_faster": {n: round(batched[n] / v, 1) for n, v in plain.items()},
    }


def made_tasks(
    rng: np.random.Generator, n_tasks: int, n_items: int
) -> tuple[Tasks, dict[str, float]]:
    """Episodes cut from sequences of realistic lengths, with random items."""
    lengths = realistic_lengths(rng, n_tasks * (K + Q))
    sequence = np.repeat(np.arange(len(lengths)), lengths - 1)
    place = np.concatenate([np.arange(1, length) for length in lengths])
    items = [rng.integers(0, n_items, length).tolist() for length in lengths]
    pairs = PairRows(
        prefixes=Ragged.from_lists(
            [items[s][:t] for s, t in zip(sequence, place, strict=True)]
        ),
        prefix_len=torch.from_numpy(place),
        sequence=torch.from_numpy(sequence),
        label=torch.tensor([items[s][t] for s, t in zip(sequence, place, strict=True)]),
        reliability=torch.full((len(place),), 0.5),
    )
    rows = torch.arange(n_tasks * (K + Q)).view(n_tasks, -1)
    reliability = torch.full((n_tasks,), 0.5)
    tasks = Tasks(pairs, rows[:, :K], rows[:, K:], reliability)
    return tasks, prefix_percentiles(lengths)


def learners_per_second(name: str, tasks: Tasks, n_items: int) -> float:
    """Throughput of outer steps of 32 learners, after a warm-up."""
    config = MetaConfig(tasks_per_step=32, validate_every=len(tasks) // 32)
    network = registry.create("gru", n_items=n_items)
    model = MetaLearner(n_items, config, network=network, method=METHODS[name])
    order = torch.Generator().manual_seed(0)
    some = tasks.take(torch.arange(32))
    for batch in model.batches(some, config.optimiser, order):
        model.loss(batch).backward()
        break
    before, n = time.process_time(), 0
    for batch in model.batches(tasks, config.optimiser, order):
        model.loss(batch).backward()
        n += sum(len(part.reliability) for part in batch.parts)
    return n / (time.process_time() - before)


def with_contexts_per_second(tasks: Tasks, n_items: int) -> float:
    """The same of learners that only have a context for themselves."""
    network = registry.create("gru", n_items=n_items)
    model = registry.create("cavia", n_items=n_items, network=network)
    blocks, order = Blocks.of_tasks(tasks), torch.arange(len(tasks))
    model.loss(model.lay_out(blocks.take(order[:32]))).backward()
    before = time.process_time()
    for rows in order.split(32):
        model.loss(model.lay_out(blocks.take(rows))).backward()
    return len(tasks) / (time.process_time() - before)


def plain_per_second(name: str, tasks: Tasks, n_items: int) -> float:
    """Throughput of the plain way."""
    network = registry.create("gru", n_items=n_items).eval()
    how = Plain(second_order=METHODS[name].second_order)

    def meta_gradient(some: Tasks) -> None:
        n = len(some)
        for task in range(n):  # a graph at a time: all at once take more memory
            one = some.take(torch.tensor([task]))
            loss = plain_meta_loss(network, one, [5], [1.0], how).sum() / n
            loss.backward()

    meta_gradient(tasks.take(torch.arange(1)))
    before = time.process_time()
    meta_gradient(tasks)
    return len(tasks) / (time.process_time() - before)


@click.command()
@click.option("--tasks", type=click.IntRange(32), default=320, show_default=True)
@click.option("--items", type=click.IntRange(2), default=1_500, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(tasks: int, items: int, seed: int) -> None:
    """Print the throughputs as JSON."""
    click.echo(json.dumps(run(tasks, items, seed), indent=2))


if __name__ == "__main__":
    main()
