"""The same line-up from other seeds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from models_py.seeding import seeds_of
from models_py.space import with_settings
from training.files import write_json
from training.fit.job import Job, M
from training.progress import progress_bar
from training.runs import Run


def over_seeds(
    job: Job[M],
    n_seeds: int,
    values_of: Callable[[Job[M], str], np.ndarray],
) -> dict[str, list[np.ndarray]]:
    """What each model reaches from the next seeds, `n_seeds` less the job's own.

    What a seed reached is kept in the run's state, so an interrupted run goes on.

    Args:
        values_of: fits the model of a job and says how it did.
    Returns:
        By model, an array a seed; models that know no seed have none.
    """
    return {
        name: [_reached(one, name, values_of) for one in _reseeded(job, n_seeds)]
        for name in progress_bar(job.config.lineup, "seeds", is_shown=job.progress)
        if knows_seed(job, name)
    }


def knows_seed(job: Job[M], name: str) -> bool:
    """Whether a model's result depends on the seed at all."""
    return hasattr(job.settings[name], "seed") or hasattr(
        job.settings[name], "optimiser"
    )


def _reseeded(job: Job[M], n_seeds: int) -> Iterator[Job[M]]:
    """The job from other seeds, each in a folder of its own.

    A model whose settings name another seed than the run's keeps it.
    """
    for number in range(1, n_seeds):
        seed = job.config.seed + number
        yield replace(
            job,
            config=replace(job.config, seed=seed),
            settings={
                name: _with(settings, job.config.seed, seed)
                for name, settings in job.settings.items()
            },
            run=Run(job.run.state / "seeds" / str(seed)),
        )


def _with(settings: Any, old: int, new: int) -> Any:
    """Settings with another seed, those of its parts included."""
    runs = [name for name, seed in seeds_of(settings).items() if seed == old]
    return with_settings(settings, dict.fromkeys(runs, new))


def _reached(job: Job[M], name: str, values_of: Callable) -> np.ndarray:
    kept = job.run.path / f"{name}.json"
    if job.world.broadcast_bytes(b"kept" if kept.is_file() else b""):
        return np.array(job.run.read_json(kept.name))
    values = values_of(job, name)
    if job.world.is_main:
        write_json(kept, values.tolist())
    job.world.barrier()
    return values
