"""Next items for one prefix, from a finished run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rapidfuzz import process

from models_py.data import Queries
from models_py.ragged import Ragged
from training.checkpoint import load_model
from training.errors import UserError
from training.runs import Run
from training.seeding import make_reproducible

N_SPELLINGS = 3
FAMILY = "recommendation"


@dataclass(frozen=True)
class Recommendation:
    """One item proposed next."""

    rank: int
    item_key: str
    score: float


def recommend(
    run_dir: Path, model: str | None, after: list[str], top: int
) -> list[Recommendation]:
    """Rank the vocabulary after a prefix.

    Args:
        run_dir: folder of a finished run.
        model: a model of the run; None takes its best baseline by validation.
        after: item keys, oldest first; repeats in a row collapse, as in training.
        top: how many items to return.
    Raises:
        UserError: the run is not one of recommenders or lacks the model, or an item
            is not in its vocabulary.
    """
    run = Run(run_dir)
    metrics = run.read_json("metrics.json")
    if metrics.get("family", FAMILY) != FAMILY:
        raise UserError(
            f"{run_dir} is a run on {metrics['mart']} and recommends nothing; name a "
            "run of recommenders with --run, `moocmeta runs` lists all"
        )
    name = model or metrics["best_baseline"] or next(iter(metrics["models"]))
    if name not in metrics["models"]:
        raise UserError(
            f"--model {name} is not in {run_dir}; it has: "
            + ", ".join(metrics["models"])
        )
    item_keys = run.read_json("vocab.json")
    prefix = _item_ids(after, item_keys)
    make_reproducible()
    _, fitted = load_model(run.checkpoint(name))
    scores = fitted.score(Queries(Ragged.from_lists([prefix]), torch.tensor([-1])))[0]
    if run.read_json("config.json")["config"]["exclude_last_item"]:
        scores[prefix[-1]] = -torch.inf
    best = _best(scores, top)
    return [
        Recommendation(rank, item_keys[i], float(scores[i]))
        for rank, i in enumerate(best, start=1)
    ]


def _best(scores: torch.Tensor, top: int) -> list[int]:
    """Items with the highest scores; equal scores in the order of their ids."""
    order = scores.sort(descending=True, stable=True).indices[:top].tolist()
    return [i for i in order if scores[i] > -torch.inf]


def _item_ids(after: list[str], item_keys: list[str]) -> list[int]:
    ids = {key: number for number, key in enumerate(item_keys)}
    for key in after:
        if key not in ids:
            near: list[Any] = process.extract(key, item_keys, limit=N_SPELLINGS)
            spellings = ", ".join(match[0] for match in near)
            raise UserError(
                f"--after {key}: unknown to this run; the nearest are: {spellings}"
            )
    numbers = [ids[key] for key in after]
    pairs = zip(numbers, [None, *numbers], strict=False)
    return [number for number, before in pairs if number != before]
