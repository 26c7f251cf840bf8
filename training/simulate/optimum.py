"""What no model can beat on average: the truth that a simulation wrote down."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import UserError

EXPECTED = {
    "accuracy_at_1": "accuracy@1",
    "recall_at_10": "recall@10",
    "reciprocal_rank": "mrr",
}
SAME_QUERIES = 1e-5
KEY = ["user_id", "label_ts_epoch", "label"]


def bayes_optimum(
    data_dir: Path,
    dataset: str,
    *,
    user_ids: np.ndarray,
    label_at: np.ndarray,
    labels: list[str],
) -> dict[str, Any] | None:
    """Expected metrics of the Bayes-optimal ranking on the asked queries.

    Args:
        data_dir: folder that holds `truth/<dataset>/pairs.parquet`.
        user_ids, label_at, labels: user, time and item key of each query's label,
            shape (N,) each.
    Returns:
        `accuracy@1`, `recall@10`, `mrr` and `n_queries`; None where there is no
        truth, or not of these very queries (real data beside a simulation).
    """
    path = data_dir / "truth" / dataset / "pairs.parquet"
    if not path.is_file():
        return None
    try:
        truth = pq.read_table(path, columns=[*KEY, *EXPECTED]).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"{path} cannot be read ({error}); simulate again or remove it"
        ) from error
    asked = pd.DataFrame(
        {"user_id": user_ids, "label_ts_epoch": label_at, "label": labels}
    )
    found = asked.merge(truth.drop_duplicates(KEY), on=KEY, how="left")
    if found[list(EXPECTED)].isna().any(axis=None):
        return None
    means = {name: float(found[column].mean()) for column, name in EXPECTED.items()}
    return {**means, "n_queries": len(found)}


def optimum_given_support(
    data_dir: Path, dataset: str, mart: str, optimum: Mapping[str, Any] | None
) -> dict[str, float] | None:
    """Expected metrics of the Bayes-optimal ranking that knows the support pairs too.

    Args:
        optimum: what `bayes_optimum` found for the asked queries.
    Returns:
        `accuracy@1`, `recall@10`, `mrr`; None where the simulation summed up another
        mart or other queries.
    """
    path = data_dir / "truth" / dataset / "bayes_optimal.json"
    if optimum is None or not path.is_file():
        return None
    try:
        summary = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); simulate again or remove it"
        ) from error
    if summary["mart"] != mart or summary["n_queries"] != optimum["n_queries"]:
        return None
    names = EXPECTED.values()
    # another split asks other queries; these are sums of the same rounded values
    if any(abs(summary[name] - optimum[name]) > SAME_QUERIES for name in names):
        return None
    return {name: summary["given_support"][name] for name in names}
