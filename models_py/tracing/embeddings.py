"""Vectors of items and of sets of skills, shared by question and interaction."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.tracing.data import Responses, SkillSets

SHARED = 0  # row of what is rare or unknown; all others are shifted up by one
INITIAL_STD = 0.1


class Kept(nn.Module):
    """What was counted, not learned by gradients: tensors in a network's state."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.kind = type(value)
        for name, each in vars(value).items():
            self.register_buffer(name, each)

    @property
    def value(self) -> Any:
        """What is kept, on the CPU."""
        return self.kind(**{name: each.cpu() for name, each in self.named_buffers()})

    def keep(self, value: Any) -> None:
        """Keep another of the same sizes."""
        for name, each in vars(value).items():
            getattr(self, name).copy_(each)


class ItemVectors(nn.Module):
    """A vector for each item that train users answered often enough.

    Rarer items, and items never seen, share one: what is learned of a rare item is
    mostly noise.
    """

    row: Tensor

    def __init__(self, n_items: int, dim: int) -> None:
        super().__init__()
        self.vectors = _small_table(n_items, dim)
        self.register_buffer("row", torch.zeros(n_items, dtype=torch.int64))

    def learn_rows(self, train: Responses, rare_below: int) -> None:
        """Give rows of their own to items with at least that many answers."""
        n_answers = torch.bincount(train.item, minlength=train.n_items)
        rows = torch.arange(1, train.n_items + 1)
        is_own = n_answers >= max(rare_below, 1)
        self.row.copy_(torch.where(is_own, rows, SHARED))

    def forward(self, items: Tensor) -> Tensor:
        """Vectors of 0-based item ids, shape (…, D)."""
        return self.vectors(self.row[items])


class SkillVectors(nn.Module):
    """The mean vector of a set of skills.

    Skills that no train user met count for nothing; a set without a known skill is
    the zero vector.
    """

    row: Tensor

    def __init__(self, n_skills: int, dim: int) -> None:
        super().__init__()
        self.vectors = _small_table(n_skills, dim)
        self.register_buffer("row", torch.zeros(n_skills, dtype=torch.int64))

    def learn_rows(self, train: Responses) -> None:
        """Give rows to the skills that were met."""
        n_answers = torch.bincount(train.skills.values, minlength=train.n_skills)
        rows = torch.arange(1, train.n_skills + 1)
        self.row.copy_(torch.where(n_answers > 0, rows, SHARED))

    def forward(self, sets: SkillSets) -> Tensor:
        """Mean vector of each set, shape (S, D)."""
        return functional.embedding_bag(
            self.row[sets.members.values],
            self.vectors.weight,
            sets.members.offsets[:-1],
            mode="mean",
            padding_idx=SHARED,
        )


def _small_table(n_rows: int, dim: int) -> nn.Embedding:
    table = nn.Embedding(n_rows + 1, dim)
    nn.init.normal_(table.weight, std=INITIAL_STD)
    nn.init.zeros_(table.weight[SHARED])
    return table
