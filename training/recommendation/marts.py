"""The pair table, the episodes and the vocabulary of one data set."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from training.marts import (
    Connection,
    Reader,
    choose_dataset,
    columns_by_mart,
    matrix_of,
    open_marts,
    ragged_of,
    tensor_of,
)
from training.recommendation.pair_table import Episodes, Pairs

RELIABILITY_PARTS = ("intensity", "extent", "composition")
EPISODE_COLUMNS = {"support_pair_ids", "query_pair_ids"}


@dataclass(frozen=True)
class RecommendationMarts:
    """All that training a recommender needs of one data set.

    Args:
        item_keys: the publisher's id of every item id, length n_items.
        in_train: whether a train user met the item, shape (n_items,).
        sessions: `reliability`, `parts` and `tier` of each session.
        summary: rows of `dataset_summary`.
        funnel: rows of `dataset_funnel`, in order.
        fingerprints: rows and SHA-256 of each mart read.
    """

    mart: str
    dataset: str
    item_keys: list[str]
    in_train: Tensor
    pairs: Pairs
    episodes: Episodes
    sessions: dict[str, Any]
    summary: list[dict[str, Any]]
    funnel: list[dict[str, Any]]
    fingerprints: dict[str, dict[str, Any]]

    @property
    def n_items(self) -> int:
        """Size of the vocabulary."""
        return len(self.item_keys)


def load_recommendation(
    path: Path, mart: str, dataset: str | None
) -> RecommendationMarts:
    """Read one data set's pairs, vocabulary and episodes.

    Args:
        path: DuckDB file written by `dbt build`.
        mart: an episode mart.
        dataset: None takes `xuetangx` if the mart has it, else the only one.
    Raises:
        UserError: no such file, mart or data set; the file is locked or old.
    """
    with open_marts(path) as connection:
        chosen = choose_dataset(connection, mart, dataset)
        reader = Reader(connection, chosen)
        vocab = reader.table("vocab", "item_id, item_key, in_train", "item_id")
        pairs = reader.table(
            "pairs",
            "pair_id, user_id, split, sequence_id, prefix, label, label_ts_epoch, "
            "prefix_len, session_reliability",
            "pair_id",
        )
        episodes = reader.table(
            mart,
            "episode_id, split, support_pair_ids, query_pair_ids, episode_reliability",
            "episode_id",
        )
        sessions = reader.table(
            "sessions",
            f"reliability, reliability_tier, {', '.join(RELIABILITY_PARTS)}",
            "session_id, user_id",
        )
        summary = reader.table("dataset_summary", "*", "split").to_pylist()
        funnel = reader.table("dataset_funnel", "*", "step_number").to_pylist()
    return RecommendationMarts(
        mart=mart,
        dataset=chosen,
        item_keys=vocab["item_key"].to_pylist(),
        in_train=tensor_of(vocab["in_train"]),
        pairs=_pairs(pairs),
        episodes=_episodes(episodes),
        sessions=_sessions(sessions),
        summary=summary,
        funnel=funnel,
        fingerprints=reader.fingerprints,
    )


def episode_marts(connection: Connection) -> dict[str, tuple[int, int]]:
    """The episode marts there are, by their columns, with K and Q of each name."""
    marts = columns_by_mart(connection)
    names = [name for name, columns in marts.items() if columns >= EPISODE_COLUMNS]
    shapes = {name: re.search(r"k(\d+)_q(\d+)$", name) for name in names}
    return {name: (int(k[1]), int(k[2])) for name, k in shapes.items() if k}


def _pairs(table: pa.Table) -> Pairs:
    users = table["user_id"].combine_chunks().dictionary_encode()
    sequences = table["sequence_id"].combine_chunks().dictionary_encode()
    user = users.indices.to_numpy()
    # two users may bear the same sequence id: a sequence is one of a user
    keys = np.stack([user, sequences.indices.to_numpy()])
    is_new = np.concatenate([[True], (keys[:, 1:] != keys[:, :-1]).any(0)])[: len(user)]
    return Pairs(
        user_ids=users.dictionary.to_numpy(zero_copy_only=False),
        user=user,
        split=table["split"].to_numpy(),
        sequence=torch.from_numpy(np.cumsum(is_new) - 1),
        prefixes=ragged_of(table["prefix"]),
        prefix_len=tensor_of(table["prefix_len"]),
        label=tensor_of(table["label"]),
        label_at=tensor_of(table["label_ts_epoch"]),
        reliability=table["session_reliability"].to_numpy(),
    )


def _episodes(table: pa.Table) -> Episodes:
    return Episodes(
        split=table["split"].to_numpy(),
        support=matrix_of(table["support_pair_ids"]),
        query=matrix_of(table["query_pair_ids"]),
        reliability=table["episode_reliability"].to_numpy(),
    )


def _sessions(table: pa.Table) -> dict[str, Any]:
    return {
        "reliability": table["reliability"].to_numpy(),
        "parts": {name: table[name].to_numpy() for name in RELIABILITY_PARTS},
        "tier": table["reliability_tier"].to_numpy(),
    }
