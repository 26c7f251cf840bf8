"""A model of a finished run, ready to be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import UserError, nearest
from training.fit.checkpoints import load_model
from training.recommendation.candidates import Candidates
from training.runs import Run

FAMILY = "recommendation"


@dataclass(frozen=True)
class FinishedModel:
    """One model of a run, and what it was evaluated on.

    Args:
        name: in the registry.
        item_keys: the publisher's id of every item id of the run.
        metrics: of the run.
    """

    run: Run
    name: str
    item_keys: list[str]
    metrics: dict[str, Any]

    @property
    def candidates(self) -> Candidates:
        """The rule by which the run was evaluated."""
        exclude = self.metrics.get("candidates", {}).get("exclude", "last")
        return Candidates(exclude, exclude)

    @property
    def n_support(self) -> int:
        """How many support pairs the model was evaluated with."""
        found = self.metrics["models"][self.name].get("adaptation") or {}
        return max(map(int, found.get("by_support", ())), default=0)

    def fitted(self) -> Any:
        """The model from its checkpoint."""
        return load_model(self.run.checkpoint(self.name))[1]

    def ids_of(self, option: str, keys: list[str]) -> list[int]:
        """Item ids of keys that a user gave.

        Raises:
            UserError: one is not in the run's vocabulary.
        """
        ids = {key: number for number, key in enumerate(self.item_keys)}
        for key in keys:
            if key not in ids:
                raise UserError(
                    f"{option} {key}: unknown to this run; the nearest are: "
                    + nearest(key, self.item_keys)
                )
        return [ids[key] for key in keys]


def finished_model(run_dir: Path, model: str | None) -> FinishedModel:
    """A model of a finished run of recommenders.

    Args:
        run_dir: folder of the run.
        model: None takes the best baseline by validation.
    Raises:
        UserError: the run is not one of recommenders or lacks the model.
    """
    run = Run(run_dir)
    metrics = run.read_json("metrics.json")
    if metrics.get("family", FAMILY) != FAMILY:
        raise UserError(
            f"{run_dir} is a run on {metrics['mart']} and recommends nothing; name a "
            "run of recommenders with --run, `moocmeta runs` lists all"
        )
    if not metrics.get("models"):
        raise UserError(f"{run_dir / 'metrics.json'} holds no models; train anew")
    name = model or metrics.get("best_baseline") or next(iter(metrics["models"]))
    if name not in metrics["models"]:
        raise UserError(
            f"--model {name} is not in {run_dir}; it has: "
            + ", ".join(metrics["models"])
        )
    return FinishedModel(run, name, run.read_json("vocab.json"), metrics)
