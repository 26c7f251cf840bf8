"""The marts of one data set built anew, split another way, into a scratch folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.files import data_dir, project_root
from training.fit.job import Job
from training.recommendation.marts import RecommendationMarts, load_recommendation


def rebuilt(
    given: RecommendationMarts, scratch: Path, variables: dict[str, Any], option: str
) -> RecommendationMarts:
    """The marts that dbt makes of the data set with other variables.

    Args:
        given: what a run was started on; the same events must come out.
        scratch: folder for dbt's files, replaced; `moocmeta.duckdb` lies there.
        option: asks for it; errors name it.
    Raises:
        UserError: dbt failed, or the raw files are not those of the marts.
    """
    database = scratch.resolve() / "moocmeta.duckdb"
    _build(given.dataset, scratch, database, variables, option)
    built = load_recommendation(database, given.mart, given.dataset)
    if given.item_keys != built.item_keys or not given.pairs.label_at.equal(
        built.pairs.label_at
    ):
        raise UserError(
            f"{option}: {data_dir()}/raw/{given.dataset} does not hold what "
            "the marts were built from; set MOOCMETA_DATA_DIR or run `dbt build`"
        )
    return built


@contextmanager
def nothing_left(job: Job[RecommendationMarts], *, is_begun: bool) -> Iterator[None]:
    """A run that is not begun leaves no folder where marts cannot be built anew.

    Args:
        is_begun: whether a fit, or what one is for, may lie there already.
    """
    try:
        yield
    except UserError:
        if job.world.is_main and not is_begun:
            if job.ahead:  # others may be writing there
                job.ahead.end()
            shutil.rmtree(job.run.path)
        raise


def _build(
    dataset: str, scratch: Path, database: Path, variables: dict[str, Any], option: str
) -> None:
    raw = data_dir().resolve() / "raw" / dataset
    if not raw.is_dir():
        raise UserError(
            f"{option} builds the marts anew, and {raw} is not there; set "
            "MOOCMETA_DATA_DIR to the folder that the marts were built from"
        )
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "data" / "raw").mkdir(parents=True)
    (scratch / "data" / "raw" / dataset).symlink_to(raw)
    finished = subprocess.run(
        [
            Path(sys.executable).parent / "dbt",
            *("--no-use-colors", "--log-path", str(scratch.resolve() / "logs")),
            *("build", "--selector", "recommendation"),
            *("--exclude-resource-type", "test", "unit_test"),
            *("--vars", json.dumps(variables)),
            *("--target-path", str(scratch.resolve() / "target")),
        ],
        cwd=project_root(option),
        env={
            **os.environ,
            "MOOCMETA_DATA_DIR": str(scratch.resolve() / "data"),
            "MOOCMETA_DUCKDB": str(database),
        },
        capture_output=True,
        text=True,
    )
    if finished.returncode != 0:
        lines = [line for line in finished.stdout.splitlines() if "rror" in line]
        reason = lines[-1].strip() if lines else f"exit code {finished.returncode}"
        made = ", ".join(f"{name} {value}" for name, value in variables.items())
        raise UserError(f"{option}: dbt could not build with {made}: {reason}")
