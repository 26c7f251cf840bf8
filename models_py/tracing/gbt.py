"""Gradient-boosted trees on the student's history and on item and skill rates."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models_py import trees
from models_py.config import require
from models_py.fitting import Optimise
from models_py.tracing.data import Responses
from models_py.tracing.rates import Rates, out_of_fold_log_odds

_RATES = ("item_rate", "skill_rate", "mean_rate")


@dataclass(frozen=True)
class GBTConfig:
    """Settings of `GBT`.

    Args:
        n_trees: how many trees are added up.
        learning_rate: how much of each tree counts.
        n_leaves: most leaves of a tree.
        min_leaf: fewest answers in a leaf.
        penalty: ridge penalty of the leaves' values.
        n_folds: folds of users for the item and skill rates.
        weight: how many answers of the mean rate an item or skill starts with.
        seed: which user is in which fold, and of the trees.
    """

    n_trees: int = 150
    learning_rate: float = 0.05
    n_leaves: int = 15
    min_leaf: int = 40
    penalty: float = 1.0
    n_folds: int = 5
    weight: float = 10.0
    seed: int = 20260107

    def __post_init__(self) -> None:
        require(self.n_trees >= 1, "n_trees must be 1 or more")
        require(self.learning_rate > 0, "learning_rate must be above 0")
        require(self.n_leaves >= 2, "n_leaves must be 2 or more")
        require(self.min_leaf >= 1, "min_leaf must be 1 or more")
        require(self.penalty >= 0, "penalty must be 0 or more")
        require(self.n_folds >= 2, "n_folds must be 2 or more")
        require(self.weight > 0, "weight must be above 0")


class GBT:
    """scikit-learn's histogram boosting (after LightGBM, Ke et al., NeurIPS 2017).

    The strong cheap baseline: what a network must beat to be worth its cost. An
    unknown value goes the way of the branch that learned from unknown ones.
    """

    def __init__(self, n_items: int, n_skills: int, config: GBTConfig) -> None:
        self.config = config
        self.state = {
            "item_rate": torch.full((n_items,), 0.5, dtype=torch.float64),
            "skill_rate": torch.full((n_skills,), 0.5, dtype=torch.float64),
            "mean_rate": torch.tensor(0.5, dtype=torch.float64),
        }

    @property
    def n_parameters(self) -> int:
        """Rates, and each node's split or value."""
        return sum(self.state[name].numel() for name in (*_RATES, "value"))

    def fit(self, train: Responses, optimise: Optimise) -> None:
        """Boost, with rates from out of fold."""
        config = self.config
        odds = out_of_fold_log_odds(
            train, n_folds=config.n_folds, weight=config.weight, seed=config.seed
        )
        rates = Rates.among(train, config.weight)
        self.state = {
            "item_rate": rates.item,
            "skill_rate": rates.skill,
            "mean_rate": rates.mean,
        }
        self.state |= trees.boosted(
            _columns(train, odds).numpy(),
            train.correct.numpy(),
            if_alike=float(rates.mean.logit()),
            n_trees=config.n_trees,
            learning_rate=config.learning_rate,
            max_leaves=config.n_leaves,
            min_leaf=config.min_leaf,
            penalty=config.penalty,
            seed=config.seed % 2**32,
        )

    def predict(self, responses: Responses) -> Tensor:
        """Sigmoid of the trees' sum, shape (N,)."""
        rates = Rates(*(self.state[name] for name in _RATES))
        columns = _columns(responses, rates.log_odds(responses))
        return trees.log_odds(self.state, columns).sigmoid().float()

    def state_dict(self) -> dict[str, Tensor]:
        """Rates and nodes."""
        return self.state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what was fitted on the same vocabularies."""
        for name in ("item_rate", "skill_rate"):
            if state[name].shape != self.state[name].shape:
                raise ValueError(f"{name} has {len(state[name])} rows")
        trees.require_trees(state, self.config.n_trees)
        self.state = state


def _columns(responses: Responses, odds: Tensor) -> Tensor:
    return torch.cat([responses.history, odds], dim=1).double()
