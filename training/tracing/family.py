"""Knowledge tracing: from marts to the tracing part of a run folder."""

from typing import Any

import numpy as np

from training.files import appearing_whole, data_dir, write_json
from training.fit.job import Job
from training.tracing import checks, exports
from training.tracing.lineup import Answer, answer
from training.tracing.marts import (
    TracingMarts,
    require_splits,
)
from training.tracing.scorecard import Scorecard
from training.truth import oracle_chances


def check(marts: TracingMarts) -> None:
    """Refuse marts that nothing can be learned from, or that leak.

    Raises:
        UserError: says what is missing, or which feature is not of the past alone.
    """
    require_splits(marts)
    checks.require_sound_features(marts.responses)


def evaluate(job: Job[TracingMarts]) -> dict[str, Any]:
    """Fit every model of the line-up, check it, and ask it for every response.

    Writes `predictions.parquet`, `vocab.json`, `skill_names.json` and the files under
    `exports/`.
    """
    marts = job.marts
    answers: dict[str, Answer] = {}
    for name in job.lineup():
        answers[name] = answer(job, name, answers)
    if not job.world.is_main:
        return {}
    oracle = oracle_chances(
        data_dir(),
        marts.dataset,
        user_ids=marts.table["user_id"],
        item_keys=np.asarray(marts.item_keys)[marts.responses.item.numpy()],
        answered_at=marts.table["answered_at"],
    )
    card = Scorecard(marts, answers, oracle, job.config.seed)
    found = {**card.metrics(), "checks": _checks(job, answers, card)}
    with appearing_whole(job.run.path / "predictions.parquet") as scratch:
        card.predictions().to_parquet(scratch, index=False)
    write_json(job.run.path / "vocab.json", marts.item_keys)
    write_json(job.run.path / "skill_names.json", marts.skill_names)
    with appearing_whole(job.run.path / "exports") as folder:
        folder.mkdir()
        exports.write(folder, marts, answers, found)
    return found


def _checks(
    job: Job[TracingMarts], answers: dict[str, Answer], card: Scorecard
) -> dict[str, Any]:
    """What validation users' answers and a coin say of the models' soundness."""
    marts = job.marts
    val = marts.responses.take(marts.rows_of("val"))
    return {
        "moved_by": {
            name: checks.require_sound(name, found.model, val)
            for name, found in answers.items()
        },
        "random_answers": checks.require_chance_level(
            card.predictions_of("test"), job.config.seed
        ),
    }
