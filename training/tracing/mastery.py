"""Mastery: how likely a student would answer a skill's items right, just now."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py.tracing.data import Responses

MOST_ITEMS = 8  # asked of a skill, the most answered ones: all of them cost hours
PROBES_AT_ONCE = 100_000  # bounds memory, changes no result

Mastery = tuple[np.ndarray, np.ndarray, np.ndarray]


def mastery_after(model: Any, responses: Responses) -> Iterator[Mastery]:
    """Mean predicted probability over a skill's items after each response to it.

    At most `MOST_ITEMS` items of a skill are asked, those that were answered most.

    Args:
        model: has `predict_after`.
    Yields:
        For some users at a time: row of the response, skill id and mastery, sorted by
        row, then skill; a response of two skills gives two, one without skills none.
        Shape (M,) each.
    """
    items, starts = _items_by_skill(responses)
    # an item is asked with all its skills, whichever its own responses name
    asked, set_of_item = responses.with_sets_of_items()
    for rows in _parts(responses, starts.diff()):
        part = asked.take(rows)
        # the skills that the responses name, in the numbering before
        skills = responses.take(rows).skills
        row = torch.repeat_interleave(torch.arange(len(part)), skills.lengths)
        n_items = starts.diff()[skills.values]
        pair = torch.repeat_interleave(torch.arange(len(row)), n_items)
        before = torch.nn.functional.pad(n_items.cumsum(0), (1, 0))[:-1]
        place = torch.arange(len(pair)) - before[pair] + starts[skills.values][pair]
        item = items[place]
        chances = model.predict_after(part, row[pair], item, set_of_item[item])
        total = torch.zeros(len(row), dtype=torch.float64)
        total.index_add_(0, pair, chances.double())
        yield (
            (row + rows.start).numpy(),
            skills.values.numpy(),
            (total / n_items).numpy(),
        )


def _parts(responses: Responses, n_items: Tensor) -> Iterator[slice]:
    """Rows of some users at a time, about `PROBES_AT_ONCE` probes."""
    skills = responses.skills
    probes = torch.nn.functional.pad(n_items[skills.values].cumsum(0), (1, 0))
    starts = responses.user_starts
    part = probes[skills.offsets[starts[:-1]]] // PROBES_AT_ONCE  # of each user
    _, n_users = part.unique_consecutive(return_counts=True)
    ends = starts[n_users.cumsum(0)].tolist()
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        yield slice(start, end)


def _items_by_skill(responses: Responses) -> tuple[Tensor, Tensor]:
    """Items of each skill, end to end, most answered first.

    Returns:
        Items, and where each skill's begin, shape (n_skills + 1,). Every skill that a
        response asks for has one.
    """
    n_answers = torch.bincount(responses.item, minlength=responses.n_items)
    members = responses.item_skills
    skill = members.values
    item = torch.repeat_interleave(torch.arange(len(members)), members.lengths)
    order = np.lexsort((item.numpy(), -n_answers[item].numpy(), skill.numpy()))
    skill, item = skill[order], item[order]
    starts = torch.searchsorted(skill, torch.arange(responses.n_skills + 1))
    rank = torch.arange(len(skill)) - starts[skill]
    kept = rank < MOST_ITEMS
    starts = torch.searchsorted(skill[kept], torch.arange(responses.n_skills + 1))
    return item[kept], starts
