"""Where every user of a data set stands: what was done last, and before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from models_py.ragged import Ragged
from models_py.recommendation.session_knn import UNKNOWN
from training.marts.columns import TEXT, TIME, Columns, or_null, pointing_at
from training.marts.opening import Connection, choose_dataset, open_marts
from training.marts.reader import Reader, ragged_of
from training.recommendation.marts import PAIRS, VOCAB, spooled_pairs
from training.recommendation.pair_table import Pairs

MART = "user_latest"
USER_LATEST: Columns = {
    "user_id": TEXT,
    "sequence_id": or_null(TEXT),
    "prefix": pointing_at("vocab", depth=1),
    "items_seen": pointing_at("vocab", depth=1),
    "as_of": TIME,
}


@dataclass(frozen=True)
class LatestMarts:
    """One data set's users, in the order of their ids.

    Args:
        item_keys: the publisher's id of every item id.
        user_id, as_of: of each user, Arrow columns of length U.
        prefixes: what was done last, oldest first; empty where nothing had an item.
        seen: all items ever met.
        last_pair: the pair of the user's last sequence that came last, -1 where that
            gave none, shape (U,).
        fingerprints: rows and SHA-256 of each mart read.
    """

    item_keys: list[str]
    user_id: pa.Array
    as_of: pa.Array
    prefixes: Ragged
    seen: Ragged
    last_pair: Tensor
    pairs: Pairs
    fingerprints: dict[str, dict[str, Any]]

    def __len__(self) -> int:
        return len(self.user_id)

    def last_sequence(self) -> Tensor:
        """Number of each user's last sequence among the pairs', else unknown, (U,)."""
        found = torch.full((len(self),), UNKNOWN)
        known = self.last_pair >= 0
        found[known] = self.pairs.sequence[self.last_pair[known]]
        return found

    def latest_pairs(self, n: int) -> Ragged:
        """Each user's latest pairs, at most n, oldest first."""
        pairs = self.pairs
        by_time = np.lexsort((pairs.label_at.numpy(), pairs.user))
        owner = pairs.user[by_time]
        number = {user_id: i for i, user_id in enumerate(pairs.user_ids.tolist())}
        wanted = np.array([number.get(u, -1) for u in self.user_id.to_pylist()])
        ends = np.searchsorted(owner, wanted, side="right")
        n_own = np.where(wanted < 0, 0, ends - np.searchsorted(owner, wanted))
        kept = torch.from_numpy(np.minimum(n_own, n))
        found = Ragged.of_lengths(torch.zeros(int(kept.sum()), dtype=torch.int64), kept)
        back = torch.repeat_interleave(torch.from_numpy(ends) - found.offsets[1:], kept)
        at = back + torch.arange(len(back))
        return Ragged(torch.from_numpy(by_time)[at], found.offsets)


def load_latest(path: Path, dataset: str) -> LatestMarts:
    """Read where the users of a data set stand.

    Args:
        path: DuckDB file written by `dbt build`, or a folder of Parquet marts.
    Raises:
        UserError: as for the marts of training.
    """
    with open_marts(path) as connection:
        reader = Reader(
            connection, path, choose_dataset(connection, path, MART, dataset)
        )
        vocab = reader.table("vocab", VOCAB, "item_id")
        _, batches = reader.batches("pairs", PAIRS, "pair_id", may_be_empty=True)
        pairs = spooled_pairs(batches)
        users = reader.table(MART, USER_LATEST, "user_id")
        last_pair = _last_pairs(connection, dataset)
    return LatestMarts(
        item_keys=vocab["item_key"].to_pylist(),
        user_id=users["user_id"].combine_chunks(),
        as_of=users["as_of"].combine_chunks().cast(pa.timestamp("us")),
        prefixes=ragged_of(users["prefix"]),
        seen=ragged_of(users["items_seen"]),
        last_pair=last_pair,
        pairs=pairs,
        fingerprints=reader.fingerprints,
    )


def _last_pairs(connection: Connection, dataset: str) -> Tensor:
    """Id of the last pair of each user's last sequence, -1 where it gave none, (U,)."""
    found = connection.execute(
        f"""
        select coalesce(max(pairs.pair_id), -1) as pair_id
        from {MART} as users
        left join pairs
            on pairs.dataset = users.dataset and pairs.user_id = users.user_id
            and pairs.sequence_id = users.sequence_id
        where users.dataset = $dataset
        group by users.user_id
        order by users.user_id
        """,
        {"dataset": dataset},
    ).fetchnumpy()
    return torch.from_numpy(np.array(found["pair_id"], dtype=np.int64))
