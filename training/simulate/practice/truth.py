"""What is known about simulated students and items, keyed as the marts are."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.files import write_json
from training.simulate.arrays import Floats, Ints
from training.simulate.practice.learning import Answers, Items

PARQUET = {"compression": "zstd", "store_schema": False}
_TEXT = pa.dictionary(pa.int32(), pa.string())
ANSWERS = pa.schema(
    [
        ("user_id", _TEXT),
        ("item_key", _TEXT),
        ("answered_at", pa.timestamp("ms")),
        ("ability", pa.float32()),
        ("probability", pa.float32()),
        ("correct", pa.bool_()),
    ]
)


class TracingTruth:
    """Writes `answers.parquet` part by part, then items, users and parameters.

    `answers` joins the mart `responses` on user_id, item_key and answered_at; its
    `ability` is the student's in the item's skills just before the answer, hence the
    path over time; `probability` is the oracle's.

    Args:
        folder: created by this writer.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.n_answers = 0
        self._folder = folder
        self._users: list[pa.Table] = []
        self._answers = pq.ParquetWriter(folder / "answers.parquet", ANSWERS, **PARQUET)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._answers.close()

    def add_users(self, user_ids: list[str], base: Floats) -> None:
        """Students with the part of their ability that never changes."""
        self._users.append(
            pa.table({"user_id": user_ids, "base_ability": base.astype(np.float32)})
        )

    def add_answers(
        self,
        user_ids: list[str],
        user: Ints,
        item_keys: list[str],
        item: Ints,
        at_ms: Ints,
        answers: Answers,
    ) -> None:
        """Answers of the students `user_ids[user]` to the items `item_keys[item]`."""
        columns = [
            pa.DictionaryArray.from_arrays(user.astype(np.int32), user_ids),
            pa.DictionaryArray.from_arrays(item.astype(np.int32), item_keys),
            pa.array(at_ms, pa.timestamp("ms")),
            pa.array(answers.ability.astype(np.float32)),
            pa.array(answers.probability.astype(np.float32)),
            pa.array(answers.is_correct),
        ]
        self._answers.write_table(pa.Table.from_arrays(columns, schema=ANSWERS))
        self.n_answers += len(user)

    def finish(
        self,
        items: Items,
        item_keys: list[str],
        skill_keys: list[str],
        parameters: dict[str, Any],
    ) -> None:
        """Write the bank, the students and the settings."""
        write_json(self._folder / "parameters.json", parameters)
        bank = pa.table(
            {
                "item_key": item_keys,
                "skill_keys": items.skill_lists(skill_keys),
                "true_skill_keys": [
                    sorted({skill_keys[first], skill_keys[second]})
                    for first, second in items.skills
                ],
                "difficulty": items.difficulty,
                "discrimination": items.discrimination,
                "guessing": items.guessing,
                "drift": items.drift,
            }
        )
        pq.write_table(bank, self._folder / "items.parquet", **PARQUET)
        users = pa.concat_tables(self._users)
        pq.write_table(users, self._folder / "users.parquet", **PARQUET)
