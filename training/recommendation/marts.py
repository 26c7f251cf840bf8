"""The pair table, the episodes and the vocabulary of one data set."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch import Tensor

from training.marts.columns import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    ROW_NUMBER,
    SPLIT,
    SPLITS,
    TEXT,
    Columns,
    pointing_at,
)
from training.marts.opening import (
    Connection,
    choose_dataset,
    columns_by_mart,
    episode_marts,
    open_marts,
    split_times,
)
from training.marts.reader import Reader, tensor_of
from training.marts.spool import RaggedSpool, Spool
from training.recommendation.pair_table import Episodes, Pairs

RELIABILITY_PARTS = ("intensity", "extent", "composition")
VOCAB: Columns = {
    "item_id": ROW_NUMBER,
    "item_key": TEXT,
    "n_train_events": INTEGER,
    "in_train": BOOLEAN,
}
PAIRS: Columns = {
    "pair_id": ROW_NUMBER,
    "user_id": TEXT,
    "split": SPLIT,
    "sequence_id": TEXT,
    "prefix": pointing_at("vocab", depth=1),
    "label": pointing_at("vocab"),
    "label_ts_epoch": INTEGER,
    "prefix_len": INTEGER,
    "session_reliability": NUMBER,
}
EPISODES: Columns = {
    "episode_id": ROW_NUMBER,
    "split": SPLIT,
    "support_pair_ids": pointing_at("pairs", depth=1, is_even=True),
    "query_pair_ids": pointing_at("pairs", depth=1, is_even=True),
    "episode_reliability": NUMBER,
}
SESSIONS: Columns = {
    "reliability": NUMBER,
    "reliability_tier": TEXT,
    **dict.fromkeys(RELIABILITY_PARTS, NUMBER),
}


@dataclass(frozen=True)
class RecommendationMarts:
    """All that training a recommender needs of one data set.

    Args:
        item_keys: the publisher's id of every item id, length n_items.
        n_train_events: of each item, shape (n_items,).
        in_train: whether train has an event with the item, shape (n_items,).
        sessions: `reliability`, `parts` and `tier` of each session.
        summary: rows of `dataset_summary`.
        test_users: how many test users each episode mart asks, and the pairs have.
        funnel: rows of `dataset_funnel`, in order, without steps that leave nothing.
        fingerprints: rows and SHA-256 of each mart read.
        split_times: seconds at which train and val end; None where users are split.
    """

    mart: str
    dataset: str
    item_keys: list[str]
    n_train_events: Tensor
    in_train: Tensor
    pairs: Pairs
    episodes: Episodes
    sessions: dict[str, Any]
    summary: list[dict[str, Any]]
    funnel: list[dict[str, Any]]
    test_users: dict[str, int]
    fingerprints: dict[str, dict[str, Any]]
    split_times: tuple[int, int] | None = None

    @property
    def n_items(self) -> int:
        """Size of the vocabulary."""
        return len(self.item_keys)

    @cached_property
    def labels_come_back(self) -> bool:
        """Whether a label of a train pair was in its prefix."""
        return self.pairs.come_back("train")


def load_recommendation(
    path: Path, mart: str, dataset: str | None
) -> RecommendationMarts:
    """Read one data set's pairs, vocabulary and episodes.

    Args:
        path: DuckDB file written by `dbt build`, or a folder of Parquet marts.
        mart: an episode mart.
        dataset: None takes `xuetangx` if the mart has it, else the only one.
    Raises:
        UserError: no such file, mart or data set; the file is locked or old; the
            marts do not keep their promises or do not fit together.
    """
    with open_marts(path) as connection:
        chosen = choose_dataset(connection, path, mart, dataset)
        reader = Reader(connection, path, chosen)
        vocab = reader.table("vocab", VOCAB, "item_id")
        _, batches = reader.batches("pairs", PAIRS, "pair_id")
        pairs = spooled_pairs(batches)
        _, batches = reader.batches(mart, EPISODES, "episode_id")
        episodes = spooled_episodes(batches)
        sessions = reader.table("sessions", SESSIONS, "session_id, user_id")
        summary, funnel = reader.overview()
        test_users = _test_users(connection, chosen)
        cuts = split_times(connection, chosen)
    return RecommendationMarts(
        mart=mart,
        dataset=chosen,
        item_keys=vocab["item_key"].to_pylist(),
        n_train_events=tensor_of(vocab["n_train_events"]),
        in_train=tensor_of(vocab["in_train"]),
        pairs=pairs,
        episodes=episodes,
        sessions=_sessions(sessions),
        summary=summary,
        test_users=test_users,
        funnel=funnel,
        fingerprints=reader.fingerprints,
        split_times=cuts,
    )


def spooled_pairs(batches: Iterable[pa.RecordBatch]) -> Pairs:
    """The pair table from its rows in the order of `pair_id`.

    A user's rows stand side by side, and so do a sequence's in a user's. Only the
    users' ids stay in memory.
    """
    users, sequences = _Runs(), _Runs()
    user_ids: list[str] = []
    prefixes, reliability = RaggedSpool(), Spool(np.float64)
    split = Spool(np.int8)
    columns = {name: Spool() for name in ("user", "sequence", *_PAIR_NUMBERS.values())}
    for batch in batches:
        is_new_user = users.starts(batch.select(["user_id"]))
        user_ids += batch["user_id"].filter(pa.array(is_new_user)).to_pylist()
        columns["user"].append(users.numbers(is_new_user))
        # two users may bear the same sequence id: a sequence is one of a user
        is_new_sequence = sequences.starts(batch.select(["user_id", "sequence_id"]))
        columns["sequence"].append(sequences.numbers(is_new_sequence))
        split.append(_split_numbers(batch))
        prefix = batch["prefix"]
        prefixes.append(prefix.flatten(), prefix.value_lengths())
        for name, column in _PAIR_NUMBERS.items():
            columns[column].append(batch[name])
        reliability.append(batch["session_reliability"])
    return Pairs(
        user_ids=np.array(user_ids, dtype=object),
        split=split.tensor().numpy(),
        prefixes=prefixes.ragged(),
        reliability=reliability.tensor().numpy(),
        user=columns.pop("user").tensor().numpy(),
        **{name: spool.tensor() for name, spool in columns.items()},
    )


def _test_users(connection: Connection, dataset: str) -> dict[str, int]:
    """How many test users there are to ask, by mart; of pairs and of all episodes."""
    columns = columns_by_mart(connection)
    counted = {"dataset", "user_id", "split"}
    marts = [name for name in episode_marts(connection) if counted <= columns[name]]
    return {
        mart: connection.execute(
            f'select count(distinct user_id) from "{mart}" '
            "where dataset = $dataset and split::varchar = 'test'",
            {"dataset": dataset},
        ).fetchall()[0][0]
        for mart in ["pairs", *sorted(marts)]
    }


# column of the mart -> field of `Pairs`
_PAIR_NUMBERS = {
    "label": "label",
    "label_ts_epoch": "label_at",
    "prefix_len": "prefix_len",
}


class _Runs:
    """Numbers for runs of equal keys that go on from batch to batch."""

    def __init__(self) -> None:
        self._n_runs = 0
        self._last: list | None = None

    def starts(self, keys: pa.RecordBatch) -> np.ndarray:
        """Whether a row's key differs from that of the row before."""
        is_new = np.zeros(len(keys), dtype=bool)
        for column in keys.columns:
            is_new[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(False)
        if len(keys):
            is_new[0] = self._last != keys.slice(0, 1).to_pylist()
            self._last = keys.slice(len(keys) - 1).to_pylist()
        return is_new

    def numbers(self, starts: np.ndarray) -> np.ndarray:
        """0-based number of each row's run."""
        numbers = self._n_runs - 1 + np.cumsum(starts)
        self._n_runs += int(starts.sum())
        return numbers


def spooled_episodes(batches: Iterable[pa.RecordBatch]) -> Episodes:
    """The episodes from their rows in the order of `episode_id`."""
    split, reliability = Spool(np.int8), Spool(np.float64)
    pairs = {"support_pair_ids": Spool(), "query_pair_ids": Spool()}
    for batch in batches:
        split.append(_split_numbers(batch))
        reliability.append(batch["episode_reliability"])
        for name, spool in pairs.items():
            spool.append(batch[name].flatten())
    support, query = (
        spool.tensor().view(split.size, spool.size // max(split.size, 1))
        for spool in pairs.values()
    )
    return Episodes(
        split.tensor().numpy(), support, query, reliability.tensor().numpy()
    )


def _split_numbers(batch: pa.RecordBatch) -> np.ndarray:
    return pc.index_in(batch["split"], pa.array(SPLITS)).to_numpy()


def _sessions(table: pa.Table) -> dict[str, Any]:
    tiers = table["reliability_tier"].combine_chunks().dictionary_encode()
    names = tiers.dictionary.to_numpy(zero_copy_only=False)
    return {
        "reliability": table["reliability"].to_numpy(),
        "parts": {name: table[name].to_numpy() for name in RELIABILITY_PARTS},
        "tier": names[tiers.indices.to_numpy()],  # few texts, each kept once
    }
