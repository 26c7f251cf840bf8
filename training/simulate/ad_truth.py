"""The true effect of the clicks that a simulation wrote down."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import UserError

KEY = ["user_id", "index_epoch"]


def true_effects(
    data_dir: Path, dataset: str, *, user_ids: np.ndarray, index_at: np.ndarray
) -> np.ndarray | None:
    """What a click on each impression does to the probability of a purchase.

    Args:
        data_dir: folder that holds `truth/<dataset>/trials.parquet`.
        user_ids, index_at: user and time of each impression, shape (N,) both.
    Returns:
        Shape (N,); None where there is no truth, or not of these very impressions
        (real data beside a simulation).
    """
    path = data_dir / "truth" / dataset / "trials.parquet"
    if not path.is_file():
        return None
    try:
        truth = pq.read_table(path, columns=[*KEY, "effect"]).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"{path} cannot be read ({error}); simulate again or remove it"
        ) from error
    truth["user_id"] = truth["user_id"].astype(str)
    asked = pd.DataFrame({"user_id": user_ids.astype(str), "index_epoch": index_at})
    found = asked.merge(truth.drop_duplicates(KEY), on=KEY, how="left")["effect"]
    return None if found.isna().any() else found.to_numpy(np.float64)
