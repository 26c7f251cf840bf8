"""Nuisances on summary features: logistic regression and gradient boosting.

Three models each: of the treatment, and of the outcome in either arm. They are fitted
by scikit-learn and kept as tensors; a probability is never 0 or 1.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor

from models_py.causal import summary
from models_py.causal.protocol import EDGE
from models_py.causal.trials import Trials
from models_py.config import require
from models_py.fitting import FitLog, Optimise

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

    def fit(self, train: Trials, optimise: Optimise) -> FitLog | None:
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
        _require_alike(state, self.state)
        self.state = {name: state[name] for name in self.state}


class SummaryBoosting:
    """Gradient-boosted trees on summary features.

    The trees are kept as arrays of nodes, M trees of at most D nodes each: the feature
    asked, the threshold (at most goes left), both children and the node's value. A leaf
    is its own child, so D - 1 steps reach a leaf from anywhere.
    """

    def __init__(self, n_items: int, config: SummaryBoostingConfig) -> None:
        self.config = config
        empty = torch.zeros(3, config.n_trees, 2 * config.max_leaves - 1)
        self.state = {
            **{name: empty.long() for name in ("feature", "left", "right")},
            **{name: empty.double() for name in ("threshold", "value")},
            "bias": torch.zeros(3, dtype=torch.float64),
        }

    @property
    def n_parameters(self) -> int:
        """Leaf values and thresholds in use."""
        return int((self.state["value"] != 0).sum()) + 3

    def fit(self, train: Trials, optimise: Optimise) -> FitLog | None:
        """Grow the trees of the three models."""
        x = summary.features(train)
        self.state = type(self)(train.n_items, self.config).state
        with threadpool_limits(1):  # as everything here, on one thread
            for column, (rows, y) in enumerate(_tasks(train)):
                self._grow(column, x[rows], y)

    def _grow(self, column: int, x: Floats, y: Floats) -> None:
        if len(np.unique(y)) < 2:
            self.state["bias"][column] = _constant_logit(y)
            return
        config = self.config
        model = HistGradientBoostingClassifier(
            max_iter=config.n_trees,
            learning_rate=config.learning_rate,
            max_leaf_nodes=config.max_leaves,
            min_samples_leaf=config.min_leaf,
            l2_regularization=config.penalty,
            early_stopping=False,
            random_state=BINNING_SEED,
        ).fit(x, y)
        self.state["bias"][column] = float(model._baseline_prediction.ravel()[0])
        for number, (tree,) in enumerate(model._predictors):
            self._keep(column, number, tree.nodes)

    def _keep(self, column: int, number: int, nodes: NDArray) -> None:
        is_leaf = nodes["is_leaf"].astype(bool)
        own = np.arange(len(nodes))
        kept = {
            "feature": np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int64),
            "threshold": np.where(is_leaf, 0.0, nodes["num_threshold"]),
            "left": np.where(is_leaf, own, nodes["left"]).astype(np.int64),
            "right": np.where(is_leaf, own, nodes["right"]).astype(np.int64),
            "value": np.where(is_leaf, nodes["value"], 0.0),
        }
        for name, values in kept.items():
            self.state[name][column, number, : len(nodes)] = torch.from_numpy(values)

    def predict(self, trials: Trials) -> Tensor:
        """Probabilities of treatment and outcomes, float64, shape (R, 3)."""
        x = summary.features(trials)
        kept = {name: value.numpy() for name, value in self.state.items()}
        logits = np.tile(kept["bias"], (len(x), 1))  # (R, 3)
        for column in range(3):
            for tree in range(self.config.n_trees):
                nodes = {k: v[column, tree] for k, v in kept.items() if k != "bias"}
                logits[:, column] += _leaf_values(x, nodes, self.config.max_leaves)
        return _probabilities(logits)

    def state_dict(self) -> dict[str, Tensor]:
        """The nodes of all trees."""
        return dict(self.state)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over a state, refusing that of other settings."""
        _require_alike(state, self.state)
        self.state = {name: state[name] for name in self.state}


def _leaf_values(x: Floats, nodes: dict[str, NDArray], max_leaves: int) -> Floats:
    """Value of the leaf that each row of x comes to in one tree, shape (R,)."""
    place = np.zeros(len(x), np.int64)
    rows = np.arange(len(x))
    for _ in range(max_leaves - 1):  # the deepest a tree of so many leaves can be
        goes_left = x[rows, nodes["feature"][place]] <= nodes["threshold"][place]
        onward = np.where(goes_left, nodes["left"][place], nodes["right"][place])
        if np.array_equal(onward, place):
            break
        place = onward
    return nodes["value"][place]


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


def _require_alike(state: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    for name, value in own.items():
        if state[name].shape != value.shape:
            raise ValueError(f"{name} has shape {tuple(state[name].shape)}")
