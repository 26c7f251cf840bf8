"""Mastery: how likely a student would answer a skill's items right, just now."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_py.tracing.data import Responses
from models_py.tracing.histories import Probes

MOST_ITEMS = 50  # of a skill, the most answered ones: bounds the work, changes little


def mastery_after(
    model: Any, responses: Responses
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean predicted probability over a skill's items after each response to it.

    Args:
        model: has `predict_after`.
    Returns:
        Row of the response, skill id and mastery, sorted by row, then skill; a
        response of two skills gives two, one without skills none. Shape (M,) each.
    """
    skills = responses.skills
    row = torch.repeat_interleave(torch.arange(len(responses)), skills.lengths)
    items, starts = _items_by_skill(responses)
    # an item is asked with all its skills, whichever its own responses name
    asked, set_of_item = responses.with_sets_of_items()
    n_items = starts.diff()[skills.values]
    pair = torch.repeat_interleave(torch.arange(len(row)), n_items)
    before = torch.nn.functional.pad(n_items.cumsum(0), (1, 0))[:-1]
    place = torch.arange(len(pair)) - before[pair] + starts[skills.values][pair]
    item = items[place]
    chances = model.predict_after(
        asked, Probes(after=row[pair], item=item, skill_set=set_of_item[item])
    ).double()
    total = torch.zeros(len(row), dtype=torch.float64).index_add_(0, pair, chances)
    return row.numpy(), skills.values.numpy(), (total / n_items).numpy()


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
