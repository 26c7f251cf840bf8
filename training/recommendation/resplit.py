"""The same evaluation on other random splits of the users.

A split decides more than who is tested: caps of reliability and the train episodes
follow from it. So dbt builds the marts anew for each seed, into a scratch DuckDB file.
"""

import dataclasses
from typing import Any

import numpy as np

from training.errors import UserError
from training.evaluation.intervals import repeated_splits_interval
from training.evaluation.metrics import RANKING
from training.files import write_json
from training.fit.job import Job
from training.fit.processes import World
from training.progress import progress_bar
from training.recommendation.gains import REFERENCES
from training.recommendation.lineup import answer
from training.recommendation.marts import RecommendationMarts
from training.recommendation.questions import check, questions_of
from training.recommendation.rebuild import nothing_left, rebuilt
from training.runs import Run

OPTION = "--repeat-splits"
FIRST_SEED = 1


def repeat_splits(job: Job[RecommendationMarts], n_splits: int) -> dict[str, Any]:
    """Train and evaluate the line-up on `n_splits` splits with seeds 1, 2, 3, ….

    Finished splits are kept in the run's state, so an interrupted run goes on. One of
    which nothing is fitted yet leaves no folder where the marts cannot be built.

    Returns:
        `n` (splits that had test episodes), `seeds`, `n_test_users` of each, and by
        model and metric `mean`, `sd` (n − 1), `min` and `max` over the splits, and
        `less`: by each of `REFERENCES` in the line-up the mean `difference` to it
        and its 95% interval, paired by split.
    Raises:
        UserError: the raw files are not those of the marts, or no split has test
            episodes.
    """
    seeds = range(FIRST_SEED, FIRST_SEED + n_splits)
    scratch = {seed: Run(job.run.state / "splits" / str(seed)) for seed in seeds}
    alone = dataclasses.replace(job, world=World())  # a process does whole splits
    own = job.world.share(seeds)
    is_begun = job.run.state.is_dir() and any(job.run.state.iterdir())
    for seed in progress_bar(own, "splits", is_shown=job.progress):
        path = scratch[seed].path / "result.json"
        if not path.is_file():
            with nothing_left(job, is_begun=is_begun):
                asked_for = {"split_seed": seed}
                marts = rebuilt(job.marts, path.parent, asked_for, OPTION)
            is_begun = True
            write_json(path, _evaluate(alone, seed, scratch[seed], marts))
    job.world.barrier()
    results = [run.read_json("result.json") for run in scratch.values()]
    asked = [result for result in results if result["n_test_users"]]
    if not asked:
        raise UserError(
            f"{OPTION} {n_splits}: no split of {job.marts.dataset} has users to "
            "train on and to ask; use a mart of shorter episodes"
        )
    share = np.mean([r["n_test_users"] / r["n_train_users"] for r in asked])

    def summed_up(name: str, metric: str) -> dict[str, Any]:
        values = [result["test"][name][metric] for result in asked]
        less = {
            other: _difference(
                values, [result["test"][other][metric] for result in asked], share
            )
            for other in REFERENCES
            if other in asked[0]["test"] and other != name
        }
        return {**_spread(values), "less": less}

    return {
        "n": len(asked),
        "seeds": [result["seed"] for result in asked],
        "n_test_users": [result["n_test_users"] for result in asked],
        "models": {
            name: {metric: summed_up(name, metric) for metric in RANKING}
            for name in asked[0]["test"]
        },
    }


def _evaluate(
    job: Job[RecommendationMarts], seed: int, scratch: Run, marts: RecommendationMarts
) -> dict[str, Any]:
    """Test metrics of every model on one split; none where nobody can be asked."""
    try:
        check(marts, job.config.lineup)
    except UserError:
        return {"seed": seed, "n_test_users": 0, "n_train_users": 0, "test": {}}
    questions = questions_of(marts)
    split_job = dataclasses.replace(job, marts=marts, run=scratch, progress=False)
    ranks = {
        name: answer(split_job, name, questions, only_ranks=True).ranks["test"]
        for name in job.config.lineup
    }
    (scratch.path / "moocmeta.duckdb").unlink()
    return {
        "seed": seed,
        "n_test_users": len(np.unique(questions["test"].user)),
        "n_train_users": len(
            np.unique(marts.pairs.user[marts.pairs.rows_of("train").numpy()])
        ),
        "test": {
            name: {metric: float(of(found).mean()) for metric, of in RANKING.items()}
            for name, found in ranks.items()
        },
    }


def _difference(
    values: list[float], reference: list[float], share: float
) -> dict[str, Any]:
    gaps = np.subtract(values, reference)
    return {
        "difference": float(gaps.mean()),
        "ci95": repeated_splits_interval(gaps, share) if len(gaps) > 1 else None,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        "min": min(values),
        "max": max(values),
    }
