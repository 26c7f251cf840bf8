"""How many responses a CPU-second SAKT learns from, beside pyKT's SAKT, at one thread.

    python -m benchmarks.bench_tracing_training

Both train one epoch on the same responses with the same width, heads and dropout;
ours through the training loop, pyKT's module in a plain one. CPU seconds of this
process, so that other load on the machine matters little. Two cases: users with a few
dozen responses each, as in real logs, and users who fill every window.
"""

import json
import time
from dataclasses import replace
from typing import Any

import click
import numpy as np
import torch

from benchmarks import pykt_sakt
from models_py.ragged import Ragged
from models_py.tracing.data import Responses, SkillSets
from models_py.tracing.sakt import SAKT, SAKTConfig
from models_py.tracing.shown import FEATURES
from training.fit.loop import fit
from training.fit.seeds import make_reproducible

N_SKILLS = 50
PYKT_BATCH = 64  # windows, the package's default


def run(responses: int = 60_000, n_items: int = 1_000, seed: int = 0) -> dict:
    """Responses per CPU-second of each implementation and case."""
    threads_before = torch.get_num_threads()
    make_reproducible()
    rng = np.random.default_rng(seed)
    cases = {
        "realistic": np.maximum(rng.lognormal(3.6, 1.0, responses // 40), 2),
        "full windows": np.full(max(responses // 200, 1), 200),
    }
    warm = made_responses(rng, np.full(20, 30), n_items)
    _ours(warm)  # torch imports parts of itself at the first step
    _pykt(warm, n_blocks=1)
    result: dict[str, Any] = {
        "n_items": n_items,
        "threads": torch.get_num_threads(),
        "cases": {},
    }
    for name, lengths in cases.items():
        data = made_responses(rng, lengths.astype(int), n_items)
        rates = {
            "sakt": _rate(data, lambda data=data: _ours(data)),
            "pykt": _rate(data, lambda data=data: _pykt(data, n_blocks=1)),
            "pykt, its default of two blocks": _rate(
                data, lambda data=data: _pykt(data, n_blocks=2)
            ),
        }
        result["cases"][name] = {
            "n_responses": len(data),
            "responses_per_user_p50": float(np.median(lengths.astype(int))),
            "responses_per_cpu_second": rates,
            "sakt_over_pykt": round(rates["sakt"] / rates["pykt"], 2),
        }
    torch.set_num_threads(threads_before)
    return result


def made_responses(
    rng: np.random.Generator, lengths: np.ndarray, n_items: int
) -> Responses:
    """Answers at random: how fast a model learns does not depend on what."""
    n_rows = int(lengths.sum())
    skills = [
        sorted(set(rng.integers(0, N_SKILLS, 2).tolist())) for _ in range(n_items)
    ]
    item = rng.integers(0, n_items, n_rows)
    sets, set_of_item = SkillSets.of(Ragged.from_lists(skills), N_SKILLS)
    behaviour = rng.random((n_rows, 2)).astype(np.float32)
    return Responses(
        user=torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths)),
        item=torch.from_numpy(item),
        skill_set=set_of_item[torch.from_numpy(item)],
        skill_sets=sets,
        correct=torch.from_numpy(rng.random(n_rows) < 0.6),
        at=torch.from_numpy(rng.integers(1, 200, n_rows).cumsum()),
        history=torch.zeros(n_rows, len(FEATURES)),
        behaviour=torch.from_numpy(behaviour),
        n_items=n_items,
    )


def _ours(data: Responses) -> None:
    config = SAKTConfig(rare_below=0)
    settings = replace(config.optimiser, epochs=1)
    model = SAKT(data.n_items, data.n_skills, config)
    one_user = data.take(slice(0, int(data.user_starts[1])))
    model.fit(
        data,
        one_user,  # what is learned from validation is not what is measured
        lambda module, train: fit(
            module, train, settings=settings, validate=lambda: 0.0, seed=0
        ),
    )


def _pykt(data: Responses, n_blocks: int) -> None:
    config = SAKTConfig()
    torch.manual_seed(0)
    model = pykt_sakt.PyktSAKT(
        data.n_items, config.dim, config.n_heads, config.dropout, n_blocks
    )
    starts = data.user_starts.numpy()
    windows = pykt_sakt.padded(data.item.numpy(), data.correct.numpy(), starts)
    pykt_sakt.train_epoch(model, windows, PYKT_BATCH, seed=0)


def _rate(data: Responses, train_once) -> int:
    started = time.process_time()
    train_once()
    return round(len(data) / (time.process_time() - started))


@click.command()
@click.option(
    "--responses", type=click.IntRange(200), default=60_000, show_default=True
)
@click.option("--items", type=click.IntRange(2), default=1_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(responses: int, items: int, seed: int) -> None:
    """Print the throughputs as JSON."""
    click.echo(json.dumps(run(responses, items, seed), indent=2))


if __name__ == "__main__":
    main()
