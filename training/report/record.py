"""What the report knows: the JSON files of one run folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import UserError


@dataclass(frozen=True)
class Metric:
    """How to read a metric."""

    meaning: str
    higher_is_better: bool = True


# Metrics the page can explain; others are shown without words or a best value.
METRICS = {
    "accuracy@1": Metric("share of queries whose next item is ranked first"),
    "recall@5": Metric("share of queries whose next item is among the first 5"),
    "recall@10": Metric("share of queries whose next item is among the first 10"),
    "ndcg@10": Metric(
        "1 / log2(1 + rank) within the first 10, else 0, averaged over queries"
    ),
    "mrr": Metric("mean of 1 / rank of the next item over the whole vocabulary"),
    "nuisance_log_loss": Metric("log loss of click and of purchase together", False),
    "propensity_log_loss": Metric("log loss of whether a trial is clicked", False),
    "outcome_log_loss": Metric("log loss of whether a purchase follows", False),
    "propensity_auc": Metric("chance that a clicked trial is thought likelier clicked"),
    "outcome_auc": Metric("chance that a trial with a purchase is thought likelier so"),
    "auc": Metric("chance that a right answer was predicted above a wrong one"),
    "accuracy": Metric("share of answers predicted on the right side of 1/2"),
    "log_loss": Metric("mean of -log of the chance given to what happened", False),
    "brier": Metric("mean squared distance of predicted chance and answer", False),
    "ece": Metric(
        "expected calibration error: mean distance of predicted chance and share of "
        "right answers over ten bins of the prediction",
        False,
    ),
}

# The first one that every model of a run has leads page and list of runs.
HEADLINE_METRICS = ("recall@10", "auc", "nuisance_log_loss")
# Those of them that a run has are plotted.
PLOTTED_METRICS = ("recall@10", "mrr", "auc")


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
    def headline_metric(self) -> str | None:
        """The metric that the page speaks of first."""
        return headline_of(self.metric_names)

    @property
    def plotted_metrics(self) -> list[str]:
        """The metrics worth a plot of their own."""
        return [name for name in PLOTTED_METRICS if name in self.metric_names]

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


def headline_of(metrics: Sequence[str]) -> str | None:
    """The metric that is spoken of first."""
    return next((name for name in HEADLINE_METRICS if name in metrics), None)


def best_first(reached: dict[str, float], metric: str) -> list[str]:
    """Models by a metric, ties in the order given."""
    sign = -1 if METRICS[metric].higher_is_better else 1
    return sorted(reached, key=lambda name: sign * reached[name])


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
    if not metrics.get("models"):
        raise UserError(f"{folder / 'metrics.json'} holds no models; train again")
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
