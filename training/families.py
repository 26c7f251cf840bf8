"""The families of marts that can be trained on: the only place that lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from training.causal import family as causal
from training.causal.marts import load_causal
from training.causal.scorecard import table as causal_table
from training.config import TrainConfig
from training.errors import UserError
from training.fit.job import Job
from training.marts.folder import HOW_TO_EXPORT
from training.marts.opening import (
    EPISODE_COLUMNS,
    Marts,
    columns_by_mart,
    open_marts,
    refusal,
)
from training.recommendation import family as recommendation
from training.recommendation.beyond import table as lists_table
from training.recommendation.lineup import fitted as fitted_recommender
from training.recommendation.marts import load_recommendation
from training.tracing import family as tracing
from training.tracing.lineup import fitted as fitted_tracer
from training.tracing.marts import SEQUENCE_COLUMNS, load_tracing
from training.tracing.scorecard import table as tracing_table

M = TypeVar("M", bound=Marts)


@dataclass(frozen=True)
class Family(Generic[M]):
    """What is done with one family of marts.

    Args:
        name: as the registry of models calls it.
        columns: a mart with all of these columns is one to train on.
        load: reads a data set's marts: (DuckDB file or folder, mart, data set or
            None).
        check: raises a `UserError` where what a run was asked to do cannot be done on
            those marts.
        evaluate: fits and evaluates a line-up, writes the family's own artifacts
            into the run folder and returns the family's part of `metrics.json`:
            at least `models`, by name `title` and `test` with the same metrics. Of
            several processes only the main one writes and has something to return.
        table: what is printed of `metrics.json`.
        fit: fits one model of a line-up and does nothing else; None where a line-up is
            not fitted model by model.
        more: what else is printed of it on request; None where there is nothing.
        repeats: settings by which it can do more than train a line-up once.
    """

    name: str
    columns: frozenset[str]
    load: Callable[[Path, str, str | None], M]
    check: Callable[[M, TrainConfig], object]
    evaluate: Callable[[Job[M]], dict[str, Any]]
    table: Callable[[dict[str, Any]], str]
    fit: Callable[[Job[M], str], object] | None = None
    repeats: frozenset[str] = frozenset()
    more: Callable[[dict[str, Any]], str] | None = None


FAMILIES: dict[str, Family[Any]] = {
    family.name: family
    for family in (
        Family(
            "recommendation",
            frozenset(EPISODE_COLUMNS),
            load_recommendation,
            recommendation.check,
            recommendation.evaluate,
            recommendation.tables,
            fitted_recommender,
            repeats=frozenset({"repeat_splits", "tune", "seeds", "also_by_time"}),
            more=lists_table,
        ),
        Family(
            "tracing",
            frozenset(SEQUENCE_COLUMNS),
            load_tracing,
            lambda marts, config: tracing.check(marts),
            tracing.evaluate,
            tracing_table,
            fitted_tracer,
        ),
        Family(
            "causal",
            frozenset(causal.CAUSAL_COLUMNS),
            load_causal,
            lambda marts, config: causal.check(marts),
            causal.evaluate,
            causal_table,
        ),
    )
}


def family_of(path: Path, mart: str) -> Family[Any]:
    """The family of a mart, told by its columns.

    Raises:
        UserError: there is no such mart, or none that models are trained on.
    """
    with open_marts(path) as connection:
        marts = columns_by_mart(connection)
    found = {
        name: family
        for name, columns in marts.items()
        for family in FAMILIES.values()
        if columns >= family.columns
    }
    for family in FAMILIES.values():
        lacking = family.columns - marts.get(mart, set())
        if mart not in found and len(lacking) == 1:  # it was to be one of these
            raise refusal(path, mart, f"it has no column {', '.join(lacking)}")
    if mart not in found:
        how = HOW_TO_EXPORT if path.is_dir() else "run `dbt build`"
        known = ", ".join(found) or f"none: {how}"
        raise UserError(f"{path} has no mart {mart} to train on; there are: {known}")
    return found[mart]
