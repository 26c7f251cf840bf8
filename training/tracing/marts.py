"""Responses, their features and skills, in the order of `kt_sequences`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor

from models_py.ragged import Ragged
from models_py.tracing.data import Responses, SkillSets
from models_py.tracing.shown import FEATURES, HOURS
from training.errors import ANOTHER_SPLIT, UserError
from training.marts.columns import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    ROW_NUMBER,
    SPLIT,
    TEXT,
    TIME,
    Columns,
    or_null,
    pointing_at,
)
from training.marts.opening import (
    choose_dataset,
    columns_by_mart,
    open_marts,
    refusal,
    time_is_order,
)
from training.marts.reader import Reader, ragged_of

SEQUENCE_COLUMNS = {"response_ids", "item_ids", "skill_ids", "correct", "window"}
OVERVIEW = {"dataset_summary", "dataset_funnel"}

VOCAB: Columns = {"item_id": ROW_NUMBER, "item_key": TEXT}
SKILLS: Columns = {
    "skill_id": ROW_NUMBER,
    "skill_key": TEXT,
    "skill_name": or_null(TEXT),
}
RESPONSES: Columns = {
    "response_id": ROW_NUMBER,
    "user_id": TEXT,
    "split": SPLIT,
    "session_id": TEXT,
    "item_id": pointing_at("vocab"),
    "correct": BOOLEAN,
    "answered_at": TIME,
    "ts_epoch": INTEGER,
    "latency_sec": or_null(NUMBER),
    "help_before": BOOLEAN,
    "attempt": INTEGER,
}
SEQUENCES: Columns = {
    "user_id": TEXT,
    "window": INTEGER,
    "response_ids": pointing_at("responses", depth=1),
    "skill_ids": pointing_at("skills", depth=2, as_long_as="response_ids"),
}
_KNOWN_LATER = ("answers_since_skill", "seconds_since_skill", "seconds_since_previous")
_COUNTED = ("prior_n", "item_prior_n", *(f"prior_{span}_n" for span in HOURS))
HISTORIES: Columns = {
    "response_id": ROW_NUMBER,
    **dict.fromkeys(FEATURES, NUMBER),
    **dict.fromkeys(_COUNTED, INTEGER),
    **dict.fromkeys(_KNOWN_LATER, or_null(INTEGER)),
    **dict.fromkeys(("prior_help_rate", "prior_latency_sec"), or_null(NUMBER)),
}
SESSIONS: Columns = {"user_id": TEXT, "session_id": TEXT, "reliability_tier": TEXT}


@dataclass(frozen=True)
class TracingMarts:
    """All that knowledge tracing needs of one data set.

    Args:
        item_keys, skill_keys: the publisher's ids, by id.
        skill_names: the publisher's names of skills, for those that have one.
        responses: what models read; rows by user, then in order of time.
        table: the same rows for people: `response_id, user_id, split, answered_at,
            latency_sec, help_before, attempt, reliability_tier, position` (from 0 in
            the user's sequence).
        summary: rows of `dataset_summary`, none where that was not built.
        funnel: rows of `dataset_funnel`, in order, without steps that leave nothing.
        fingerprints: rows and SHA-256 of each mart read.
        time_is_order: times only say what came first: no pause, session or time of
            day means anything.
    """

    mart: str
    dataset: str
    item_keys: list[str]
    skill_keys: list[str]
    skill_names: dict[str, str]
    responses: Responses
    table: pd.DataFrame
    summary: list[dict[str, Any]]
    funnel: list[dict[str, Any]]
    fingerprints: dict[str, dict[str, Any]]
    time_is_order: bool = False

    @property
    def sizes(self) -> dict[str, int]:
        """What the data prescribe to every model."""
        return {"n_items": len(self.item_keys), "n_skills": len(self.skill_keys)}

    def rows_of(self, split: str) -> Tensor:
        """Rows of a split's users."""
        return torch.from_numpy(np.flatnonzero(self.table["split"] == split))


def load_tracing(path: Path, mart: str, dataset: str | None) -> TracingMarts:
    """Read one data set's responses in the order of its sequences.

    Args:
        path: DuckDB file written by `dbt build`, or a folder of Parquet marts.
        mart: `kt_sequences`, or a mart of the same columns.
        dataset: None takes a preferred one, else the only one.
    Raises:
        UserError: no such file, mart or data set; the marts do not fit together.
    """
    with open_marts(path) as connection:
        chosen = choose_dataset(connection, path, mart, dataset)
        reader = Reader(connection, path, chosen)
        vocab = reader.table("vocab", VOCAB, "item_id")
        skills = reader.table("skills", SKILLS, "skill_id", may_be_empty=True)
        answers = reader.table("responses", RESPONSES, "response_id")
        sequences = reader.table(mart, SEQUENCES, 'user_id, "window"')
        features = reader.table("response_features", HISTORIES, "response_id")
        sessions = reader.table("sessions", SESSIONS, "user_id, session_id")
        is_whole = columns_by_mart(connection).keys() >= OVERVIEW
        # nothing is learned from it: `dbt build --select` may have left it out
        summary, funnel = reader.overview() if is_whole else ([], [])
        is_order = time_is_order(connection, chosen)
    table = _ordered(sequences, answers, path, mart)
    table = table.merge(sessions.to_pandas(), "left", ["user_id", "session_id"])
    skill_lists = _nested(sequences["skill_ids"])
    sets, of_row = SkillSets.of(skill_lists, len(skills))
    if len(features) != len(answers):
        what = f"{len(features)} rows for {len(answers)} responses"
        raise refusal(path, "response_features", what)
    at = table["response_id"].to_numpy()  # row i is of response i
    return TracingMarts(
        mart=mart,
        dataset=chosen,
        item_keys=vocab["item_key"].to_pylist(),
        skill_keys=skills["skill_key"].to_pylist(),
        skill_names={
            row["skill_key"]: row["skill_name"]
            for row in skills.to_pylist()
            if row["skill_name"]
        },
        responses=_responses(
            table,
            _features(features, at),
            sets,
            of_row,
            n_items=len(vocab),
            is_order=is_order,
        ),
        table=table,
        summary=summary,
        funnel=funnel,
        fingerprints=reader.fingerprints,
        time_is_order=is_order,
    )


def require_splits(marts: TracingMarts) -> None:
    """Check that there is something to learn from, to stop by and to ask.

    Raises:
        UserError: a split has no responses, or train users' answers are all alike.
    """
    for split, purpose in (
        ("train", "learn from"),
        ("val", "stop training by"),
        ("test", "ask"),
    ):
        rows = marts.rows_of(split)
        if len(rows) == 0:
            raise UserError(
                f"data set {marts.dataset} has no {split} responses to {purpose}: it "
                f"has too few users; {ANOTHER_SPLIT}"
            )
        if marts.responses.correct[rows].unique().numel() < 2:
            raise UserError(
                f"all {len(rows)} {split} responses of data set {marts.dataset} have "
                f"the same answer: there is nothing to tell apart; {ANOTHER_SPLIT}"
            )


def _ordered(
    sequences: pa.Table, answers: pa.Table, path: Path, mart: str
) -> pd.DataFrame:
    """Rows of `responses` in the order of the sequences, with their position."""
    ids = sequences["response_ids"].combine_chunks().flatten().to_numpy()
    if len(ids) != len(answers) or len(np.unique(ids)) != len(ids):
        what = f"{len(ids)} responses, not each of {len(answers)} once"
        raise refusal(path, mart, what)
    table = answers.to_pandas().iloc[ids].reset_index(drop=True)
    table["position"] = table.groupby("user_id", sort=False).cumcount()
    return table


def _nested(column: pa.ChunkedArray) -> Ragged:
    """Lists of lists as one row a response."""
    return ragged_of(pa.chunked_array([column.combine_chunks().flatten()]))


def _features(features: pa.Table, at: np.ndarray) -> Tensor:
    columns = [
        change(features[name].to_pandas().to_numpy(np.float64, na_value=np.nan)[at])
        for name, change in FEATURES.items()
    ]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


def _responses(
    table: pd.DataFrame,
    history: Tensor,
    sets: SkillSets,
    of_row: Tensor,
    *,
    n_items: int,
    is_order: bool,
) -> Responses:
    latency = table["latency_sec"].to_numpy(np.float64, na_value=np.nan)
    behaviour = np.stack(
        [table["help_before"].to_numpy(np.float64), np.log1p(latency)], axis=1
    )
    user, _ = pd.factorize(table["user_id"])
    return Responses(
        time_is_order=is_order,
        user=torch.from_numpy(user.astype(np.int64)),
        item=torch.tensor(table["item_id"].to_numpy(np.int64)),
        skill_set=of_row,
        skill_sets=sets,
        correct=torch.tensor(table["correct"].to_numpy(bool)),
        at=torch.tensor(table["ts_epoch"].to_numpy(np.int64)),
        history=history,
        behaviour=torch.from_numpy(behaviour.astype(np.float32)),
        n_items=n_items,
    )
