"""Item response theory: the three-parameter logistic model and its item statistics.

Birnbaum, in Lord and Novick: Statistical Theories of Mental Test Scores, 1968. With
ability θ known only as N(mean, spread²), the chance of a right answer is

    c + (1 - c) · sigmoid(a · (mean - b) / sqrt(1 + π a² spread² / 8)),

where the root makes up for the spread (MacKay: The Evidence Framework Applied to
Classification Networks, 1992; exact for a probit, within 0.02 for a logit).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models_py.tracing.data import Responses

N_STEPS = 40  # Fisher scoring; steps shrink below 1e-6 long before
LARGEST_STEP = 1.0
SMALLEST_CHANCE = 1e-6


@dataclass(frozen=True)
class Abilities:
    """What is known of a user's ability just before each answer.

    Args:
        mean: shape (N,).
        spread: standard deviation, above 0, shape (N,).
    """

    mean: Tensor
    spread: Tensor


@dataclass(frozen=True)
class ItemPrior:
    """Normal priors of an item's parameters, as (mean, standard deviation).

    Args:
        difficulty: on the scale of ability; of a skill, and of an item without one.
        difficulty_in_skill: standard deviation of items around their skills.
        log_discrimination: of log a.
        logit_guessing: of log(c / (1 - c)).
    """

    difficulty: tuple[float, float] = (0.0, 2.0)
    difficulty_in_skill: float = 1.0
    log_discrimination: tuple[float, float] = (0.0, 0.5)
    logit_guessing: tuple[float, float] = (-2.0, 0.7)

    @property
    def mean(self) -> Tensor:
        """Means, shape (3,)."""
        return torch.tensor([pair[0] for pair in self._pairs()], dtype=torch.float64)

    @property
    def precision(self) -> Tensor:
        """Inverse variances, shape (3,)."""
        spread = torch.tensor([pair[1] for pair in self._pairs()], dtype=torch.float64)
        return spread.square().reciprocal()

    def _pairs(self) -> tuple[tuple[float, float], ...]:
        return self.difficulty, self.log_discrimination, self.logit_guessing


@dataclass(frozen=True)
class ItemEstimates:
    """Parameters of every item.

    Args:
        values: difficulty b, log a, logit c; float64, shape (n_items, 3).
        errors: standard error of each, shape (n_items, 3).
        n_responses: answers they rest on, shape (n_items,).
    """

    values: Tensor
    errors: Tensor
    n_responses: Tensor


def right_chance(
    mean: Tensor, spread: Tensor, difficulty: Tensor, log_a: Tensor, logit_c: Tensor
) -> Tensor:
    """Chance of a right answer; arguments broadcast."""
    a, guessing = log_a.exp(), logit_c.sigmoid()
    damping = (1 + math.pi / 8 * (a * spread) ** 2).rsqrt()
    known = (a * damping * (mean - difficulty)).sigmoid()
    return guessing + (1 - guessing) * known


def calibrate_within_skills(
    responses: Responses, abilities: Abilities, prior: ItemPrior
) -> tuple[ItemEstimates, Tensor]:
    """Item parameters, each item's difficulty drawn towards that of its skills.

    Skills are calibrated first, as if each were one item: an item that was met twice is
    as hard as its skills until its answers say otherwise.

    Returns:
        The items', and the difficulty of each skill, shape (n_skills,).
    """
    lengths = responses.skills.lengths
    row = torch.repeat_interleave(torch.arange(len(responses)), lengths)
    of_skills = calibrate(
        responses.skills.values,
        responses.correct[row],
        Abilities(abilities.mean[row], abilities.spread[row]),
        responses.n_skills,
        prior,
    ).values[:, 0]
    members = responses.item_skills
    total = torch.zeros(len(members), dtype=torch.float64)
    item = torch.repeat_interleave(torch.arange(len(members)), members.lengths)
    total.index_add_(0, item, of_skills[members.values])
    has_skills = members.lengths > 0
    centre = prior.mean.repeat(len(members), 1)
    centre[has_skills, 0] = (total / members.lengths)[has_skills]
    precision = prior.precision.repeat(len(members), 1)
    precision[has_skills, 0] = prior.difficulty_in_skill**-2
    items = calibrate(
        responses.item,
        responses.correct,
        abilities,
        len(members),
        prior,
        centre=centre,
        precision=precision,
    )
    return items, of_skills


def calibrate(
    item: Tensor,
    correct: Tensor,
    abilities: Abilities,
    n_items: int,
    prior: ItemPrior,
    *,
    centre: Tensor | None = None,
    precision: Tensor | None = None,
) -> ItemEstimates:
    """Most likely item parameters given abilities, by Fisher scoring.

    Standard errors are those of the curvature at the optimum, prior included:
    inverse of Fisher's information plus the prior's precision. They take abilities
    and their spread as known.

    Args:
        item: item of each answer, shape (N,).
        correct: bool, shape (N,).
        abilities: before each answer.
        prior: keeps an item with few answers near the mean; one without any is
            the prior.
        centre, precision: means and inverse variances by item, shape (n_items, 3);
            the prior's where they are not given.
    """
    y = correct.double()
    mean, spread = abilities.mean.double(), abilities.spread.double()
    if centre is None:
        centre = prior.mean.repeat(n_items, 1)
    if precision is None:
        precision = prior.precision.repeat(n_items, 1)
    values = centre.clone()
    for _ in range(N_STEPS):
        slope, information = score(item, y, mean, spread, values)
        slope = slope - precision * (values - centre)
        step = torch.linalg.solve(information + precision.diag_embed(), slope)
        values = values + step.clamp(-LARGEST_STEP, LARGEST_STEP)
        if step.numel() == 0 or float(step.abs().max()) < 1e-6:
            break
    _, information = score(item, y, mean, spread, values)
    covariance = torch.linalg.inv(information + precision.diag_embed())
    errors = covariance.diagonal(dim1=1, dim2=2).sqrt()
    return ItemEstimates(values, errors, torch.bincount(item, minlength=n_items))


def score(
    group: Tensor, y: Tensor, mean: Tensor, spread: Tensor, values: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradient (G, 3) and Fisher information (G, 3, 3) of the log-likelihood."""
    b, log_a, logit_c = values[group].unbind(1)
    a, c = log_a.exp(), logit_c.sigmoid()
    damping = (1 + math.pi / 8 * (a * spread) ** 2).rsqrt()
    known = (a * damping * (mean - b)).sigmoid()
    slope_known = (1 - c) * known * (1 - known)
    chance = (c + (1 - c) * known).clamp(SMALLEST_CHANCE, 1 - SMALLEST_CHANCE)
    change = torch.stack(
        [
            -slope_known * a * damping,
            slope_known * a * damping**3 * (mean - b),
            c * (1 - c) * (1 - known),
        ],
        dim=1,
    )  # (N, 3)
    variance = chance * (1 - chance)
    slope = torch.zeros(len(values), 3, dtype=torch.float64)
    slope.index_add_(0, group, change * ((y - chance) / variance)[:, None])
    outer = change[:, :, None] * change[:, None, :] / variance[:, None, None]
    information = torch.zeros(len(values), 9, dtype=torch.float64)
    information.index_add_(0, group, outer.flatten(1))
    return slope, information.unflatten(1, (3, 3))
