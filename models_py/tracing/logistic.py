"""Logistic regression on the student's history and on item and skill rates."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from models_py.config import require
from models_py.fitting import Optimise
from models_py.tracing.data import Responses
from models_py.tracing.rates import Rates, out_of_fold_log_odds


@dataclass(frozen=True)
class LogisticConfig:
    """Settings of `Logistic`.

    Args:
        inverse_penalty: scikit-learn's `C`; smaller shrinks the weights more.
        n_folds: folds of users for the item and skill rates.
        weight: how many answers of the mean rate an item or skill starts with.
        seed: which user is in which fold.
    """

    inverse_penalty: float = 1.0
    n_folds: int = 5
    weight: float = 10.0
    seed: int = 20260107

    def __post_init__(self) -> None:
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
        self.state = {
            "item_rate": torch.full((n_items,), 0.5, dtype=torch.float64),
            "skill_rate": torch.full((n_skills,), 0.5, dtype=torch.float64),
            "mean_rate": torch.tensor(0.5, dtype=torch.float64),
        }

    @property
    def n_parameters(self) -> int:
        """Rates, and two weights a column with its mean and spread."""
        return sum(value.numel() for value in self.state.values())

    def fit(self, train: Responses, optimise: Optimise) -> None:
        """Maximum likelihood with a ridge penalty, rates from out of fold."""
        config = self.config
        odds = out_of_fold_log_odds(
            train, n_folds=config.n_folds, weight=config.weight, seed=config.seed
        )
        columns = torch.cat([train.history, odds], dim=1).double()
        mean = columns.nanmean(0).nan_to_num()
        spread = (columns - mean).square().nanmean(0).sqrt().nan_to_num()
        spread = torch.where(spread > 0, spread, 1.0)
        inputs = _standardised(columns, mean, spread).numpy()
        weights, bias = self._regress(inputs, train.correct.numpy())
        rates = Rates.among(train, config.weight)
        self.state = {
            "item_rate": rates.item,
            "skill_rate": rates.skill,
            "mean_rate": rates.mean,
            "column_mean": mean,
            "column_spread": spread,
            "weights": torch.from_numpy(weights),
            "bias": torch.tensor(bias),
        }

    def predict(self, responses: Responses) -> Tensor:
        """Sigmoid of the weighted columns, shape (N,)."""
        state = self.state
        rates = Rates(state["item_rate"], state["skill_rate"], state["mean_rate"])
        columns = torch.cat([responses.history, rates.log_odds(responses)], dim=1)
        inputs = _standardised(
            columns.double(), state["column_mean"], state["column_spread"]
        )
        return (inputs @ state["weights"] + state["bias"]).sigmoid().float()

    def state_dict(self) -> dict[str, Tensor]:
        """Rates, columns' means and spreads, weights."""
        return self.state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what was fitted on the same vocabularies."""
        for name in ("item_rate", "skill_rate"):
            if state[name].shape != self.state[name].shape:
                raise ValueError(f"{name} has {len(state[name])} rows")
        self.state = state

    def _regress(self, inputs: np.ndarray, correct: np.ndarray) -> tuple:
        """Weights (2 · columns,) and the bias."""
        if correct.all() or not correct.any():  # one class: only the rate is known
            odds = np.log((correct.sum() + 1) / (len(correct) - correct.sum() + 1))
            return np.zeros(inputs.shape[1]), float(odds)
        model = LogisticRegression(C=self.config.inverse_penalty, max_iter=1000)
        model.fit(inputs, correct)
        return model.coef_[0], float(model.intercept_[0])


def _standardised(columns: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Columns at mean 0 and spread 1, then a 1 where a column is unknown."""
    scaled = ((columns - mean) / spread).nan_to_num(0.0)
    return torch.cat([scaled, columns.isnan().double()], dim=1)
