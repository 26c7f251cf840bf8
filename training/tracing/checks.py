"""Checks that stop a run whose models or metrics see what they must not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import scipy
import torch
from torch import Tensor

from models_py.tracing.data import Responses
from training.errors import UserError
from training.evaluation.probabilities import auc
from training.tracing.past import recounted, require_past_only

N_USERS = 40  # users whose answers are tampered with
TOLERANCE = 1e-4  # other batches round otherwise
WIDTH = 4.0  # standard errors: a sound run fails once in 16,000


def leaks(model: Any, responses: Responses) -> Iterator[tuple[str, float]]:
    """How far tampering with what is not yet known moves a prediction.

    Args:
        model: fitted.
        responses: of users who decide nothing more; some are enough.
    Yields:
        The name of a check and the largest change of a prediction that must not
        change; 0 where the model is sound.
    """
    some = recounted(_some_users(responses))
    middle = (some.user_starts[:-1] + some.user_starts[1:]) // 2  # a row of each user
    before = model.predict(some)
    now = some.at[middle][_user_number(some)]
    yield (
        "a later response",
        _change(model, _tampered(some, some.at > now), before, some.at <= now),
    )
    at_middle = torch.zeros(len(some), dtype=torch.bool)
    at_middle[middle] = True
    yield (
        "the answer itself",
        _change(model, _tampered(some, at_middle), before, at_middle),
    )
    # the middle response once more, as the same row of a second skill would be: the
    # answer of the one must move the other as little as its own
    order = torch.cat([torch.arange(len(some)), middle]).sort(stable=True).values
    doubled = recounted(some.take(order))
    is_twin = torch.isin(order, middle)
    yield (
        "another row of the same response",
        _change(model, _tampered(doubled, is_twin), model.predict(doubled), is_twin),
    )


def require_sound_features(responses: Responses) -> None:
    """Hold what the marts say of some users' past against their earlier answers.

    Raises:
        UserError: names the feature that tells more or less.
    """
    require_past_only(_some_users(responses))


def require_sound(name: str, model: Any, responses: Responses) -> dict[str, float]:
    """Largest change by check.

    Raises:
        UserError: a prediction depends on what it must not know.
    """
    found = dict(leaks(model, responses))
    for what, change in found.items():
        if not change <= TOLERANCE:
            raise UserError(
                f"model {name} is broken: a prediction moves by {change:.3g} when "
                f"{what} changes, which it must not see; mend the model"
            )
    return found


def require_chance_level(
    predictions: Mapping[str, np.ndarray], seed: int
) -> dict[str, dict[str, Any]]:
    """AUC of every model against answers drawn by a coin.

    Returns:
        `auc` and its `standard_error` by model, without those whose answers are too
        few to tell: not even an AUC of 1 would stand out.
    Raises:
        UserError: an AUC is further from 1/2 than chance explains.
    """
    found = {}
    for name, predicted in predictions.items():
        coins = np.random.default_rng(seed).random(len(predicted)) < 0.5
        value = auc(coins, predicted)
        if value is None:
            continue  # a single answer, or equal coins, say nothing
        error = _spread_of_chance(predicted, int(coins.sum()))
        if WIDTH * error >= 0.5:
            continue
        # equal predictions have an AUC of 1/2 exactly, without any spread
        if abs(value - 0.5) > WIDTH * error + 1e-9:
            raise UserError(
                f"evaluation is broken: {name} has an AUC of {value:.3f} against "
                f"random answers, whose standard error is {error:.3f}"
            )
        found[name] = {"auc": value, "standard_error": error}
    return found


def _spread_of_chance(predicted: np.ndarray, n_right: int) -> float:
    """Standard deviation of the AUC over all ways to deal that many right answers.

    The variance of the Mann-Whitney statistic with ties, exact for any predictions:
    coins know no users, so it matters not whose the answers are.
    """
    n, n_wrong = len(predicted), len(predicted) - n_right
    _, ties = np.unique(scipy.stats.rankdata(predicted), return_counts=True)
    tied = sum(int(size) ** 3 - int(size) for size in ties) / (n * (n - 1))
    return float(np.sqrt((n + 1 - tied) / (12 * n_right * n_wrong)))


def _some_users(responses: Responses) -> Responses:
    """The first users with the most responses."""
    lengths = responses.user_starts.diff()
    chosen = lengths.argsort(descending=True, stable=True)[:N_USERS]
    return responses.take(torch.isin(_user_number(responses), chosen))


def _user_number(responses: Responses) -> Tensor:
    """0, 1, … in the order of users, shape (N,)."""
    return responses.user.unique_consecutive(return_inverse=True)[1]


def _tampered(responses: Responses, rows: Tensor) -> Responses:
    """The opposite answers, given in another way, in the chosen rows.

    Whatever a model reads of a user's history is counted anew from them.
    """
    behaviour = responses.behaviour.clone()
    behaviour[rows] = 3.0 - behaviour[rows].nan_to_num(0.0)
    return recounted(
        replace(responses, correct=responses.correct ^ rows, behaviour=behaviour)
    )


def _change(model: Any, tampered: Responses, before: Tensor, rows: Tensor) -> float:
    """Largest change of the predictions that must stay."""
    return float((model.predict(tampered) - before)[rows].abs().max())
