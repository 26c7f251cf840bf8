"""Gradient-boosted trees on the student's history and on item and skill rates."""

from dataclasses import dataclass

from torch import Tensor

from models_py import trees
from models_py.config import require
from models_py.fitting import Optimise
from models_py.tracing.columns import columns_of, training_columns
from models_py.tracing.data import Responses
from models_py.tracing.rates import ITEM_WEIGHT, Rates


@dataclass(frozen=True)
class GBTConfig:
    """Settings of `GBT`.

    Args:
        n_trees: most trees that are added up.
        patience: trees in a row that may fail to better the validation log loss.
        learning_rate: how much of each tree counts.
        n_leaves: most leaves of a tree.
        min_leaf: fewest answers in a leaf.
        penalty: ridge penalty of the leaves' values.
        n_folds: folds of users for the item and skill rates.
        weight: how many answers of its skills' rate an item starts with.
        seed: which user is in which fold, and of the trees.
    """

    n_trees: int = 600
    patience: int = 30
    learning_rate: float = 0.04
    n_leaves: int = 15
    min_leaf: int = 100
    penalty: float = 5.0
    n_folds: int = 5
    weight: float = ITEM_WEIGHT
    seed: int = 20260107

    def __post_init__(self) -> None:
        require(self.n_trees >= 1, "n_trees must be 1 or more")
        require(self.patience >= 1, "patience must be 1 or more")
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
        self.rates = Rates.unknown(n_items, n_skills)
        self.trees = trees.constant(0.0)

    @property
    def n_parameters(self) -> int:
        """Rates, and each node's split or value."""
        n_rates = len(self.rates.item_n) + len(self.rates.skill) + 1
        return n_rates + self.trees["value"].numel()

    def fit(self, train: Responses, val: Responses, optimise: Optimise) -> None:
        """Boost, with rates from out of fold, as long as validation gets better."""
        config = self.config
        columns = training_columns(
            train, n_folds=config.n_folds, weight=config.weight, seed=config.seed
        )
        self.rates = Rates.among(train, config.weight)
        self.trees = trees.boosted(
            columns.double().numpy(),
            train.correct.numpy(),
            if_alike=float(self.rates.mean.logit()),
            n_trees=config.n_trees,
            learning_rate=config.learning_rate,
            max_leaves=config.n_leaves,
            min_leaf=config.min_leaf,
            penalty=config.penalty,
            seed=config.seed % 2**32,
            watched=trees.Watched(
                columns_of(val, self.rates).double().numpy(),
                val.correct.numpy(),
                config.patience,
            ),
        )

    def predict(self, responses: Responses) -> Tensor:
        """Sigmoid of the trees' sum, shape (N,)."""
        columns = columns_of(responses, self.rates).double()
        return trees.log_odds(self.trees, columns).sigmoid().float()

    def state_dict(self) -> dict[str, Tensor]:
        """Rates and nodes."""
        return self.rates.state() | self.trees

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what was fitted on the same vocabularies."""
        self.rates.require_shapes(state)
        trees.require_trees(state, self.config.n_trees, may_be_fewer=True)
        self.rates = Rates.from_state(state)
        self.trees = {name: state[name] for name in self.trees}
