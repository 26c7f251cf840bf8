"""How much faster two processes fit than one, on a machine with two cores.

    python -m benchmarks.bench_processes

Seconds of one epoch of the training loop, with the same batches either way: by the
wall clock, and of the main process's CPU time, which other work on the machine distorts
less. One process and two are taken in turns, since the machine's speed may change.

What a machine's two cores can give at most is taken as well: two fits that know nothing
of each other, side by side. Cores that share caches, memory or a core of silicon give
less than twice one's work.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.bench_dbt_build import ROOT
from benchmarks.made_sequences import realistic_lengths, training_set
from models_py import registry
from training.fit.loop import fit
from training.fit.processes import World, joined
from training.fit.seeds import make_reproducible

MODELS = ("gru", "sasrec")
TARGETS, N_ITEMS = 120_000, 1_500
CHILD = "benchmarks.bench_processes"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Seconds = dict[str, float]  # by clock


def run(rounds: int = 3, targets: int = TARGETS, batch_size: int = 1024) -> dict:
    """Seconds of an epoch with one process and with two, and their ratios."""
    taken: dict[str, list[dict[str, Seconds]]] = {name: [] for name in MODELS}
    for _ in range(rounds):
        one, two = (_measured(size, targets, batch_size) for size in (1, 2))
        with ThreadPoolExecutor(2) as pool:
            beside, _ = pool.map(lambda _: _measured(1, targets, batch_size), range(2))
        for name in MODELS:
            found = {"1 process": one, "2 processes": two, "1 beside another": beside}
            taken[name].append({how: each[name] for how, each in found.items()})
    return {
        "targets": targets,
        "batch_size": batch_size,
        "epoch_seconds": taken,
        "times_faster": {
            name: _times_faster(each, "2 processes") for name, each in taken.items()
        },
        "times_faster_at_most": {
            name: _times_faster(each, "1 beside another", fits=2)
            for name, each in taken.items()
        },
    }


def _times_faster(rounds: list[dict[str, Seconds]], how: str, fits: int = 1) -> Seconds:
    """Median over the rounds, by clock, of a way that does `fits` fits at a time."""
    return {
        clock: round(
            statistics.median(
                fits * each["1 process"][clock] / each[how][clock] for each in rounds
            ),
            2,
        )
        for clock in CLOCKS
    }


def _measured(n_processes: int, targets: int, batch_size: int) -> dict[str, Seconds]:
    command = [str(Path(sys.executable).parent / "torchrun"), "--standalone"]
    command += ["--nproc-per-node", str(n_processes), "-m", CHILD, "--child"]
    command += ["--targets", str(targets), "--batch-size", str(batch_size)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise click.ClickException(done.stderr)
    return json.loads(done.stdout)


def _fit_once(world: World, targets: int, batch_size: int) -> dict[str, Seconds]:
    make_reproducible()
    rng = np.random.default_rng(0)
    train = training_set(rng, realistic_lengths(rng, targets), N_ITEMS)
    warm_up = training_set(rng, np.full(200, 9), N_ITEMS)
    found = {}
    for name in MODELS:
        for data in (warm_up, train):
            model = registry.create(name, n_items=N_ITEMS)
            optimiser = model.config.optimiser
            settings = replace(optimiser, epochs=1, batch_size=batch_size)
            before = {each: clock() for each, clock in CLOCKS.items()}
            fit(
                model,
                data,
                settings=settings,
                validate=lambda: 0.0,
                seed=0,
                world=world,
            )
            found[name] = {
                each: round(clock() - before[each], 2) for each, clock in CLOCKS.items()
            }
    return found


@click.command()
@click.option("--targets", type=click.IntRange(1), default=TARGETS, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=1024, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--child", is_flag=True, hidden=True)
def main(targets: int, batch_size: int, rounds: int, child: bool) -> None:
    """Measure and print as JSON."""
    if not child:
        click.echo(json.dumps(run(rounds, targets, batch_size), indent=2))
        return
    with joined(torch.device("cpu")) as world:
        found = _fit_once(world, targets, batch_size)
        if world.is_main:
            click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
