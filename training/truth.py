"""What a simulation knows: the truth beside raw files, joined to what a run asked.

Every reader gives None where there is no truth, or not of these very rows (real data
beside a simulation), and raises a `UserError` where the file cannot be read.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
PAST = {f"past_{column}": name for column, name in EXPECTED.items()}
SAME_QUERIES = 1e-5


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
        `accuracy@1`, `recall@10`, `mrr` and `n_queries`; where the process changes in
        time, under `past` what the best is worth that knows it only as it was.
    """
    asked = pd.DataFrame(
        {"user_id": user_ids, "label_ts_epoch": label_at, "label": labels}
    )
    found = _joined(data_dir, dataset, "pairs", asked, list(EXPECTED))
    if found is None:
        return None
    means = {name: float(found[column].mean()) for column, name in EXPECTED.items()}
    optimum = {**means, "n_queries": len(found)}
    changes = _has(data_dir, dataset, "pairs", PAST)
    past = _joined(data_dir, dataset, "pairs", asked, list(PAST)) if changes else None
    if past is None:
        return optimum
    return {**optimum, "past": {n: float(past[c].mean()) for c, n in PAST.items()}}


def optimum_given_support(
    data_dir: Path, dataset: str, mart: str, optimum: Mapping[str, Any] | None
) -> dict[str, float] | None:
    """Expected metrics of the Bayes-optimal ranking that knows the support pairs too.

    Args:
        optimum: what `bayes_optimum` found for the asked queries.
    Returns:
        `accuracy@1`, `recall@10`, `mrr`; None also where the simulation summed up
        another mart or other queries.
    """
    path = data_dir / "truth" / dataset / "bayes_optimal.json"
    if optimum is None or not path.is_file():
        return None
    with _readable(path):
        summary = json.loads(path.read_bytes())
    if summary["mart"] != mart or summary["n_queries"] != optimum["n_queries"]:
        return None
    names = EXPECTED.values()
    # another split asks other queries; these are sums of the same rounded values
    if any(abs(summary[name] - optimum[name]) > SAME_QUERIES for name in names):
        return None
    return {name: summary["given_support"][name] for name in names}


def oracle_chances(
    data_dir: Path,
    dataset: str,
    *,
    user_ids: pd.Series,
    item_keys: np.ndarray,
    answered_at: pd.Series,
) -> np.ndarray | None:
    """The process's own probability of each response, which no model can beat.

    Args:
        data_dir: folder that holds `truth/<dataset>/answers.parquet`.
        user_ids, item_keys, answered_at: key of each response, shape (N,) each.
    Returns:
        Shape (N,).
    """
    asked = pd.DataFrame(
        {"user_id": user_ids, "item_key": item_keys, "answered_at": answered_at}
    )
    found = _joined(data_dir, dataset, "answers", asked, ["probability"])
    return None if found is None else found["probability"].to_numpy(np.float64)


def true_effects(
    data_dir: Path, dataset: str, *, user_ids: np.ndarray, index_at: np.ndarray
) -> np.ndarray | None:
    """What a click on each impression does to the probability of a purchase.

    Args:
        data_dir: folder that holds `truth/<dataset>/trials.parquet`.
        user_ids, index_at: user and time of each impression, shape (N,) both.
    Returns:
        Shape (N,).
    """
    asked = pd.DataFrame({"user_id": user_ids, "index_epoch": index_at})
    found = _joined(data_dir, dataset, "trials", asked, ["effect"])
    return None if found is None else found["effect"].to_numpy(np.float64)


def _joined(
    data_dir: Path, dataset: str, table: str, asked: pd.DataFrame, values: list[str]
) -> pd.DataFrame | None:
    """The asked rows with what the truth says of each of them.

    Args:
        asked: its columns are the key of the truth's `table`.
        values: columns of the truth.
    """
    path = data_dir / "truth" / dataset / f"{table}.parquet"
    if not path.is_file():
        return None
    key = list(asked.columns)
    with _readable(path):
        truth = pq.read_table(path, columns=[*key, *values]).to_pandas()
    asked, truth = _comparable(asked), _comparable(truth)
    found = asked.merge(truth.drop_duplicates(key), on=key, how="left")
    return None if found[values].isna().any(axis=None) else found


def _has(data_dir: Path, dataset: str, table: str, columns: Mapping[str, str]) -> bool:
    path = data_dir / "truth" / dataset / f"{table}.parquet"
    with _readable(path):
        return set(columns) <= set(pq.read_schema(path).names)


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts as one kind of text, times in the truth's milliseconds."""
    texts = frame.select_dtypes(["object", "category", "string"]).columns
    times = frame.select_dtypes("datetime").columns
    kinds = {**dict.fromkeys(texts, "str"), **dict.fromkeys(times, "datetime64[ms]")}
    return frame.astype(kinds)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); simulate again or remove it"
        ) from error
