"""What is known about simulated users: programmes, and the value of each pair."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.files import write_json
from training.simulate.arrays import Floats, Ints
from training.simulate.courses.bayes import (
    TOP,
    BayesFilter,
    Belief,
    Prediction,
    Sequences,
)
from training.simulate.courses.drift import Drift
from training.simulate.courses.episodes import EpisodeRule, Split, user_split
from training.simulate.courses.histories import Histories
from training.simulate.courses.programme import Programmes

MAX_PREFIX = 50
PARQUET = {"compression": "zstd", "store_schema": False}
_TEXT = pa.dictionary(pa.int32(), pa.string())
PAIRS = pa.schema(
    [
        ("user_id", _TEXT),
        ("label_ts_epoch", pa.int64()),
        ("label", _TEXT),
        ("accuracy_at_1", pa.float32()),
        ("recall_at_10", pa.float32()),
        ("reciprocal_rank", pa.float32()),
        ("bayes_rank", pa.int32()),
    ]
)
PAST_VALUES = [
    (f"past_{name}", pa.float32())
    for name in ("accuracy_at_1", "recall_at_10", "reciprocal_rank")
]


class TruthWriter:
    """Writes `pairs.parquet` part by part, then the summary and the parameters.

    Args:
        folder: created by this writer.
        programmes: the process that the histories were drawn from.
        item_keys: name of each item, shape (C,).
        rule: the episode mart that `bayes_optimal.json` is about.
        splits: users of these splits have their pairs written; the summary is
            about test users and needs them among these.
        drift: how the process changes, if it does: each pair then has, too, what the
            best predictor is worth that takes the world for what it was (`past_…`).
    """

    def __init__(
        self,
        folder: Path,
        programmes: Programmes,
        item_keys: list[str],
        rule: EpisodeRule,
        splits: frozenset[Split],
        drift: Drift | None = None,
    ) -> None:
        folder.mkdir()
        self.n_pairs = 0
        self._folder = folder
        self._programmes = programmes
        self._item_keys = pa.array(item_keys)
        self._rule = rule
        self._splits = splits
        self._drift = drift
        self._filter = BayesFilter(programmes, drift.after if drift else None)
        self._queries: list[Prediction] = []
        self._queries_with_support: list[Prediction] = []
        self._users: list[pa.Table] = []
        self._schema = pa.schema([*PAIRS, *PAST_VALUES]) if drift else PAIRS
        self._pairs = pq.ParquetWriter(
            folder / "pairs.parquet", self._schema, **PARQUET
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._pairs.close()

    def add(self, histories: Histories) -> None:
        """Judge the pairs of more users."""
        self._users.append(
            pa.table({"user_id": histories.user_ids, "programme": histories.programme})
        )
        splits = [user_split(user_id) for user_id in histories.user_ids]
        judged = histories.of_users(
            np.array([split in self._splits for split in splits])
        )
        if self._drift:
            later = self._drift.later(judged.at)
            judged = replace(judged, sequences=replace(judged.sequences, later=later))
        sequences = judged.sequences
        at = np.flatnonzero(sequences.position() > 0)
        evidence = self._filter.prefix_evidence(sequences, at, MAX_PREFIX)
        prediction = self._predict(sequences, evidence, at)
        past = (
            self._of_the_past(sequences, evidence, at, self._drift.past)
            if self._drift
            else None
        )
        self._write_pairs(judged, at, prediction, past)
        self._add_episodes(judged, at, evidence, prediction)

    def finish(self, parameters: dict[str, Any]) -> None:
        """Write the summary, the process and the users' programmes."""
        rule = self._rule
        queries = Prediction.joined(self._queries)
        summary = {
            "mart": rule.mart,
            **_means(queries),
            "n_queries": len(queries.rank),
            "n_episodes": len(queries.rank) // rule.n_query,
            "given_support": _means(Prediction.joined(self._queries_with_support)),
            "realised": _realised(queries),
        }
        write_json(self._folder / "bayes_optimal.json", summary)
        write_json(self._folder / "parameters.json", parameters)
        tables = process_tables(self._programmes, self._item_keys)
        if self._drift:
            later = process_tables(self._drift.after, self._item_keys)
            tables |= {f"{name}_after": table for name, table in later.items()}
        tables["users"] = pa.concat_tables(self._users)
        for name, table in tables.items():
            pq.write_table(table, self._folder / f"{name}.parquet", **PARQUET)

    def _predict(
        self,
        sequences: Sequences,
        evidence: Floats,
        at: Ints,
        believed: Belief | None = None,
    ) -> Prediction:
        items = sequences.items
        later = None if sequences.later is None else sequences.later[at]
        return self._filter.predict(evidence, items[at - 1], items[at], later, believed)

    def _of_the_past(
        self, sequences: Sequences, evidence: Floats, at: Ints, past: float
    ) -> Prediction:
        """What a prediction is worth that knows the world only as it was."""
        items = np.full(len(sequences.items), past)
        told = self._filter.evidence(replace(sequences, later=items))[at - 1]
        belief = Belief(told, np.full(len(at), past))
        return self._predict(sequences, evidence, at, belief)

    def _write_pairs(
        self,
        judged: Histories,
        at: Ints,
        prediction: Prediction,
        past: Prediction | None,
    ) -> None:
        if not len(at):
            return
        sequences = judged.sequences
        user = judged.user[sequences.number()[at]]
        columns = [
            pa.DictionaryArray.from_arrays(user.astype(np.int32), judged.user_ids),
            pa.array(judged.at[at]),
            pa.DictionaryArray.from_arrays(
                sequences.items[at].astype(np.int32), self._item_keys
            ),
            pa.array(prediction.accuracy_at_1.astype(np.float32)),
            pa.array(prediction.recall_at_10.astype(np.float32)),
            pa.array(prediction.reciprocal_rank.astype(np.float32)),
            pa.array(prediction.rank.astype(np.int32)),
        ]
        if past:
            columns += [
                pa.array(past.accuracy_at_1.astype(np.float32)),
                pa.array(past.recall_at_10.astype(np.float32)),
                pa.array(past.reciprocal_rank.astype(np.float32)),
            ]
        self._pairs.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self.n_pairs += len(at)

    def _add_episodes(
        self, judged: Histories, at: Ints, evidence: Floats, prediction: Prediction
    ) -> None:
        sequences = judged.sequences
        user = judged.user[sequences.number()[at]]
        support, query = self._episodes(judged, user)  # (E, K) and (E, Q)
        self._queries.append(prediction.take(query.ravel()))
        told = self._filter.support_evidence(
            sequences, at[support], at[query], judged.is_guest
        )
        asked = query.ravel()
        informed = evidence[asked] + told.reshape(len(asked), evidence.shape[1])
        self._queries_with_support.append(self._predict(sequences, informed, at[asked]))

    def _episodes(self, judged: Histories, user: Ints) -> tuple[Ints, Ints]:
        """Pairs that support and that are asked, of test users, (E, K) and (E, Q)."""
        n_pairs = np.bincount(user, minlength=len(judged.user_ids))
        first = n_pairs.cumsum() - n_pairs
        starts = [
            first[row] + start
            for row, user_id in enumerate(judged.user_ids)
            if user_split(user_id) == "test"
            for start in self._rule.starts(int(n_pairs[row]))
        ]
        size = self._rule.n_support + self._rule.n_query
        pairs = np.array(starts, dtype=np.int64)[:, None] + np.arange(size)
        return pairs[:, : self._rule.n_support], pairs[:, self._rule.n_support :]


def process_tables(programmes: Programmes, item_keys: pa.Array) -> dict[str, pa.Table]:
    """The process as tables: `items`, `starts` and `successors`.

    `successors` has the weight of a successor within its list; `programme` is null
    in lists that all programmes share.
    """
    config = programmes.config
    n_shared, n_items = config.n_shared, config.n_items
    own = np.broadcast_to(config.own_weights, programmes.own.shape)
    shared = np.full((n_items, n_shared), 1 / n_shared)
    programme, item, _ = np.indices(programmes.own.shape)
    return {
        "items": pa.table({"item": item_keys, "popularity": programmes.popularity}),
        "starts": pa.table(
            {
                "programme": np.repeat(np.arange(config.n_programmes), config.n_starts),
                "item": item_keys.take(pa.array(programmes.starts.ravel())),
            }
        ),
        "successors": pa.table(
            {
                "programme": pa.concat_arrays(
                    [pa.array(programme.ravel()), pa.nulls(shared.size, pa.int64())]
                ),
                "item": item_keys.take(
                    pa.array(
                        np.r_[item.ravel(), np.repeat(np.arange(n_items), n_shared)]
                    )
                ),
                "successor": item_keys.take(
                    pa.array(np.r_[programmes.own.ravel(), programmes.shared.ravel()])
                ),
                "weight": np.r_[own.ravel(), shared.ravel()].astype(np.float32),
            }
        ),
    }


def _means(prediction: Prediction) -> dict[str, float | None]:
    """Expected metrics over queries; null where there is none."""
    return {
        "accuracy@1": _mean(prediction.accuracy_at_1),
        "recall@10": _mean(prediction.recall_at_10),
        "mrr": _mean(prediction.reciprocal_rank),
    }


def _realised(prediction: Prediction) -> dict[str, float | None]:
    """The same metrics of the ranks that the labels had: the expectation plus luck."""
    rank = prediction.rank
    return {
        "accuracy@1": _mean(rank == 1),
        "recall@10": _mean(rank <= TOP),
        "mrr": _mean(1 / rank),
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
