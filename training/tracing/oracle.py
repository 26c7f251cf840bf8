"""What no model can beat on average: the chance a simulation gave each answer."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import UserError
from training.tracing.marts import TracingMarts

KEY = ["user_id", "item_key", "answered_at"]


def oracle_chances(data_dir: Path, marts: TracingMarts) -> np.ndarray | None:
    """The process's own probability of each response, in the marts' order.

    Args:
        data_dir: folder that holds `truth/<dataset>/answers.parquet`.
    Returns:
        Shape (N,); None where there is no truth, or not of these very responses
        (real data beside a simulation).
    Raises:
        UserError: the file is there and cannot be read.
    """
    path = data_dir / "truth" / marts.dataset / "answers.parquet"
    if not path.is_file():
        return None
    try:
        truth = pq.read_table(path, columns=[*KEY, "probability"]).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"{path} cannot be read ({error}); simulate again or remove it"
        ) from error
    asked = marts.table[["user_id", "answered_at"]].assign(
        item_key=np.asarray(marts.item_keys)[marts.responses.item.numpy()]
    )
    for frame in (asked, truth):  # the truth is in milliseconds
        frame["answered_at"] = frame["answered_at"].astype("datetime64[ms]")
        frame[["user_id", "item_key"]] = frame[["user_id", "item_key"]].astype("str")
    found = asked.merge(truth.drop_duplicates(KEY), on=KEY, how="left")["probability"]
    return None if found.isna().any() else found.to_numpy(np.float64)
