"""What must come out as nothing, and what an unseen cause could do.

Each check says whether it `passed` (None: it could not be made) and, in `words`, what
that means to somebody who decides by the numbers.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy
import torch
from numpy.typing import NDArray

from training.causal.crossfit import has_both_arms, quick_cross_fit
from training.causal.effects import Estimates
from training.causal.marts import TrialTable
from training.evaluation.confounding import (
    e_value,
    e_value_of_interval,
    risk_ratio,
    sensitivity,
)
from training.evaluation.effects import (
    SEPARATED,
    Nuisances,
    Observed,
    aipw,
    effective_size,
    weights,
)
from training.fit.seeds import derive

# Several checks a run: each is wrong about sound data one time in a hundred.
CHECK_LEVEL = 0.99
N_PERMUTATIONS = 20
PERMUTED_TRIALS = 20_000  # at most: the method is checked, not the data
MAX_IMBALANCE = 0.1  # in standard deviations (Austin, 2009)
MAX_TRIMMED = 0.1
MIN_EFFECTIVE = 50
MIN_E_VALUE = 1.5
MIN_ROBUSTNESS = 0.02
ONE_USER = "the trials left are of one user, which gives no interval"
MIN_EVENTS = 10  # outcomes of the rarer kind that a placebo needs in either arm

Floats = NDArray[np.float64]
Check = dict[str, Any]


def all_checks(
    table: TrialTable,
    found: Estimates,
    imbalance: dict[str, dict[str, float]],
    trimmed_share: float,
    seed: int,
) -> dict[str, Check]:
    """Every check, in the order in which they are told.

    Args:
        table: the kept trials.
        found: their estimates by the nuisances that the run goes by.
        imbalance: standardised differences by feature.
    """
    return {
        "overlap": overlap_holds(found, trimmed_share),
        "balance": balance_holds(imbalance),
        "permuted_treatment": permuted_treatment(table, seed),
        "pre_index_outcome": no_effect_on(
            table,
            found,
            table.bought_before,
            "purchases in earlier sessions, which no click of this one can cause",
        ),
        "negative_control_product": no_effect_on(
            table,
            found,
            table.bought_other,
            "first purchases, where they are of another product than the one clicked",
            may_lower=True,
        ),
        "e_value": e_value_check(found),
        "unseen_confounder": unseen_confounder(found),
    }


def overlap_holds(found: Estimates, trimmed_share: float) -> Check:
    """Whether most trials have counterparts in the other arm."""
    on_arms = weights(found.seen.treatment, found.nuisances.propensity, "ATE")
    smallest = min(effective_size(weight) for weight in on_arms)
    passed = trimmed_share <= MAX_TRIMMED and smallest >= MIN_EFFECTIVE
    return {
        "passed": bool(passed),
        "trimmed_share": trimmed_share,
        "smallest_effective_n": smallest,
        "words": (
            f"{trimmed_share:.1%} of the trials have no counterpart and were left out; "
            f"the smaller arm tells as much as {smallest:,.0f} equal trials."
            + ("" if passed else " The effect is that on a part of the trials only.")
        ),
    }


def balance_holds(imbalance: dict[str, dict[str, float]]) -> Check:
    """Whether weighting makes the arms alike in every summary feature."""
    worst = max(imbalance, key=lambda name: abs(imbalance[name]["after"]))
    value = abs(imbalance[worst]["after"])
    passed = value <= MAX_IMBALANCE
    size = f"{value:.2f} standard deviations"
    if value >= SEPARATED:
        size = f"{SEPARATED:g} standard deviations or more"
    return {
        "passed": passed,
        "worst": worst,
        "worst_difference": value,
        "limit": MAX_IMBALANCE,
        "words": (
            f"After weighting, clicked and unclicked trials differ most in "
            f"{worst.replace('_', ' ')}: by {size}."
            + ("" if passed else " They are not alike: part of the effect may be that.")
        ),
    }


def permuted_treatment(table: TrialTable, seed: int) -> Check:
    """Clicks dealt out at random must do nothing, whatever the outcome.

    How many of the intervals may miss 0 is the 99th percentile of a binomial count.
    """
    rng = np.random.default_rng(derive(seed, "permutations"))
    table = _some_users(table, rng)
    treatment = table.trials.treatment.numpy()
    if len(np.unique(table.fold)) < 2 or _rarer(treatment) < 2:
        return _not_made("too few users or clicks to deal out anew")
    effects = []
    for _ in range(N_PERMUTATIONS):
        dealt = rng.permutation(treatment)
        trials = replace(table.trials, treatment=torch.from_numpy(dealt))
        nuisances = _nuisances(quick_cross_fit(trials, table.fold))
        seen = Observed(trials.outcome.numpy(), dealt, trials.user.numpy())
        effects.append(aipw(seen, nuisances))
    missed = sum(not effect.holds(0.0) for effect in effects)
    allowed = int(scipy.stats.binom.ppf(CHECK_LEVEL, N_PERMUTATIONS, 0.05))
    passed = missed <= allowed
    mean = float(np.mean([effect.estimate for effect in effects]))
    return {
        "passed": passed,
        "n_permutations": N_PERMUTATIONS,
        "n_trials": len(table),
        "mean_estimate": mean,
        "n_intervals_without_zero": missed,
        "n_allowed": allowed,
        "words": (
            f"Clicks dealt out at random {N_PERMUTATIONS} times: mean effect "
            f"{mean:+.4f}, intervals without 0: {missed} (up to {allowed} are chance)."
            + ("" if passed else " The method finds effects where there are none.")
        ),
    }


def no_effect_on(
    table: TrialTable,
    found: Estimates,
    outcome: Floats,
    what: str,
    *,
    may_lower: bool = False,
) -> Check:
    """The effect on an outcome that a click cannot move must not be told from 0.

    The propensities are those of the run; the outcome models are logistic ones of this
    outcome.

    Args:
        outcome: of the kept trials, shape (K,).
        what: the outcome in words.
        may_lower: whether a click can lower it all the same: then only an interval
            above 0 fails.
    """
    treated = found.seen.treatment == 1
    if min(_rarer(outcome[arm]) for arm in (treated, ~treated)) < MIN_EVENTS:
        return _not_made(f"too few {what}")
    if not has_both_arms(found.seen.treatment, table.fold):
        return _not_made("the trials left are of too few users to learn from")
    trials = replace(table.trials, outcome=torch.from_numpy(outcome))
    _, if_not, if_clicked = quick_cross_fit(trials, table.fold).T
    nuisances = Nuisances(found.nuisances.propensity, if_not, if_clicked)
    seen = Observed(outcome, found.seen.treatment, found.seen.user)
    effect = aipw(seen, nuisances)
    bounds = effect.interval(CHECK_LEVEL)
    if bounds is None:
        return _not_made("the trials left are of one user")
    low, high = bounds
    passed = low <= 0 and (may_lower or high >= 0)
    words = (
        f"Effect on {what}: {effect.estimate:+.3f} ({CHECK_LEVEL:.0%} interval "
        f"{low:+.3f} to {high:+.3f})."
    )
    if not passed:
        words += (
            f" It should {'not be above 0' if may_lower else 'be 0'}: people who click "
            "differ from those who do not in ways that the history does not show."
        )
    elif high < 0:
        words += " A click that sells its own product first lowers it."
    return {
        "passed": passed,
        **effect.as_json(),
        "level": CHECK_LEVEL,
        "words": words,
    }


def e_value_check(found: Estimates) -> Check:
    """How strongly an unseen cause must go with clicks and purchases."""
    ratio = risk_ratio(found.seen, found.nuisances)
    if ratio is None:
        return _not_made("an adjusted purchase rate is not above 0")
    if ratio.ci95 is None:
        return _not_made(ONE_USER)
    value, of_interval = e_value(ratio.ratio), e_value_of_interval(ratio)
    claims_nothing = of_interval == 1.0
    passed = claims_nothing or of_interval >= MIN_E_VALUE
    return {
        "passed": passed,
        "e_value": value,
        "e_value_ci95": of_interval,
        "risk_ratio": ratio.ratio,
        "risk_ratio_ci95": list(ratio.ci95),
        "limit": MIN_E_VALUE,
        "words": _words_of_e_value(ratio.ratio, value, of_interval, passed),
    }


def _words_of_e_value(
    ratio: float, value: float, of_interval: float, passed: bool
) -> str:
    if of_interval == 1.0:
        return (
            f"Purchases are {ratio:.2f} times as likely after a click, an effect that "
            "cannot be told from none: there is nothing to explain away."
        )
    return (
        f"Purchases are {ratio:.2f} times as likely after a click. An unseen cause "
        f"would have to make both clicks and purchases {value:.2f} times as likely to "
        f"explain that, {of_interval:.2f} times to leave it in doubt."
        + ("" if passed else " A weak one suffices.")
    )


def unseen_confounder(found: Estimates) -> Check:
    """How the estimate would move if something mattered that nobody recorded."""
    effect = found.main
    if effect.ci95 is None:
        return _not_made(ONE_USER)
    curve = sensitivity(effect, found.seen, found.nuisances)
    claims_nothing = effect.holds(0.0)
    passed = claims_nothing or curve.robustness_of_interval >= MIN_ROBUSTNESS
    words = "The effect cannot be told from none as it is."
    if not claims_nothing:
        words = (
            "An unseen cause that explains "
            f"{curve.robustness_of_interval:.1%} of what the history leaves open of "
            "both clicks and purchases would leave the effect in doubt, "
            f"{curve.robustness:.1%} could explain all of it."
            + ("" if passed else " That is little.")
        )
    return {
        "passed": passed,
        **curve.as_json(effect),
        "limit": MIN_ROBUSTNESS,
        "words": words,
    }


def _some_users(table: TrialTable, rng: np.random.Generator) -> TrialTable:
    """All trials of as many users as have `PERMUTED_TRIALS` or fewer in all.

    No single user may fill more than a twentieth of them: a crawler's trials would be
    the whole sample, or stop it from being filled.
    """
    if len(table) <= PERMUTED_TRIALS:
        return table
    user = table.trials.user.numpy()
    n_trials = np.bincount(user)
    order = rng.permutation(len(n_trials))
    order = order[n_trials[order] <= PERMUTED_TRIALS // 20]
    is_taken = np.zeros(len(n_trials), bool)
    is_taken[order] = n_trials[order].cumsum() <= PERMUTED_TRIALS
    return table.take(np.flatnonzero(is_taken[user]))


def _not_made(why: str) -> Check:
    return {"passed": None, "words": f"Could not be made: {why}."}


def _nuisances(probabilities: Floats) -> Nuisances:
    return Nuisances(*probabilities.T)


def _rarer(outcome: Floats) -> int:
    return int(min(outcome.sum(), len(outcome) - outcome.sum()))
