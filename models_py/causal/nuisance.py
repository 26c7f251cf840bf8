"""Nuisances on summary features: logistic regression and gradient boosting.

Three models each: of the treatment, and of the outcome in either arm. They are fitted
by scikit-learn and kept as tensors; a probability is never 0 or 1.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from torch import Tensor

from models_py import trees
from models_py.causal import summary
from models_py.causal.protocol import COLUMNS, EDGE, OptimiseNuisances
from models_py.causal.trials import Trials
from models_py.config import require

_SPREAD_FLOOR = 1e-9  # a feature that never varies is left as it is

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SummaryLogisticConfig:
    """Settings of `SummaryLogistic`.

    Args:
        strength: inverse strength of the ridge penalty on standardised features
            (scikit-learn's C).
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        require(self.strength > 0, "strength must be above 0")


BINNING_SEED = 0  # above 200,000 trials the bins come from a random sample of them


@dataclass(frozen=True)
class SummaryBoostingConfig:
    """Settings of `SummaryBoosting`.

    Args:
        n_trees: trees of each model.
        learning_rate: share of a tree's step that is taken.
        max_leaves: leaves of a tree.
        min_leaf: trials of a leaf at least.
        penalty: ridge penalty on a leaf's value.
    """

    n_trees: int = 60
    learning_rate: float = 0.08
    max_leaves: int = 8
    min_leaf: int = 40
    penalty: float = 5.0

    def __post_init__(self) -> None:
        require(self.n_trees >= 1, "n_trees must be 1 or more")
        require(0 < self.learning_rate <= 1, "learning_rate must be in (0, 1]")
        require(self.max_leaves >= 2, "max_leaves must be 2 or more")
        require(self.min_leaf >= 1, "min_leaf must be 1 or more")
        require(self.penalty >= 0, "penalty must be 0 or more")


class SummaryLogistic:
    """Logistic regression on standardised summary features."""

    def __init__(self, n_items: int, config: SummaryLogisticConfig) -> None:
        self.config = config
        n_features = len(summary.FEATURES)
        self.state = {
            "mean": torch.zeros(n_features, dtype=torch.float64),
            "spread": torch.ones(n_features, dtype=torch.float64),
            "weight": torch.zeros(3, n_features, dtype=torch.float64),
            "bias": torch.zeros(3, dtype=torch.float64),
        }

    @property
    def n_parameters(self) -> int:
        """Weights and biases of the three regressions."""
        return self.state["weight"].numel() + self.state["bias"].numel()

    def fit(self, train: Trials, optimise: OptimiseNuisances) -> None:
        """Standardise the features and fit the three regressions."""
        x = summary.features(train)
        mean, spread = x.mean(0), x.std(0)
        spread[spread < _SPREAD_FLOOR] = 1.0
        x = (x - mean) / spread
        fits = [self._regression(x[rows], y) for rows, y in _tasks(train)]
        self.state = {
            "mean": torch.from_numpy(mean),
            "spread": torch.from_numpy(spread),
            "weight": torch.from_numpy(np.stack([weight for weight, _ in fits])),
            "bias": torch.tensor([bias for _, bias in fits], dtype=torch.float64),
        }

    def _regression(self, x: Floats, y: Floats) -> tuple[Floats, float]:
        if len(np.unique(y)) < 2:
            return np.zeros(x.shape[1]), float(_constant_logit(y))
        # takes as long to load as torch, and few need it
        from sklearn.linear_model import LogisticRegression

        regression = LogisticRegression(
            C=self.config.strength, solver="newton-cholesky", max_iter=200
        ).fit(x, y)
        return regression.coef_[0], float(regression.intercept_[0])

    def predict(self, trials: Trials) -> Tensor:
        """Probabilities of treatment and outcomes, float64, shape (R, 3)."""
        kept = {name: value.numpy() for name, value in self.state.items()}
        x = (summary.features(trials) - kept["mean"]) / kept["spread"]
        return _probabilities(x @ kept["weight"].T + kept["bias"])

    def state_dict(self) -> dict[str, Tensor]:
        """Centre and spread of the features, weights and biases."""
        return dict(self.state)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over a state, refusing that of another feature set."""
        for name, value in self.state.items():
            if state[name].shape != value.shape:
                raise ValueError(f"{name} has shape {tuple(state[name].shape)}")
        self.state = {name: state[name] for name in self.state}


class SummaryBoosting:
    """Gradient-boosted trees on summary features."""

    def __init__(self, n_items: int, config: SummaryBoostingConfig) -> None:
        self.config = config
        self.trees = {name: trees.constant(0.0) for name in COLUMNS}

    @property
    def n_parameters(self) -> int:
        """Leaf values in use, and where the three models start."""
        return len(self.trees) + sum(
            int((kept["value"][kept["is_leaf"] == 1] != 0).sum())
            for kept in self.trees.values()
        )

    def fit(self, train: Trials, optimise: OptimiseNuisances) -> None:
        """Grow the trees of the three models."""
        x, config = summary.features(train), self.config
        self.trees = {
            name: trees.boosted(
                x[rows],
                y == 1,
                if_alike=_constant_logit(y),
                n_trees=config.n_trees,
                learning_rate=config.learning_rate,
                max_leaves=config.max_leaves,
                min_leaf=config.min_leaf,
                penalty=config.penalty,
                seed=BINNING_SEED,
            )
            for name, (rows, y) in zip(COLUMNS, _tasks(train), strict=True)
        }

    def predict(self, trials: Trials) -> Tensor:
        """Probabilities of treatment and outcomes, float64, shape (R, 3)."""
        x = torch.from_numpy(summary.features(trials))
        logits = [trees.log_odds(kept, x) for kept in self.trees.values()]
        return _probabilities(torch.stack(logits, dim=1).numpy())

    def state_dict(self) -> dict[str, Tensor]:
        """The nodes of all trees."""
        return {
            f"{name}.{field}": value
            for name, kept in self.trees.items()
            for field, value in kept.items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over a state, refusing that of other settings."""
        found = {
            name: {field: state[f"{name}.{field}"] for field in kept}
            for name, kept in self.trees.items()
        }
        for kept in found.values():
            trees.require_trees(kept, self.config.n_trees)
        self.trees = found


def _tasks(train: Trials) -> list[tuple[NDArray[np.bool_], Floats]]:
    """Trials and target of each of the three models."""
    treatment, outcome = train.treatment.numpy(), train.outcome.numpy()
    everyone = np.ones(len(treatment), bool)
    is_treated = treatment == 1
    tasks = [(everyone, treatment)]
    tasks += [(arm, outcome[arm]) for arm in (~is_treated, is_treated)]
    return tasks


def _constant_logit(y: Floats) -> float:
    """Logit of the rate of targets that are all alike, or absent, drawn inwards."""
    return logit((y.sum() + 0.5) / (len(y) + 1))


def _probabilities(logits: Floats) -> Tensor:
    return torch.from_numpy(np.clip(expit(logits), EDGE, 1 - EDGE))
