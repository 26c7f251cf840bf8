"""Boosted trees as plain arrays: stored without pickle, read without scikit-learn."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from torch import Tensor

_FIELDS = {
    "feature": ("feature_idx", np.int64),
    "threshold": ("num_threshold", np.float64),
    "left": ("left", np.int64),
    "right": ("right", np.int64),
    "missing_left": ("missing_go_to_left", np.uint8),
    "is_leaf": ("is_leaf", np.uint8),
    "value": ("value", np.float64),
}


def boosted(
    columns: NDArray[np.float64],
    is_so: NDArray[np.bool_],
    *,
    if_alike: float,
    n_trees: int,
    learning_rate: float,
    max_leaves: int,
    min_leaf: int,
    penalty: float,
    seed: int,
) -> dict[str, Tensor]:
    """Trees of scikit-learn's histogram boosting (after LightGBM, Ke et al., 2017).

    Args:
        columns: NaN where unknown, shape (N, F).
        is_so: what is learned, shape (N,).
        if_alike: the log odds of every row where all of `is_so` are alike.
        n_trees, learning_rate, max_leaves, min_leaf, penalty: number of trees, how
            much of each counts, its most leaves, their fewest rows and ridge penalty.
        seed: of the rows that many are binned by.
    Returns:
        What `log_odds` takes.
    """
    if is_so.all() or not is_so.any():
        return constant(if_alike)
    model = HistGradientBoostingClassifier(
        max_iter=n_trees,
        learning_rate=learning_rate,
        max_leaf_nodes=max_leaves,
        min_samples_leaf=min_leaf,
        l2_regularization=penalty,
        early_stopping=False,
        random_state=seed,
    )
    # a column of which nothing is known cannot be binned; a constant is never split
    columns = np.where(np.isnan(columns).all(0), 0.0, columns)
    with threadpool_limits(1):  # as torch: results must not depend on the cores
        return trees_of(model.fit(columns, is_so))


def trees_of(model: HistGradientBoostingClassifier) -> dict[str, Tensor]:
    """The fitted trees' nodes, all trees one after the other.

    scikit-learn has no public form of them but a pickle; a test holds the two
    predictions equal. Children are numbered over all trees.

    Returns:
        By field, shape (n_nodes,); `root` holds each tree's first node, and
        `baseline` the log odds that all trees start from, a scalar.
    """
    nodes = [predictor.nodes for (predictor,) in model._predictors]
    root = np.cumsum([0, *(len(tree) for tree in nodes)])[:-1]
    fields = {
        name: torch.from_numpy(
            np.concatenate([tree[source].astype(kind) for tree in nodes])
        )
        for name, (source, kind) in _FIELDS.items()
    }
    shift = torch.from_numpy(np.repeat(root, [len(tree) for tree in nodes]))
    for child in ("left", "right"):
        fields[child] = fields[child] + shift
    baseline = np.asarray(model._baseline_prediction, np.float64).reshape(-1)[0]
    return fields | {
        "root": torch.from_numpy(root),
        "baseline": torch.tensor(float(baseline), dtype=torch.float64),
    }


def log_odds(trees: dict[str, Tensor], columns: Tensor) -> Tensor:
    """Sum of the leaves that each row falls into, over all trees.

    Args:
        trees: what `trees_of` gave.
        columns: float64, NaN where unknown, shape (N, F).
    Returns:
        float64, shape (N,).
    """
    total = trees["baseline"].repeat(len(columns))
    row = torch.arange(len(columns))
    is_missing = columns.isnan()
    for root in trees["root"].tolist():
        node = torch.full((len(columns),), root)
        falling = row
        while len(falling):  # rows that have not reached a leaf yet
            at = node[falling]
            falling = falling[trees["is_leaf"][at] == 0]
            at = node[falling]
            feature = trees["feature"][at]
            goes_left = torch.where(
                is_missing[falling, feature],
                trees["missing_left"][at] == 1,
                columns[falling, feature] <= trees["threshold"][at],
            )
            node[falling] = torch.where(
                goes_left, trees["left"][at], trees["right"][at]
            )
        total += trees["value"][node]
    return total


def constant(value: float) -> dict[str, Tensor]:
    """No tree at all: the same log odds for every row."""
    whole, real = torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.float64)
    flags = torch.empty(0, dtype=torch.uint8)
    return {
        "feature": whole,
        "threshold": real,
        "left": whole,
        "right": whole,
        "missing_left": flags,
        "is_leaf": flags,
        "value": real,
        "root": whole,
        "baseline": torch.tensor(value, dtype=torch.float64),
    }


def require_trees(trees: dict[str, Tensor], n_trees: int) -> None:
    """Refuse trees of other settings.

    Raises:
        ValueError: there are neither that many nor, where all was alike, none.
    """
    if len(trees["root"]) not in (0, n_trees):
        raise ValueError(f"{len(trees['root'])} trees, not {n_trees}")
