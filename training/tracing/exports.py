"""What a run hands on, keyed so that it joins: data set, user, item, time.

dbt reads these files back as sources (`dbt build --select kt_exports`).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training.tracing.documents import behaviour_page, mastery_page
from training.tracing.lineup import Answer
from training.tracing.marts import TracingMarts
from training.tracing.mastery import MOST_ITEMS, mastery_after

TIME = pa.timestamp("us")
ROWS_AT_ONCE = 200_000  # of predictions, which bounds memory
PREDICTIONS = pa.schema(
    [
        ("dataset", pa.string()),
        ("response_id", pa.int64()),
        ("user_id", pa.string()),
        ("item_id", pa.int32()),
        ("answered_at", TIME),
        ("split", pa.string()),
        ("position", pa.int32()),
        ("actual", pa.bool_()),
        ("predicted", pa.float64()),
    ]
)
STATE = pa.schema(
    [
        ("dataset", pa.string()),
        ("response_id", pa.int64()),
        ("user_id", pa.string()),
        ("skill_key", pa.string()),
        ("answered_at", TIME),
        ("split", pa.string()),
        ("mastery", pa.float64()),
    ]
)
ITEMS = pa.schema(
    [
        ("dataset", pa.string()),
        ("item_id", pa.int32()),
        ("item_key", pa.string()),
        ("skill_keys", pa.list_(pa.string())),
        ("difficulty", pa.float64()),
        ("discrimination", pa.float64()),
        ("guessing", pa.float64()),
        ("difficulty_se", pa.float64()),
        ("discrimination_se", pa.float64()),
        ("guessing_se", pa.float64()),
        ("n_responses", pa.int64()),
    ]
)
DRIFT = pa.schema(
    [
        ("dataset", pa.string()),
        ("item_id", pa.int32()),
        ("period", pa.int32()),
        ("period_start", TIME),
        ("difficulty", pa.float64()),
        ("drift", pa.float64()),
        ("drift_se", pa.float64()),
        ("p_value", pa.float64()),
        ("drift_flag", pa.bool_()),
    ]
)


def write(
    folder: Path, marts: TracingMarts, answers: dict[str, Answer], metrics: dict
) -> None:
    """Write what the fitted models have to say; a model left out leaves no file.

    Args:
        metrics: the tracing part of `metrics.json`.
    """
    for name, export in _EXPORTS.items():
        if name in answers:
            export(folder, marts, answers[name])
    page = behaviour_page(marts.dataset, metrics)
    (folder / "behavior_slices.md").write_text(page, encoding="utf-8")


def _write_sakt(folder: Path, marts: TracingMarts, answer: Answer) -> None:
    """Every response's prediction, and the mastery after it."""
    path = folder / "sakt_predictions.parquet"
    with pq.ParquetWriter(path, PREDICTIONS) as writer:
        for start in range(0, len(marts.table), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            found = _predictions(marts, answer.predicted, rows)
            writer.write_table(_table(found, PREDICTIONS))
    last = []
    path = folder / "sakt_student_state.parquet"
    with pq.ParquetWriter(path, STATE) as writer:
        for state in _states(marts, answer.model):
            writer.write_table(_table(state, STATE))
            of_skill = state.drop_duplicates(["user_id", "skill_key"], keep="last")
            last.append(of_skill[["user_id", "skill_key", "mastery"]])
    page = mastery_page(marts.dataset, pd.concat(last), MOST_ITEMS)
    (folder / "mastery_report.md").write_text(page, encoding="utf-8")


def _predictions(
    marts: TracingMarts, predicted: np.ndarray, rows: slice
) -> pd.DataFrame:
    table, responses = marts.table.iloc[rows], marts.responses
    keys = ("response_id", "user_id", "split", "answered_at", "position")
    return pd.DataFrame(
        {
            "dataset": marts.dataset,
            **{name: table[name] for name in keys},
            "item_id": responses.item.numpy()[rows],
            "actual": responses.correct.numpy()[rows],
            "predicted": predicted[rows].astype(np.float64),
        }
    )


def _states(marts: TracingMarts, model: Any) -> Iterator[pd.DataFrame]:
    """Mastery after each response, some users at a time."""
    keys = np.asarray(marts.skill_keys, dtype=object)
    for row, skill, mastery in mastery_after(model, marts.responses):
        after = marts.table.iloc[row]
        yield pd.DataFrame(
            {
                "dataset": marts.dataset,
                **{name: after[name] for name in ("response_id", "user_id", "split")},
                "skill_key": keys[skill],
                "answered_at": after["answered_at"],
                "mastery": mastery.astype(np.float64),
            }
        )


def _write_items(folder: Path, marts: TracingMarts, answer: Answer) -> None:
    """Parameters of the items that train users answered, and their drift."""
    found = answer.model.items
    known = np.flatnonzero(found.n_responses.numpy())
    difficulty, log_a, logit_c = found.values.numpy()[known].T
    se_difficulty, se_log_a, se_logit_c = found.errors.numpy()[known].T
    discrimination, guessing = np.exp(log_a), 1 / (1 + np.exp(-logit_c))
    skills = item_skill_lists(marts)
    items = {
        "dataset": [marts.dataset] * len(known),
        "item_id": known,
        "item_key": [marts.item_keys[i] for i in known],
        "skill_keys": [skills[i] for i in known],
        "difficulty": difficulty,
        "discrimination": discrimination,
        "guessing": guessing,
        "difficulty_se": se_difficulty,
        # delta method: the model estimates log a and logit c
        "discrimination_se": discrimination * se_log_a,
        "guessing_se": guessing * (1 - guessing) * se_logit_c,
        "n_responses": found.n_responses.numpy()[known],
    }
    _write(folder / "item_params.parquet", items, ITEMS)
    train = marts.responses.take(marts.rows_of("train"))
    drift, begins = answer.model.drift(train)
    starts = begins.numpy()[drift.period].astype("datetime64[s]")
    if marts.time_is_order:  # a period is so many answers then: it has no date
        starts = np.full(len(starts), np.datetime64("NaT", "s"))
    rows = {
        "dataset": [marts.dataset] * len(drift.item),
        "item_id": drift.item,
        "period": drift.period,
        "period_start": starts,
        "difficulty": drift.difficulty,
        "drift": drift.drift,
        "drift_se": drift.drift_error,
        "p_value": drift.p_value,
        "drift_flag": drift.is_flagged,
    }
    _write(folder / "item_drift.parquet", rows, DRIFT)


# Model -> what only it can tell.
_EXPORTS: dict[str, Callable[[Path, TracingMarts, Answer], None]] = {
    "sakt": _write_sakt,
    "wd_irt": _write_items,
}


def item_skill_lists(marts: TracingMarts) -> list[list[str]]:
    """Skill keys of each item, by item id: all that its responses ask for."""
    skills = marts.responses.item_skills
    return [
        [marts.skill_keys[skill] for skill in members.tolist()]
        for members in skills.values.split(skills.lengths.tolist())
    ]


def _write(path: Path, columns: dict[str, Any], schema: pa.Schema) -> None:
    pq.write_table(_table(pd.DataFrame(columns), schema), path)


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
    return table.replace_schema_metadata(None)
