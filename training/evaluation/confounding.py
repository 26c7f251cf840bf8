"""How strong an unseen cause would have to be to explain an effect away."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.effects import (
    Effect,
    Nuisances,
    Observed,
    arm_scores,
    clustered,
)

STRENGTHS = tuple(round(0.005 * step, 3) for step in range(31))

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RiskRatio:
    """Outcome probability with treatment over that without.

    Args:
        treated: mean outcome had all been treated.
        control: mean outcome had none been.
        ratio: treated / control.
        ci95: interval on the logarithmic scale; None with a single user.
    """

    treated: float
    control: float
    ratio: float
    ci95: tuple[float, float] | None


def risk_ratio(seen: Observed, nuisances: Nuisances) -> RiskRatio | None:
    """Ratio of the two adjusted means, with a user-clustered interval.

    Returns:
        None where an adjusted mean is not above 0: there is no ratio then.
    """
    scores = arm_scores(seen, nuisances)
    treated, control = (float(score.mean()) for score in scores)
    if min(treated, control) <= 0:
        return None
    influence = scores[0] / treated - scores[1] / control  # of the log ratio
    log_ratio = clustered(np.log(treated / control), influence, seen.user)
    bounds = None
    if log_ratio.ci95:
        low, high = np.exp(log_ratio.ci95).tolist()
        bounds = low, high
    return RiskRatio(treated, control, treated / control, bounds)


def e_value(ratio: float) -> float:
    """How strongly an unseen cause must go with treatment and with outcome.

    The least risk ratio that it must have with both to move an observed risk ratio
    to 1: `r + sqrt(r (r - 1))`, with r the ratio or its inverse, whichever is above
    1 (VanderWeele and Ding, 2017, "Sensitivity analysis in observational research:
    introducing the E-value").
    """
    above = max(ratio, 1 / ratio)
    return float(above + np.sqrt(above * (above - 1)))


def e_value_of_interval(ratio: RiskRatio) -> float:
    """E-value of the interval's end nearer to 1; 1 where the interval holds 1."""
    if ratio.ci95 is None or ratio.ci95[0] <= 1 <= ratio.ci95[1]:
        return 1.0
    return e_value(min(ratio.ci95, key=lambda end: abs(np.log(end))))


@dataclass(frozen=True)
class Sensitivity:
    """What unseen causes of growing strength could do to an estimate.

    Args:
        strength: share of the outcome's unexplained variance that an unseen cause
            explains, and of the treatment weights' variance alike, shape (S,).
        bias: how far it could move the estimate, at worst, shape (S,).
        robustness: least strength that could move the estimate to 0.
        robustness_of_interval: least strength that could move the interval's
            nearer end to 0; 0 where the interval holds 0.
    """

    strength: Floats
    bias: Floats
    robustness: float
    robustness_of_interval: float

    def as_json(self, effect: Effect) -> dict[str, Any]:
        """The curve with the estimate's worst bounds and their intervals."""
        margin = effect.margin() or 0.0
        return {
            "strength": self.strength.tolist(),
            "low": (effect.estimate - self.bias).tolist(),
            "high": (effect.estimate + self.bias).tolist(),
            "low_ci95": (effect.estimate - self.bias - margin).tolist(),
            "high_ci95": (effect.estimate + self.bias + margin).tolist(),
            "robustness_value": self.robustness,
            "robustness_value_ci95": self.robustness_of_interval,
        }


def sensitivity(effect: Effect, seen: Observed, nuisances: Nuisances) -> Sensitivity:
    """Bounds on the bias by an omitted variable, without assuming its form.

    Chernozhukov, Cinelli, Newey, Sharma and Syrgkanis, 2022, "Long story short:
    omitted variable bias in causal machine learning": a cause that explains the
    share c of the outcome's residual variance and of the treatment side's moves the
    estimate by at most `S c / sqrt(1 - c)`, with S² = E[residual²] E[weight²]. The
    worst case is shown: its two paths are taken as perfectly aligned.
    """
    scale = _bias_scale(seen, nuisances)
    strength = np.array(STRENGTHS)
    bias = scale * strength / np.sqrt(1 - strength)
    margin = effect.margin()
    nearer = 0.0 if margin is None else max(abs(effect.estimate) - margin, 0.0)
    return Sensitivity(
        strength,
        bias,
        _strength_for(abs(effect.estimate), scale),
        _strength_for(nearer, scale),
    )


def _bias_scale(seen: Observed, nuisances: Nuisances) -> float:
    is_treated = seen.treatment == 1
    expected = np.where(is_treated, nuisances.treated, nuisances.control)
    chance = np.where(is_treated, nuisances.propensity, 1 - nuisances.propensity)
    residual = ((seen.outcome - expected) ** 2).mean()
    return float(np.sqrt(residual * (1 / chance**2).mean()))


def _strength_for(bias: float, scale: float) -> float:
    """The strength c in [0, 1] with `scale c / sqrt(1 - c) = bias`."""
    if scale == 0:
        return 1.0 if bias else 0.0
    squared = (bias / scale) ** 2
    return float((np.sqrt(squared**2 + 4 * squared) - squared) / 2)
