"""The eligible impressions of one data set, and the vocabulary of their products."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from models_py.causal.trials import Trials
from training.marts.columns import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    ROW_NUMBER,
    SPLIT,
    TEXT,
    Columns,
    or_null,
    pointing_at,
)
from training.marts.opening import choose_dataset, columns_by_mart, open_marts
from training.marts.reader import Reader, ragged_of, tensor_of

VOCAB: Columns = {"item_id": ROW_NUMBER, "token": TEXT}
TRIALS: Columns = {
    "trial_id": ROW_NUMBER,
    "session_id": TEXT,
    "user_id": TEXT,
    "split": SPLIT,
    "fold": INTEGER,
    "index_epoch": INTEGER,
    "item_id": pointing_at("causal_vocab"),
    "event_ids": replace(INTEGER, depth=1),
    "item_ids": pointing_at("causal_vocab", depth=1, as_long_as="event_ids"),
    "minutes_before": replace(NUMBER, depth=1, as_long_as="event_ids"),
    **dict.fromkeys(("treatment", "outcome", "outcome_other"), BOOLEAN),
    **dict.fromkeys(("purchased_before", "censored"), BOOLEAN),
}
AUDIT: Columns = {
    "finding": TEXT,
    "n_rows": INTEGER,
    "names": or_null(TEXT),
    "is_warning": BOOLEAN,
}
# of the seed `datasets`: what a click and a purchase have to be to count
RULES: Columns = {
    "treatment_window_sec": or_null(INTEGER),
    "outcome_horizon_sec": or_null(INTEGER),
    "outcome_product": or_null(TEXT),
}


@dataclass(frozen=True)
class TrialTable:
    """Trials with what the models of the nuisances do not see; R trials.

    Args:
        trials: what they see.
        trial_id: of the mart, shape (R,).
        user_ids: the publisher's id of every user number.
        split: split of the trial's user, shape (R,).
        fold: fold of the trial's user, shape (R,).
        bought_other: 1 where a purchase of another product followed, shape (R,).
        bought_before: 1 where the user had bought before the index, shape (R,).
        is_censored: whether the log ends before the outcome's horizon, shape (R,).
    """

    trials: Trials
    trial_id: NDArray[np.int64]
    user_ids: NDArray[Any]
    split: NDArray[Any]
    fold: NDArray[np.int64]
    bought_other: NDArray[np.float64]
    bought_before: NDArray[np.float64]
    is_censored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.trials)

    def take(self, rows: NDArray[np.int64]) -> "TrialTable":
        """The chosen trials, in the order asked for."""
        columns = ("trial_id", "split", "fold", "bought_other", "bought_before")
        return TrialTable(
            trials=self.trials.take(torch.from_numpy(rows)),
            user_ids=self.user_ids,
            is_censored=self.is_censored[rows],
            **{name: getattr(self, name)[rows] for name in columns},
        )

    def uncensored(self) -> "TrialTable":
        """The trials whose outcome is known."""
        return self.take(np.flatnonzero(~self.is_censored))


@dataclass(frozen=True)
class CausalMarts:
    """All that estimating effects needs of one data set.

    Args:
        tokens: the product of every item id, three special ones first.
        rules: values of `RULES`; None each where the marts do not say.
        audit: what was counted on the way, rows of `causal_audit`.
        summary: rows of `dataset_summary`.
        funnel: rows of `dataset_funnel`, in order, without steps that leave nothing.
        fingerprints: rows and SHA-256 of each mart read.
    """

    mart: str
    dataset: str
    table: TrialTable
    tokens: list[str]
    rules: dict[str, Any]
    audit: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    funnel: list[dict[str, Any]]
    fingerprints: dict[str, dict[str, Any]]


def load_causal(path: Path, mart: str, dataset: str | None) -> CausalMarts:
    """Read the trials and their vocabulary.

    Args:
        path: DuckDB file written by `dbt build`, or a folder of Parquet marts.
        mart: a mart of trials.
        dataset: None takes the only one.
    Raises:
        UserError: no such file, mart or data set; the mart is empty.
    """
    with open_marts(path) as connection:
        chosen = choose_dataset(connection, path, mart, dataset)
        reader = Reader(connection, path, chosen)
        vocab = reader.table("causal_vocab", VOCAB, "item_id")
        rows = reader.table(mart, TRIALS, "trial_id")
        audit = reader.table("causal_audit", AUDIT, "finding_number")
        summary, funnel = reader.overview()
        has_rules = columns_by_mart(connection).get("datasets", set()).issuperset(RULES)
        rules = _rules(reader) if has_rules else dict.fromkeys(RULES)
    tokens = vocab["token"].to_pylist()
    return CausalMarts(
        mart=mart,
        dataset=chosen,
        table=trial_table(rows, len(tokens)),
        tokens=tokens,
        rules=rules,
        audit=audit.to_pylist(),
        summary=summary,
        funnel=funnel,
        fingerprints=reader.fingerprints,
    )


def trial_table(rows: pa.Table, n_items: int) -> TrialTable:
    """Rows of the mart as tensors and arrays.

    Args:
        rows: the columns of `TRIALS`, in a total order.
        n_items: size of the vocabulary.
    """
    users = _codes(rows["user_id"])
    return TrialTable(
        trials=Trials(
            events=ragged_of(rows["event_ids"]),
            items=ragged_of(rows["item_ids"]).values,
            minutes=ragged_of(rows["minutes_before"]).values,
            item=tensor_of(rows["item_id"]),
            session=torch.from_numpy(_codes(rows["session_id"])[0]),
            user=torch.from_numpy(users[0]),
            index_at=tensor_of(rows["index_epoch"]),
            treatment=tensor_of(rows["treatment"]).double(),
            outcome=tensor_of(rows["outcome"]).double(),
            n_items=n_items,
        ),
        trial_id=rows["trial_id"].to_numpy(),
        user_ids=users[1],
        split=rows["split"].to_numpy(),
        fold=rows["fold"].to_numpy().astype(np.int64),
        bought_other=rows["outcome_other"].to_numpy().astype(np.float64),
        bought_before=rows["purchased_before"].to_numpy().astype(np.float64),
        is_censored=rows["censored"].to_numpy().astype(bool),
    )


def _rules(reader: Reader) -> dict[str, Any]:
    rows = reader.table("datasets", RULES, "dataset", may_be_empty=True).to_pylist()
    return rows[0] if rows else dict.fromkeys(RULES)


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """A number for every text, in order of appearance, and the texts."""
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_numpy(zero_copy_only=False)
    return encoded.indices.to_numpy().astype(np.int64), texts
