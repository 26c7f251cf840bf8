"""What adapting brought: the `adaptation` block of a model in `metrics.json`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.evaluation.intervals import paired_comparisons
from training.evaluation.metrics import RANKING, means
from training.evaluation.slices import RELIABILITY_TIERS
from training.recommendation.lineup import Answer

CONTROL = "fine_tune"  # the same steps without having learned to adapt
PUBLISHED = "maml_warm"  # what did best in the notebooks
YARDSTICK = "markov"  # what followed the last item: no model may lie below it unsaid
REFERENCES = (YARDSTICK, "gru", CONTROL, PUBLISHED)  # repeated splits compare with them
BY_RELIABILITY = "_adaptive"
ALL = slice(None)


def adaptation_block(
    name: str,
    answers: Mapping[str, Answer],
    users: np.ndarray,
    seed: int,
    optimum: Mapping[str, float] | None,
    reliability: np.ndarray,
) -> dict[str, Any] | None:
    """Metrics under less adaptation, and paired comparisons; None for other models.

    Args:
        name: the model.
        answers: of the whole line-up.
        users: of each test query, shape (N,).
        optimum: Bayes-optimal metrics given the support, where they are known.
        reliability: of the support of each test query, shape (N,).
    Returns:
        `zero_shot` and, by number, `by_support` and `by_steps`: metrics;
        `vs_zero_shot`, `vs_fine_tune`, `vs_maml_warm` and `vs_uniform` (the same
        method without regard to reliability): comparisons, or None; `by_tier`: by
        tier of the support's reliability `n_users` and the first two comparisons;
        `gap_closed`: by metric the share of the way from the trained network without
        support to the optimum, or None.
    """
    found = answers[name].adaptation
    if found is None:
        return None
    ranks = answers[name].ranks["test"]

    def versus(
        other: np.ndarray | None, inside: np.ndarray | slice = ALL
    ) -> dict[str, Any] | None:
        if other is None:
            return None
        own, reference = (
            {metric: of(each[inside]) for metric, of in RANKING.items()}
            for each in (ranks, other)
        )
        compared = paired_comparisons(own, reference, users[inside], seed=seed)
        return {metric: result.as_json() for metric, result in compared.items()}

    uniform = name.removesuffix(BY_RELIABILITY)
    control = _ranks_of(answers, CONTROL, but=name)
    return {
        "zero_shot": means(found.zero_shot),
        "by_support": {str(k): means(r) for k, r in found.by_support.items()},
        "by_steps": {str(n): means(r) for n, r in found.by_steps.items()},
        "vs_zero_shot": versus(found.zero_shot),
        "vs_fine_tune": versus(control),
        "vs_maml_warm": versus(_ranks_of(answers, PUBLISHED, but=name)),
        "vs_uniform": versus(_ranks_of(answers, uniform, but=name)),
        "by_tier": {
            tier: {
                "n_users": len(np.unique(users[inside])),
                "vs_zero_shot": versus(found.zero_shot, inside),
                "vs_fine_tune": versus(control, inside),
            }
            for tier, inside in _tiers(reliability).items()
        },
        "gap_closed": _gap_closed(means(ranks), answers.get(CONTROL), optimum),
    }


def _tiers(reliability: np.ndarray) -> dict[str, np.ndarray]:
    """Which queries lie in each tier that has any, shape (N,) each."""
    tier = np.searchsorted(list(RELIABILITY_TIERS.values()), reliability, "right") - 1
    inside = {name: tier == number for number, name in enumerate(RELIABILITY_TIERS)}
    return {name: rows for name, rows in inside.items() if rows.any()}


def _ranks_of(answers: Mapping[str, Answer], name: str, but: str) -> np.ndarray | None:
    return answers[name].ranks["test"] if name in answers and name != but else None


def _gap_closed(
    reached: Mapping[str, float | None],
    control: Answer | None,
    optimum: Mapping[str, float] | None,
) -> dict[str, float] | None:
    """(model - zero shot) / (optimum - zero shot); 1 is all there is to gain."""
    if control is None or control.adaptation is None or optimum is None:
        return None
    without = means(control.adaptation.zero_shot)
    return {
        metric: (end - start) / (best - start)
        for metric, best in optimum.items()
        for start, end in [(without[metric], reached[metric])]
        if start is not None and end is not None and best > start
    }
