"""Vectors of items and of sets of skills, shared by question and interaction."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.tracing.data import Responses, SkillSets
from models_py.tracing.histories import Asked

SHARED = 0  # row of what is rare or unknown; all others are shifted up by one
INITIAL_STD = 0.1


class Embeddings(nn.Module):
    """An item's own vector plus the mean of its skills' vectors.

    Items with few training answers, and items never seen, share one vector: what is
    learned of a rare item is mostly noise. Skills never seen count for nothing.
    """

    def __init__(self, n_items: int, n_skills: int, dim: int) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items + 1, dim)
        self.skills = nn.Embedding(n_skills + 1, dim)
        for table in (self.items, self.skills):
            nn.init.normal_(table.weight, std=INITIAL_STD)
            nn.init.zeros_(table.weight[SHARED])
        self.register_buffer("item_row", torch.zeros(n_items, dtype=torch.int64))
        self.register_buffer("skill_row", torch.zeros(n_skills, dtype=torch.int64))

    def learn_rows(self, train: Responses, rare_below: int) -> None:
        """Give rows of their own to items and skills that are answered often enough."""
        n_answers = torch.bincount(train.item, minlength=train.n_items)
        is_own = n_answers >= max(rare_below, 1)
        rows = torch.arange(1, train.n_items + 1)
        self.item_row.copy_(torch.where(is_own, rows, SHARED))
        n_answers = torch.bincount(train.skills.values, minlength=train.n_skills)
        rows = torch.arange(1, train.n_skills + 1)
        self.skill_row.copy_(torch.where(n_answers > 0, rows, SHARED))

    def forward(self, asked: Asked, sets: SkillSets) -> Tensor:
        """Shape (B, Q, D)."""
        return (
            self.items(self.item_row[asked.item]) + self.of_sets(sets)[asked.skill_set]
        )

    def of_sets(self, sets: SkillSets) -> Tensor:
        """Mean vector of each set's known skills, 0 without any, shape (S, D)."""
        return functional.embedding_bag(
            self.skill_row[sets.members.values],
            self.skills.weight,
            sets.members.offsets[:-1],
            mode="mean",
            padding_idx=SHARED,
        )
