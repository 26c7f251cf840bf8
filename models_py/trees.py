"""Boosted trees as plain arrays: stored without pickle, read without scikit-learn."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

ROWS_AT_ONCE = 1 << 14  # few enough to stay in the cache over all trees
_FIELDS = {
    "feature": ("feature_idx", np.int64),
    "threshold": ("num_threshold", np.float64),
    "left": ("left", np.int64),
    "right": ("right", np.int64),
    "missing_left": ("missing_go_to_left", np.uint8),
    "is_leaf": ("is_leaf", np.uint8),
    "value": ("value", np.float64),
}


@dataclass(frozen=True)
class Watched:
    """Rows that no tree is grown from.

    Args:
        columns: shape (M, F).
        is_so: shape (M,).
        patience: trees in a row that may fail to lower their log loss.
    """

    columns: NDArray[np.float64]
    is_so: NDArray[np.bool_]
    patience: int


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
    watched: Watched | None = None,
) -> dict[str, Tensor]:
    """Trees of scikit-learn's histogram boosting (after LightGBM, Ke et al., 2017).

    Args:
        columns: NaN where unknown, shape (N, F).
        is_so: what is learned, shape (N,).
        if_alike: the log odds of every row where all of `is_so` are alike.
        n_trees, learning_rate, max_leaves, min_leaf, penalty: number of trees, how
            much of each counts, its most leaves, their fewest rows and ridge penalty.
        seed: of the rows that many are binned by.
        watched: other rows; `n_trees` is the most then, and the trees end where those
            rows' log loss was least.
    Returns:
        What `log_odds` takes.
    """
    if is_so.all() or not is_so.any():
        return constant(if_alike)
    # takes as long to load as torch, and few need it
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=n_trees,
        learning_rate=learning_rate,
        max_leaf_nodes=max_leaves,
        min_samples_leaf=min_leaf,
        l2_regularization=penalty,
        early_stopping=watched is not None,
        scoring="loss",
        n_iter_no_change=watched.patience if watched else 10,
        random_state=seed,
    )
    # a column without any value tells nothing, and cannot be binned
    is_empty = np.asarray(np.isnan(columns).all(axis=0))
    with threadpool_limits(1):  # as torch: results must not depend on the cores
        if watched is None:
            return trees_of(model.fit(_filled(columns, is_empty), is_so))
        model.fit(
            _filled(columns, is_empty),
            is_so,
            X_val=_filled(watched.columns, is_empty),
            y_val=watched.is_so,
        )
    best = int(model.validation_score_.argmax())  # after no tree, one tree, …
    del model._predictors[max(best, 1) :]
    return trees_of(model)


def _filled(columns: NDArray, is_empty: NDArray) -> NDArray:
    return np.where(is_empty, 0.0, columns)


def trees_of(model: "HistGradientBoostingClassifier") -> dict[str, Tensor]:
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
    plain = {name: trees[name].tolist() for name in (*_FIELDS, "root")}
    baseline = float(trees["baseline"])
    parts = columns.numpy()
    found = [
        _summed(plain, baseline, parts[at : at + ROWS_AT_ONCE])
        for at in range(0, len(parts), ROWS_AT_ONCE)
    ]
    return torch.from_numpy(np.concatenate([np.empty(0), *found]))


def _summed(
    trees: dict[str, list], baseline: float, columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The same of a few rows, (N,).

    Every node is asked of all rows, whether they come by or not: comparing a column in
    one go costs less than to follow each row down.
    """
    total = np.full(len(columns), baseline)
    by_column = np.ascontiguousarray(columns.T)
    everyone = np.ones(len(columns), dtype=bool)
    for root in trees["root"]:
        ahead = [(root, everyone)]
        while ahead:
            node, here = ahead.pop()
            if trees["is_leaf"][node]:
                total += here * trees["value"][node]
                continue
            column = by_column[trees["feature"][node]]
            # no comparison holds for a value that is missing
            if trees["missing_left"][node]:
                goes_left = ~(column > trees["threshold"][node])
            else:
                goes_left = column <= trees["threshold"][node]
            goes_left &= here
            ahead.append((trees["left"][node], goes_left))
            ahead.append((trees["right"][node], here ^ goes_left))
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


def require_trees(
    trees: dict[str, Tensor], n_trees: int, may_be_fewer: bool = False
) -> None:
    """Refuse trees of other settings.

    Raises:
        ValueError: there are neither that many nor, where all was alike, none.
    """
    found = len(trees["root"])
    if found not in (0, n_trees) and not (may_be_fewer and found < n_trees):
        raise ValueError(f"{found} trees, not {n_trees}")
