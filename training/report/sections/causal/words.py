"""Names for people, and one way to write an effect."""

from typing import Any

from training.report import numbers

ESTIMATORS = {
    "raw": "As seen (raw)",
    "outcome_regression": "Regression",
    "ipw": "IPW",
    "aipw": "AIPW",
}
CHECKS = {
    "overlap": "clicked impressions have unclicked counterparts",
    "balance": "the compared impressions are alike",
    "permuted_treatment": "clicks dealt out at random do nothing",
    "pre_index_outcome": "clicks do not change the past",
    "negative_control_product": "a click on one product sells no other",
    "e_value": "a weak unseen cause cannot explain the effect (E-value)",
    "unseen_confounder": "a weak unseen cause cannot explain the effect (variance)",
}


def purchase_of(effects: dict[str, Any]) -> str:
    """The purchase that counts; runs of before do not say of which product."""
    if effects.get("outcome_product") == "same":
        return "a purchase of the product shown"
    return "a purchase"


def points_of(effect: dict[str, Any]) -> str:
    """Value and interval: "+0.101 (+0.067 to +0.136)"."""
    value = numbers.signed(effect["estimate"])
    bounds = effect["ci95"]
    return f"{value} ({numbers.signed_interval(bounds)})" if bounds else value
