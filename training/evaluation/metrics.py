"""Every metric, described once: its name, how it is computed and how it is read.

The scorecards compute what stands here, `metrics.json` and the printed tables have its
names in its order, the report its words. NumPy only: the report never waits for torch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.evaluation.effects import Nuisances, Observed
from training.evaluation.lists import coverage, gini, long_tail, novelty, popularity
from training.evaluation.probabilities import (
    accuracy,
    auc,
    brier,
    calibration_error,
    log_loss,
    surprises,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """One metric of one family of models.

    Args:
        name: in files, tables and pages.
        meaning: what it is, for a reader of the report.
        function: from what its family's models answered to one value, or to one value
            a row, whose mean is the metric.
        higher_is_better: else lower is.
        leads: the family's models are chosen by it, on other users than those it is
            reported on, and it is spoken of first.
        is_plotted: whether the report has a plot of it.
    """

    name: str
    meaning: str
    function: Callable[..., Any]
    higher_is_better: bool = True
    leads: bool = False
    is_plotted: bool = False

    def __call__(self, *answers: Any) -> Any:
        """What `function` gives."""
        return self.function(*answers)


def hits_within(k: int) -> Callable[[ArrayLike], Floats]:
    """Whether the label is among the best k; with one label this is recall@k."""

    def hits(ranks: ArrayLike) -> Floats:
        return (_as_float(ranks) <= k).astype(np.float64)

    return hits


def ndcg_within(k: int) -> Callable[[ArrayLike], Floats]:
    """Normalised discounted cumulative gain at k with one relevant item.

    The ideal gain is 1, so it is 1 / log2(1 + rank) within the best k, else 0
    (Järvelin and Kekäläinen, 2002, "Cumulated gain-based evaluation").
    """

    def gain(ranks: ArrayLike) -> Floats:
        rank = _as_float(ranks)
        return np.where(rank <= k, 1.0 / np.log2(1.0 + rank), 0.0)

    return gain


def reciprocal_rank(ranks: ArrayLike) -> Floats:
    """1 / rank, in (0, 1]; its mean is MRR over the whole vocabulary."""
    return 1.0 / _as_float(ranks)


def _as_float(ranks: ArrayLike) -> Floats:
    return np.asarray(ranks, dtype=np.float64)


def of_treatment(function: Callable) -> Callable[[Observed, Nuisances], Any]:
    """A function of (what happened, its probability), of whether a trial is treated."""
    return lambda seen, told: function(seen.treatment == 1, told.propensity)


def of_outcome(function: Callable) -> Callable[[Observed, Nuisances], Any]:
    """The same of the outcome, predicted in the arm that the trial was in."""

    def applied(seen: Observed, told: Nuisances) -> Any:
        own_arm = np.where(seen.treatment == 1, told.treated, told.control)
        return function(seen.outcome == 1, own_arm)

    return applied


def of_both(function: Callable) -> Callable[[Observed, Nuisances], Any]:
    """The sum of both."""
    treatment, outcome = of_treatment(function), of_outcome(function)
    return lambda seen, told: treatment(seen, told) + outcome(seen, told)


def _named(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


# of the ranks of queries' labels, one value a query
RANKING = _named(
    Metric(
        "accuracy@1",
        "share of queries whose next item is ranked first",
        hits_within(1),
    ),
    Metric(
        "recall@5",
        "share of queries whose next item is among the first 5",
        hits_within(5),
    ),
    Metric(
        "recall@10",
        "share of queries whose next item is among the first 10",
        hits_within(10),
        leads=True,
        is_plotted=True,
    ),
    Metric(
        "ndcg@10",
        "1 / log2(1 + rank) within the first 10, else 0, averaged over queries",
        ndcg_within(10),
    ),
    Metric(
        "mrr",
        "mean of 1 / rank of the next item over the whole vocabulary",
        reciprocal_rank,
        is_plotted=True,
    ),
)

# of lists and items' counts of train events, one value a list
LISTED = _named(
    Metric(
        "novelty@10",
        "mean of -log2 of the listed items' share of train events, in bits",
        novelty,
    ),
    Metric(
        "popularity@10",
        "mean percentile of the listed items' train events among all items; lists "
        "drawn at random have 0.5",
        popularity,
        higher_is_better=False,
    ),
    Metric(
        "long_tail@10",
        "share of listed items outside the 20% with most train events",
        long_tail,
    ),
)

# of how many lists each item stands in, one value in all
SPREAD = _named(
    Metric("coverage@10", "share of all items that stand in some list", coverage),
    Metric(
        "gini@10",
        "how unevenly lists fall on items, from 0 (evenly) to 1 (one item only)",
        gini,
        higher_is_better=False,
    ),
)
LISTS = SPREAD | LISTED

# of whether answers were right, and the probabilities given to that, one value in all
TRACING = _named(
    Metric(
        "auc",
        "chance that a right answer was predicted above a wrong one",
        auc,
        leads=True,
        is_plotted=True,
    ),
    Metric("accuracy", "share of answers predicted on the right side of 1/2", accuracy),
    Metric(
        "log_loss",
        "mean of -log of the chance given to what happened",
        log_loss,
        higher_is_better=False,
    ),
    Metric(
        "brier",
        "mean squared distance of predicted chance and answer",
        brier,
        higher_is_better=False,
    ),
    Metric(
        "ece",
        "expected calibration error: mean distance of predicted chance and share of "
        "right answers over ten bins of the prediction",
        calibration_error,
        higher_is_better=False,
    ),
)

# of trials and what nuisance models say of them: losses one value a trial, AUCs in all
NUISANCES = _named(
    Metric(
        "nuisance_log_loss",
        "log loss of click and of purchase together",
        of_both(surprises),
        higher_is_better=False,
        leads=True,
    ),
    Metric(
        "propensity_log_loss",
        "log loss of whether a trial is clicked",
        of_treatment(surprises),
        higher_is_better=False,
    ),
    Metric(
        "outcome_log_loss",
        "log loss of whether a purchase follows",
        of_outcome(surprises),
        higher_is_better=False,
    ),
    Metric(
        "propensity_auc",
        "chance that a clicked trial is thought likelier clicked",
        of_treatment(auc),
    ),
    Metric(
        "outcome_auc",
        "chance that a trial with a purchase is thought likelier so",
        of_outcome(auc),
    ),
)

METRICS = RANKING | LISTS | TRACING | NUISANCES


def leading(names: Iterable[str]) -> str | None:
    """The one of some metrics that models are chosen and spoken of by."""
    known = set(names)
    return next((n for n, one in METRICS.items() if one.leads and n in known), None)


def leader_of(family: Mapping[str, Metric]) -> str:
    """The metric that a family's models are chosen by."""
    return next(name for name, metric in family.items() if metric.leads)


def means(ranks: NDArray[np.int64]) -> dict[str, float | None]:
    """Mean of each metric of ranking; None where nothing was asked."""
    return {
        name: float(metric(ranks).mean()) if len(ranks) else None
        for name, metric in RANKING.items()
    }
