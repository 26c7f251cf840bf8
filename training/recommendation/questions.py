"""What a line-up is asked, and whether there is what it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from torch import Tensor

from models_py import registry
from training.errors import ANOTHER_SPLIT, UserError
from training.recommendation.marts import RecommendationMarts


@dataclass(frozen=True)
class Question:
    """Queries of one split's episodes, one row a query.

    Args:
        split: whose episodes they are.
        episode: episode id, shape (N,).
        pair: pair id, shape (N,).
        user: index of the user, shape (N,).
    """

    split: str
    episode: np.ndarray
    pair: Tensor
    user: np.ndarray


def check(marts: RecommendationMarts, lineup: Sequence[str]) -> None:
    """Whether every model of a line-up has what it learns from and is asked.

    Raises:
        UserError: as for `questions_of`, or models that adapt have no episodes to
            learn from or to be chosen by.
    """
    questions_of(marts)
    adapting = [name for name in lineup if registry.MODELS[name].adapts]
    for split, purpose in (("train", "learn from"), ("val", "be chosen by")):
        if adapting and not len(marts.episodes.rows_of(split)):
            raise UserError(
                f"mart {marts.mart} has no {split} episodes of data set "
                f"{marts.dataset} for {adapting[0]} to {purpose}; name models that do "
                "not adapt with --model, use a mart of shorter episodes or add data"
            )


def check_negatives(n_items: int, settings: dict[str, Any]) -> None:
    """Whether no model draws more items than there are.

    Raises:
        UserError: one does.
    """
    for name, own in settings.items():
        drawn = getattr(getattr(own, "network", own), "negatives", None) or 0
        if drawn > n_items:
            raise UserError(
                f"models.{name}: {drawn} negatives are more than the {n_items} items; "
                "use fewer, or 0 for all of them"
            )


def questions_of(marts: RecommendationMarts) -> dict[str, Question]:
    """The queries of the val and test episodes.

    Raises:
        UserError: there is nothing to train on, to validate with or to ask, or every
            label that is asked is one of an item born after the cut.
    """
    for split, purpose in (("train", "learn from"), ("val", "stop training by")):
        if len(marts.pairs.rows_of(split)) == 0:
            why = _no_label_in(split, marts) or (
                f"it has too few users; {ANOTHER_SPLIT}"
            )
            raise UserError(
                f"data set {marts.dataset} has no {split} pairs to {purpose}: {why}"
            )
    questions = {}
    for split in ("val", "test"):
        episode, pair = marts.episodes.queries_of(split)
        user = marts.pairs.user[pair.numpy()]
        questions[split] = Question(split, episode, pair, user)
    if len(questions["test"].pair) == 0:
        raise UserError(
            f"mart {marts.mart} has no test episodes of data set {marts.dataset}: "
            "no test user has enough pairs; choose a mart of shorter episodes "
            "or add data"
        )
    labels = marts.pairs.label[questions["test"].pair]
    if marts.split_times and not marts.in_train[labels].any():
        raise UserError(
            f"data set {marts.dataset} is split by time, and no item that its test "
            f"queries ask for was met before {utc(marts.split_times[0])}: no model can "
            "know it; set a later split_train_until, and build again"
        )
    return questions


def _no_label_in(split: str, marts: RecommendationMarts) -> str | None:
    """Why a split by time has no pairs; None where users are split."""
    if marts.split_times is None:
        return None
    train, val = (utc(cut) for cut in marts.split_times)
    where = {"train": f"before {train}", "val": f"from {train} on and before {val}"}
    return (
        f"it is split by time, and no label lies {where[split]}; set another "
        "split_train_until or split_val_until, and build again"
    )


def utc(seconds: int) -> str:
    """A second since 1970 as people read it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
