"""What the report knows: the JSON files of one run folder."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.evaluation.metrics import METRICS, leading


@dataclass(frozen=True)
class Run:
    """One run folder, read.

    Args:
        metrics: `metrics.json`.
        manifest: `manifest.json`, empty where the folder has none yet.
        config: `config.json`, empty where the folder has none.
    """

    metrics: dict[str, Any]
    manifest: dict[str, Any]
    config: dict[str, Any]

    @property
    def family(self) -> str:
        """The family of marts it was trained on."""
        return self.metrics.get("family", "recommendation")

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """Each model's block, in the order they ran."""
        return self.metrics["models"]

    def title(self, model: str) -> str:
        """A model's name for people."""
        return self.models[model].get("title", model)

    def series(self, model: str) -> int:
        """Number of the model's colour and marker, the same throughout a page.

        By rank: the best have colours of their own, however many models there are.
        """
        return self.ranked.index(model)

    def test(self, model: str, metric: str) -> float | None:
        """A model's metric on test queries, None where it has none."""
        return self.models[model]["test"].get(metric)

    def interval(self, model: str, metric: str) -> Sequence[float] | None:
        """95% interval of a test metric, None where it is unknown."""
        return (self.models[model].get("ci95") or {}).get(metric)

    @property
    def metric_names(self) -> list[str]:
        """Test metrics that every model has, in the file's order."""
        return shared_metrics([block["test"] for block in self.models.values()])

    @property
    def not_above_markov(self) -> list[str]:
        """Models whose lead over the yardstick may be none, by its 95% interval."""
        metric = self.headline_metric
        leads = {
            name: model["vs_markov"][metric]
            for name, model in self.models.items()
            if model.get("vs_markov") and metric in model["vs_markov"]
        }
        return [
            name
            for name, lead in leads.items()
            if (lead["ci95"] or [lead["difference"]])[0] <= 0
        ]

    @property
    def headline_metric(self) -> str | None:
        """The metric that the page speaks of first."""
        return leading(self.metric_names)

    @property
    def plotted_metrics(self) -> list[str]:
        """The metrics worth a plot of their own."""
        return [n for n in self.metric_names if n in METRICS and METRICS[n].is_plotted]

    @property
    def ranked(self) -> list[str]:
        """Models, best first by the headline metric; ties in the order they ran."""
        metric = self.headline_metric
        if metric is None:
            return list(self.models)
        reached = {name: self.test(name, metric) for name in self.models}
        return best_first(reached, metric)


def shared_metrics(tests: Sequence[dict[str, float]]) -> list[str]:
    """Metrics that every model has, in the first one's order."""
    return [name for name in tests[0] if all(name in test for test in tests)]


def best_first(reached: Mapping[str, float | None], metric: str) -> list[str]:
    """Models by a metric, ties in the order given, those without a value last."""
    sign = -1 if METRICS[metric].higher_is_better else 1

    def place(name: str) -> float:
        value = reached[name]
        return math.inf if value is None else sign * value

    return sorted(reached, key=place)


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        UserError: the folder holds no finished run, or a file is damaged.
    """
    if not (folder / "metrics.json").is_file():
        raise UserError(
            f"{folder} has no metrics.json, so it is no finished run; "
            "`moocmeta runs` lists those that are"
        )
    metrics = _read_json(folder / "metrics.json")
    models = metrics.get("models")
    if not isinstance(models, dict) or not models:
        raise UserError(f"{folder / 'metrics.json'} holds no models; train again")
    if lacking := [name for name, block in models.items() if "test" not in block]:
        raise UserError(
            f"{folder / 'metrics.json'} says nothing of how {lacking[0]} did on test; "
            "train again"
        )
    manifest, config = (
        _read_json(folder / name) for name in ("manifest.json", "config.json")
    )
    return Run(metrics, manifest, config)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; train again") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} does not hold one JSON object; train again")
    return value
