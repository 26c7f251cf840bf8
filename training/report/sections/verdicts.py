"""What a paired comparison with the best baseline allows to say."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.report import numbers
from training.report.record import Run

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Gap:
    """Difference of a model to the best baseline on one metric."""

    value: float
    interval: Sequence[float] | None
    p: float

    @property
    def is_clear(self) -> bool:
        """Whether the 95% interval leaves zero out and p agrees.

        With few users the bootstrap interval alone is too short, and p alone says
        nothing about size.
        """
        if self.interval is None:
            return False
        low, high = self.interval
        return not low <= 0 <= high and self.p < SIGNIFICANT

    @property
    def evidence(self) -> str:
        """Interval and p, e.g. "95% interval −0.037 to −0.003, p = 0.035"."""
        if self.interval is None:
            return numbers.p_value(self.p)
        bounds = numbers.signed_interval(self.interval)
        return f"95% interval {bounds}, {numbers.p_value(self.p)}"


def comparisons(run: Run, metric: str) -> dict[str, Gap]:
    """Each model's gap to the best baseline, best model first."""
    found = {}
    for model in run.ranked:
        block = (run.models[model].get("vs_best_baseline") or {}).get(metric)
        if block:
            found[model] = Gap(block["difference"], block["ci95"], block["p"])
    return found
