"""What makes users click and buy in simulated ad sessions, with the exact truth.

A session is a course of at most `max_steps` impressions. Before impression k the page
asks for one ad (an idle step) or for three (a burst): auctions, which anybody can see.
Bursts come in runs. The intent after step k,

    g = (1 - order_weight) * (bursts - usual_share * k) / 2.5
        + order_weight * (length of the last run of bursts - 1),

is a function of the history, but with `order_weight` above 0 not of its counts alone:
bursts in a row say more than as many bursts apart. It drives both what is clicked and
what is bought, which confounds the two:

    P(click)                = expit(click_intercept + click_slope * g + appeal * a + u)
    P(bought before k + 1)  = 0.6 * expit(purchase_intercept + purchase_slope * g + u)

with a the appeal of the product shown and u = ±unmeasured, a trait of the user that
leaves no trace in the history (0 by default: the history is all one needs). A course
without a click goes on with probability `continue_share`, and the user buys "anyway"
with a probability P0 that follows from what may still come, later clicks included:

    P0(k) = q + (1 - q) * continue_share * E[click * P1(k+1) + (1 - click) * P0(k+1)].

A click settles the session instead: it ends in a purchase with probability

    P1(k) = P0(k) + effect + effect_slope * tanh(g),

so the effect of a click is known for each impression whatever the future holds, and
effect = effect_slope = 0 is a true zero. States are few, so P0 is computed exactly by
backward induction and the averages over impressions by a forward pass.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from training.errors import UserError
from training.simulate.arrays import Floats, Ints

LONGEST_RUN = 3  # a longer run of bursts says no more
APPEALS = np.array([-1.0, 0.0, 1.0])
MOST_BUY = 0.6  # leaves room for the effect of a click
TRAITS = np.array([-1.0, 1.0])


@dataclass(frozen=True)
class AdSettings:
    """How strong everything is; logits, unless stated otherwise.

    Args:
        effect: what a click adds to the probability of a purchase at intent 0.
        effect_slope: by how much that grows with tanh(intent); 0 is a constant effect.
        click_intercept, click_slope: of the propensity. The slope settles overlap:
            0 is a randomised click, 2 leaves hardly any.
        purchase_intercept, purchase_slope: of purchases without a click.
        appeal: of the best product above a middling one; moves clicks only.
        order_weight: share of the intent that lies in the order of events, 0 to 1.
        unmeasured: strength of a user trait that no event shows.
        burst_share: probability of a burst after an idle step.
        burst_persistence: what a burst adds to that of the next.
        continue_share: probability that a course without a click goes on.
        max_steps: impressions of a course at most.
    """

    effect: float = 0.10
    effect_slope: float = 0.05
    click_intercept: float = -1.6
    click_slope: float = 1.1
    purchase_intercept: float = -2.3
    purchase_slope: float = 1.8
    appeal: float = 0.4
    order_weight: float = 0.7
    unmeasured: float = 0.0
    burst_share: float = 0.25
    burst_persistence: float = 0.45
    continue_share: float = 0.75
    max_steps: int = 10

    def __post_init__(self) -> None:
        shares = {
            "order_weight": self.order_weight,
            "burst_share": self.burst_share,
            "burst_persistence": self.burst_persistence,
            "burst_share + burst_persistence": self.burst_share
            + self.burst_persistence,
            "continue_share": self.continue_share,
        }
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1], not be {value:g}")
        if not 1 <= self.max_steps <= 20:
            raise ValueError(f"max_steps must lie in [1, 20], not be {self.max_steps}")


@dataclass(frozen=True)
class PopulationTruth:
    """Exact averages over the eligible impressions of the process.

    Args:
        ate, att: mean effect of a click over all, and over the clicked impressions.
        raw_difference: purchases after clicked less after unclicked impressions:
            what one sees without any adjustment.
        treated_share: share of impressions that are clicked.
        trials_per_session: eligible impressions of a session.
    """

    ate: float
    att: float
    raw_difference: float
    treated_share: float
    trials_per_session: float


class AdProcess:
    """Probabilities of every state, each an array of shape (K+1, N, R, U).

    The axes: impression k of the course (0 is before the first), bursts so far, length
    of the last run of bursts, trait of the user.

    Raises:
        UserError: an effect takes a probability out of [0, 1].
    """

    def __init__(self, settings: AdSettings, appeal_shares: Floats) -> None:
        """Compute the tables.

        Args:
            settings: the strengths.
            appeal_shares: how often products of each appeal are shown, shape (A,).
        """
        self.settings = settings
        self.appeal_shares = appeal_shares
        steps, runs = np.arange(settings.max_steps + 1), np.arange(LONGEST_RUN + 1)
        step, bursts, run = np.meshgrid(steps, steps, runs, indexing="ij")
        self.intent = self._intent(step, bursts, run)[..., None]  # (K+1, N, R, 1)
        self.trait = settings.unmeasured * TRAITS  # (U,)
        self.buys_anyway = MOST_BUY * expit(
            settings.purchase_intercept
            + settings.purchase_slope * self.intent
            + self.trait
        )
        self.effect = settings.effect + settings.effect_slope * np.tanh(self.intent)
        # (K+1, N, R, U, A)
        self.click_by_appeal = expit(
            settings.click_intercept
            + (settings.click_slope * self.intent + self.trait)[..., None]
            + settings.appeal * APPEALS
        )
        self.click = self.click_by_appeal @ appeal_shares
        self.outcome_if_not = self._outcome_if_not()
        self.outcome_if_clicked = self.outcome_if_not + self.effect
        self._check_probabilities()

    @property
    def burst(self) -> Floats:
        """Probability that the next step is a burst, by the last run, shape (R,)."""
        is_running = (np.arange(LONGEST_RUN + 1) > 0).astype(np.float64)
        settings = self.settings
        return settings.burst_share + settings.burst_persistence * is_running

    def _intent(self, step: Ints, bursts: Ints, run: Ints) -> Floats:
        settings = self.settings
        # the share of bursts in the long run, so that the intent has no trend
        usual = settings.burst_share / (1 - settings.burst_persistence or 1)
        return (1 - settings.order_weight) * (
            bursts - usual * step
        ) / 2.5 + settings.order_weight * (run - 1.0)

    def _outcome_if_not(self) -> Floats:
        """P0 by backward induction: an unclicked last impression ends the course."""
        settings = self.settings
        value = self.buys_anyway.copy()  # (K+1, N, R, U)
        for step in range(settings.max_steps - 1, -1, -1):
            later = value[step + 1]
            arrived = later + self.click[step + 1] * self.effect[step + 1]
            goes_on = settings.continue_share * self._expected(arrived)
            value[step] += (1 - value[step]) * goes_on
        return value

    def _expected(self, arrived: Floats) -> Floats:
        """Mean over the next step of a value of the state it leads to, (N, R, U)."""
        after_burst = np.concatenate([arrived[1:], arrived[-1:]])
        after_burst = np.concatenate(
            [after_burst[:, 1:], after_burst[:, LONGEST_RUN:]], axis=1
        )
        burst = self.burst[:, None]
        return burst * after_burst + (1 - burst) * arrived[:, :1]

    def _check_probabilities(self) -> None:
        reachable = self.visits > 0
        worst = self.outcome_if_clicked[reachable]
        if len(worst) and not (worst.min() >= 0 and worst.max() <= 1):
            raise UserError(
                f"effect {self.settings.effect:g} with effect_slope "
                f"{self.settings.effect_slope:g} takes the probability of a purchase "
                f"to [{worst.min():.3f}, {worst.max():.3f}]; choose smaller ones"
            )

    @cached_property
    def visits(self) -> Floats:
        """Expected eligible impressions of a session in each state, (K+1, N, R, U)."""
        settings = self.settings
        visits = np.zeros(self.outcome_if_not.shape)
        leaving = np.zeros(visits.shape[1:])
        leaving[0, 0] = 1 / len(TRAITS)
        for step in range(1, settings.max_steps + 1):
            burst = leaving * self.burst[:, None]
            visits[step, 1:, 1:] += burst[:-1, :-1]
            visits[step, 1:, -1] += burst[:-1, -1]
            visits[step, :, 0] += (leaving - burst).sum(axis=1)
            leaving = (
                visits[step]
                * (1 - self.click[step])
                * (1 - self.buys_anyway[step])
                * settings.continue_share
            )
        return visits

    def population(self) -> PopulationTruth:
        """Exact averages over eligible impressions."""
        visits, click = self.visits, self.click
        clicked, unclicked = visits * click, visits * (1 - click)
        effect = np.broadcast_to(self.effect, visits.shape)
        after_click = np.average(self.outcome_if_clicked, weights=clicked)
        after_none = np.average(self.outcome_if_not, weights=unclicked)
        return PopulationTruth(
            ate=float(np.average(effect, weights=visits)),
            att=float(np.average(effect, weights=clicked)),
            raw_difference=float(after_click - after_none),
            treated_share=float(clicked.sum() / visits.sum()),
            trials_per_session=float(visits.sum()),
        )
