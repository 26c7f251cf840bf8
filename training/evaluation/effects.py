"""What a treatment does, from observed choices: estimators as functions of arrays.

Every estimator gives a value and its influence function, one number a trial. Trials
of one user hang together, so the influence is summed by user before it is squared
(Liang and Zeger, 1986, "Longitudinal data analysis using generalized linear
models"); with few users the interval is the wider one of Student's t.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
SEPARATED = 10.0  # standard deviations: a finite number for arms without overlap

Floats = NDArray[np.float64]
Estimand = Literal["ATE", "ATT"]


@dataclass(frozen=True)
class Observed:
    """What was seen of N trials.

    Args:
        outcome: 0 or 1 (any number will do), shape (N,).
        treatment: 0 or 1, shape (N,).
        user: who each trial is of, any sortable ids, shape (N,).
    Raises:
        ValueError: shapes differ, an arm has no trial, or a value is not finite.
    """

    outcome: Floats
    treatment: Floats
    user: NDArray[Any]

    def __post_init__(self) -> None:
        _require_like(self.outcome, self.treatment, self.user)
        if not set(np.unique(self.treatment)) == {0, 1}:
            raise ValueError("treatment must be 0 or 1, and both must occur")

    def take(self, rows: NDArray[Any]) -> "Observed":
        """The chosen trials."""
        return Observed(self.outcome[rows], self.treatment[rows], self.user[rows])


@dataclass(frozen=True)
class Nuisances:
    """What models that never saw a trial's user say about it.

    Args:
        propensity: probability of treatment, inside (0, 1), shape (N,).
        control: expected outcome without treatment, shape (N,).
        treated: expected outcome with treatment, shape (N,).
    Raises:
        ValueError: shapes differ, a value is not finite or a propensity is 0 or 1.
    """

    propensity: Floats
    control: Floats
    treated: Floats

    def __post_init__(self) -> None:
        _require_like(self.propensity, self.control, self.treated)
        if not ((self.propensity > 0) & (self.propensity < 1)).all():
            raise ValueError("a propensity is 0 or 1: no trial is its counterpart")

    def take(self, rows: NDArray[Any]) -> "Nuisances":
        """Those of the chosen trials."""
        return Nuisances(self.propensity[rows], self.control[rows], self.treated[rows])


@dataclass(frozen=True)
class Effect:
    """An estimate with its user-clustered uncertainty.

    Args:
        estimate: difference of probabilities, in [-1, 1] for plain averages.
        se: standard error; None with a single user.
        freedom: degrees of freedom of Student's t, the users less one.
        influence: what each trial adds: the estimate's error is about the mean of
            these, shape (N,).
    """

    estimate: float
    se: float | None
    freedom: int
    influence: Floats

    @property
    def ci95(self) -> tuple[float, float] | None:
        """95% interval; None with a single user."""
        return self.interval()

    def as_json(self) -> dict[str, Any]:
        """Plain values for `effects.json`."""
        return {
            "estimate": self.estimate,
            "se": self.se,
            "ci95": self.ci95 and list(self.ci95),
        }

    def margin(self, level: float = LEVEL) -> float | None:
        """Half the width of the interval of a level; None with a single user."""
        if self.se is None:
            return None
        return float(scipy.stats.t.ppf((1 + level) / 2, self.freedom) * self.se)

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Interval of a level; None with a single user."""
        margin = self.margin(level)
        if margin is None:
            return None
        return self.estimate - margin, self.estimate + margin

    def holds(self, value: float, level: float = LEVEL) -> bool:
        """Whether the interval of this level holds a value; true without one."""
        bounds = self.interval(level)
        return bounds is None or bounds[0] <= value <= bounds[1]


def clustered(estimate: float, influence: Floats, user: NDArray[Any]) -> Effect:
    """An estimate with the interval that its influence function gives.

    Args:
        influence: mean zero up to rounding, shape (N,).
        user: clusters, shape (N,).
    """
    codes = np.unique(user, return_inverse=True)[1]
    sums = np.bincount(codes, influence)  # (G,)
    n_users = len(sums)
    if n_users < 2:
        return Effect(float(estimate), None, 0, influence)
    variance = (sums @ sums) * n_users / (n_users - 1) / len(influence) ** 2
    return Effect(float(estimate), float(np.sqrt(variance)), n_users - 1, influence)


def raw_difference(seen: Observed) -> Effect:
    """Mean outcome of the treated less that of the others: no cause, a comparison."""
    return _weighted_means(seen, seen.treatment, 1 - seen.treatment)


def ipw(seen: Observed, nuisances: Nuisances, estimand: Estimand = "ATE") -> Effect:
    """Difference of outcome means weighted by inverse propensity, Hájek's form.

    Weights are divided by their sum (Hájek, 1971), so that the estimate stays
    inside the outcome's range. The influence function takes the propensities as
    known, which errs on the wide side (Hirano, Imbens and Ridder, 2003).
    """
    on_treated, on_control = weights(seen.treatment, nuisances.propensity, estimand)
    return _weighted_means(seen, on_treated, on_control)


def outcome_regression(
    seen: Observed, nuisances: Nuisances, estimand: Estimand = "ATE"
) -> Effect:
    """Mean of the two outcome models' difference, over all or over the treated.

    The spread of the differences alone would leave out the models' own error. The
    interval is that of the efficient influence function, to which imputation by
    flexible regressions comes in large samples (Hahn, 1998, "On the role of the
    propensity score in efficient semiparametric estimation of average treatment
    effects"); where the models are wrong, value and interval are.
    """
    gap = nuisances.treated - nuisances.control
    if estimand == "ATT":
        gap = (seen.outcome - nuisances.control)[seen.treatment == 1]
    return clustered(gap.mean(), aipw(seen, nuisances, estimand).influence, seen.user)


def aipw(seen: Observed, nuisances: Nuisances, estimand: Estimand = "ATE") -> Effect:
    """Outcome models corrected by weighted residuals: right if either part is.

    Robins, Rotnitzky and Zhao, 1994, "Estimation of regression coefficients when
    some regressors are not always observed"; with cross-fitted nuisances the
    interactive model of Chernozhukov et al., 2018, "Double/debiased machine
    learning for treatment and structural parameters".
    """
    if estimand == "ATE":
        scores = aipw_scores(seen, nuisances)
        return clustered(scores.mean(), scores - scores.mean(), seen.user)
    share = seen.treatment.mean()
    on_treated, on_control = weights(seen.treatment, nuisances.propensity, estimand)
    scores = (on_treated - on_control) * (seen.outcome - nuisances.control) / share
    influence = scores - scores.mean() * seen.treatment / share
    return clustered(scores.mean(), influence, seen.user)


def aipw_scores(seen: Observed, nuisances: Nuisances) -> Floats:
    """Each trial's own unbiased, noisy effect; means of groups are their effects."""
    treated, control = arm_scores(seen, nuisances)
    return treated - control


def arm_scores(seen: Observed, nuisances: Nuisances) -> tuple[Floats, Floats]:
    """Each trial's score of the outcome with and without treatment, (N,) both."""
    on_treated, on_control = weights(seen.treatment, nuisances.propensity, "ATE")
    return (
        nuisances.treated + on_treated * (seen.outcome - nuisances.treated),
        nuisances.control + on_control * (seen.outcome - nuisances.control),
    )


def weights(
    treatment: Floats, propensity: Floats, estimand: Estimand
) -> tuple[Floats, Floats]:
    """Weights that make treated and controls look like all, or like the treated.

    Returns:
        Zero for trials of the other arm, shape (N,) both.
    """
    if estimand == "ATE":
        return treatment / propensity, (1 - treatment) / (1 - propensity)
    return treatment.copy(), (1 - treatment) * propensity / (1 - propensity)


def within(effect: Effect, user: NDArray[Any], rows: NDArray[np.bool_]) -> Effect:
    """Effect among some trials, from the scores of an ATE by `aipw`.

    Args:
        rows: True for the trials meant, at least one, shape (N,).
    """
    scores = (effect.influence + effect.estimate)[rows]
    return clustered(scores.mean(), scores - scores.mean(), user[rows])


def untrimmed(propensity: Floats, bound: float) -> NDArray[np.bool_]:
    """Trials that have counterparts: propensity in [bound, 1 - bound], (N,).

    Crump, Hotz, Imbens and Mitnik, 2009, "Dealing with limited overlap in
    estimation of average treatment effects". The effect is then that on these.
    """
    return (propensity >= bound) & (propensity <= 1 - bound)


def effective_size(weight: Floats) -> float:
    """How many equally weighted trials tell as much: (sum w)² / sum w² (Kish, 1965)."""
    total = weight.sum()
    return float(total**2 / (weight @ weight)) if total > 0 else 0.0


def standardised_differences(
    features: Floats, on_treated: Floats, on_control: Floats
) -> Floats:
    """Difference of weighted means in units of the unweighted spread, (F,).

    The spread is the root of the two arms' mean variance before weighting, so that
    values before and after weighting compare (Austin and Stuart, 2015, "Moving
    towards best practice when using inverse probability of treatment weighting").
    A feature that varies in neither arm has difference 0 if it is the same in both;
    else it tells them apart, and there is no spread to measure that in: it is
    `SEPARATED`, and no difference is more.

    Args:
        features: shape (N, F).
        on_treated: weights, zero for controls, shape (N,).
        on_control: weights, zero for treated, shape (N,).
    """
    spread = np.sqrt(
        (features[on_treated > 0].var(0) + features[on_control > 0].var(0)) / 2
    )
    treated, control = (w @ features / w.sum() for w in (on_treated, on_control))
    gap = treated - control
    is_same = np.isclose(treated, control, rtol=1e-9, atol=1e-12)
    apart = np.where(is_same, 0.0, np.copysign(SEPARATED, gap))
    found = np.divide(gap, spread, out=apart, where=spread > 1e-12)
    return np.clip(found, -SEPARATED, SEPARATED)


ESTIMATORS: dict[str, Callable[[Observed, Nuisances, Estimand], Effect]] = {
    "outcome_regression": outcome_regression,
    "ipw": ipw,
    "aipw": aipw,
}


def _weighted_means(seen: Observed, on_treated: Floats, on_control: Floats) -> Effect:
    estimate, influence = 0.0, np.zeros(len(seen.outcome))
    for sign, weight in ((1, on_treated), (-1, on_control)):
        mean = weight @ seen.outcome / weight.sum()
        estimate += sign * mean
        influence += sign * weight * (seen.outcome - mean) / weight.mean()
    return clustered(estimate, influence, seen.user)


def _require_like(*columns: ArrayLike) -> None:
    first, *rest = (np.asarray(column) for column in columns)
    if any(column.shape != first.shape for column in rest) or first.ndim != 1:
        shapes = [column.shape for column in (first, *rest)]
        raise ValueError(f"columns must have one shape (N,), not {shapes}")
    for column in (first, *rest):
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            raise ValueError("a value is not finite")
