"""Logistic regression on the student's history and on item and skill rates."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models_py.config import require
from models_py.fitting import Optimise
from models_py.tracing.columns import NAMES, Scale, columns_of, training_columns
from models_py.tracing.data import Responses
from models_py.tracing.rates import ITEM_WEIGHT, Rates
from models_py.tracing.shown import HOURS

_EASE = ("item_log_odds", "skill_log_odds")
_OF_SKILLS = ("skill_prior_n", "skill_prior_correct_rate")
_COLUMNS = {
    "all": NAMES,
    "best_lr": (*_EASE, *_OF_SKILLS, "prior_n", "prior_correct_rate"),
    "das3h": (
        *(*_EASE, *_OF_SKILLS),
        *(f"skill_prior_{span}_n" for span in HOURS),
        *(f"skill_prior_{span}_n_correct" for span in HOURS),
    ),
}


@dataclass(frozen=True)
class LogisticConfig:
    """Settings of `Logistic`.

    Args:
        columns: `all`; `best_lr`, counts of all answers and of those on the skills,
            after Gervet, Koedinger, Schneider, Mitchell: When is Deep Learning the
            Best Approach to Knowledge Tracing?, JEDM 2020; or `das3h`, counts on the
            skills over windows of time, after Choffin, Popineau, Bourda, Vie: DAS3H,
            EDM 2019.
        inverse_penalty: scikit-learn's `C`; smaller shrinks the weights more.
        n_folds: folds of users for the item and skill rates.
        weight: how many answers of its skills' rate an item starts with.
        seed: which user is in which fold.
    """

    columns: Literal["all", "best_lr", "das3h"] = "all"
    inverse_penalty: float = 1.0
    n_folds: int = 5
    weight: float = ITEM_WEIGHT
    seed: int = 20260107

    def __post_init__(self) -> None:
        known = ", ".join(_COLUMNS)
        require(self.columns in _COLUMNS, f"columns must be one of {known}")
        require(self.inverse_penalty > 0, "inverse_penalty must be above 0")
        require(self.n_folds >= 2, "n_folds must be 2 or more")
        require(self.weight > 0, "weight must be above 0")


class Logistic:
    """A weight for each standardised column, and one for each column unknown.

    After Pavlik, Cen, Koedinger: Performance Factors Analysis, AIED 2009, with rates
    in place of a free parameter an item. An unknown value counts as the mean.
    """

    def __init__(self, n_items: int, n_skills: int, config: LogisticConfig) -> None:
        self.config = config
        self.rates = Rates.unknown(n_items, n_skills)
        self.chosen = [NAMES.index(name) for name in _COLUMNS[config.columns]]
        self.scale = Scale.unknown(len(self.chosen))
        self.weights = torch.zeros(2 * len(self.chosen), dtype=torch.float64)
        self.bias = torch.tensor(0.0, dtype=torch.float64)

    @property
    def n_parameters(self) -> int:
        """Rates, and two weights a column with its mean and spread."""
        return sum(value.numel() for value in self.state_dict().values())

    def fit(self, train: Responses, val: Responses, optimise: Optimise) -> None:
        """Maximum likelihood with a ridge penalty, rates from out of fold."""
        config = self.config
        columns = training_columns(
            train, n_folds=config.n_folds, weight=config.weight, seed=config.seed
        )[:, self.chosen]
        self.rates = Rates.among(train, config.weight)
        self.scale = Scale.of(columns)
        self.weights, self.bias = regressed(
            self.scale(columns), train.correct, config.inverse_penalty
        )

    def predict(self, responses: Responses) -> Tensor:
        """Sigmoid of the weighted columns, shape (N,)."""
        inputs = self.scale(columns_of(responses, self.rates)[:, self.chosen])
        return (inputs @ self.weights + self.bias).sigmoid().float()

    def state_dict(self) -> dict[str, Tensor]:
        """Rates, columns' means and spreads, weights."""
        return {
            **self.rates.state(),
            "column_mean": self.scale.mean,
            "column_spread": self.scale.spread,
            "weights": self.weights,
            "bias": self.bias,
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what was fitted on the same vocabularies."""
        self.rates.require_shapes(state)
        self.rates = Rates.from_state(state)
        self.scale = Scale(state["column_mean"], state["column_spread"])
        self.weights, self.bias = state["weights"], state["bias"]


def regressed(
    inputs: Tensor, correct: Tensor, inverse_penalty: float
) -> tuple[Tensor, Tensor]:
    """Weights of scaled columns and the bias, by penalised maximum likelihood.

    Args:
        inputs: shape (N, C).
        correct: bool, shape (N,).
        inverse_penalty: scikit-learn's `C`.
    Returns:
        Shapes (C,) and (), float64.
    """
    if correct.unique().numel() < 2:  # one class: only the rate is known
        odds = (correct.sum() + 1.0) / ((~correct).sum() + 1.0)
        return torch.zeros(inputs.shape[1], dtype=torch.float64), odds.log().double()
    # takes as long to load as torch, and few need it
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=inverse_penalty, max_iter=1000)
    model.fit(inputs.numpy(), correct.numpy())
    return torch.from_numpy(model.coef_[0]), torch.tensor(float(model.intercept_[0]))
