"""What a network sees at once: questions beside the interactions before them."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from models_py.fitting import TrainingBatch
from models_py.tracing.data import SkillSets


@dataclass(frozen=True)
class Asked:
    """What is asked, when, and after how many interactions of the same user.

    Args:
        item: 0-based item ids, shape (B, Q).
        skill_set: row of the skill sets, shape (B, Q).
        at: epoch seconds; only interactions strictly before count, shape (B, Q).
        position: only interactions of a smaller position count, shape (B, Q).
        is_real: False where a row is padded, shape (B, Q).
    """

    item: Tensor
    skill_set: Tensor
    at: Tensor
    position: Tensor
    is_real: Tensor


@dataclass(frozen=True)
class Interactions(Asked):
    """What happened: an `Asked` with its answer.

    Args:
        correct: 0 or 1, float32, shape (B, K).
        behaviour: help and log seconds, 0 where unknown, shape (B, K, 2).
    """

    correct: Tensor
    behaviour: Tensor


@dataclass(frozen=True)
class HistoryBatch(TrainingBatch):
    """Questions beside the interactions they may look at.

    Args:
        asked: shape (B, Q).
        past: shape (B, K).
        sets: the skill sets that both point at.
        overlap: whether two sets share a skill, shape (S, S).
        columns: `Responses.history` of what is asked, shape (B, Q, F).
        targets: answers of the real questions, row by row, float32, shape (T,).
    """

    asked: Asked
    past: Interactions
    sets: SkillSets
    overlap: Tensor
    columns: Tensor
    targets: Tensor

    @property
    def n_targets(self) -> int:
        """How many predictions the mean loss is taken over."""
        return len(self.targets)

    def to(self, device: torch.device) -> "HistoryBatch":
        """The same batch on another device."""
        if device.type == "cpu":
            return self
        return HistoryBatch(
            _moved(self.asked, device),
            _moved(self.past, device),
            replace(self.sets, members=_moved(self.sets.members, device)),
            self.overlap.to(device),
            self.columns.to(device),
            self.targets.to(device),
        )

    def visible(self, context: int) -> Tensor:
        """Whether a question may look at an interaction, shape (B, Q, K).

        Strictly earlier both in order and in time, so that neither the answer
        itself nor one of the same second counts; and among the last `context`.
        """
        back = self.asked.position[:, :, None] - self.past.position[:, None, :]
        near = (back > 0) & (back <= context)
        return near & (self._seconds > 0) & self.past.is_real[:, None, :]

    def common(self, context: int) -> Tensor:
        """What each question and interaction have in common.

        Returns:
            Shape (B, 5, Q, K + 1): whether they share a skill; whether they are the
            same item; log of 1 + minutes between them; whether the interaction is
            hidden from the question; and whether it is the last column, which
            stands for no interaction at all.
        """
        n_rows, n_asked = self.asked.item.shape
        n_past = self.past.item.shape[1]
        found = torch.zeros(
            n_rows, 5, n_asked, n_past + 1, device=self.past.item.device
        )
        pair = self.asked.skill_set[:, :, None] * len(self.overlap)
        pair = pair + self.past.skill_set[:, None, :]
        found[:, 0, :, :-1] = self.overlap.view(-1)[pair]
        found[:, 1, :, :-1] = self.asked.item[:, :, None] == self.past.item[:, None, :]
        found[:, 2, :, :-1] = (self._seconds.clamp(min=0) / 60).log1p()
        found[:, 3, :, :-1] = ~self.visible(context)
        found[:, 4, :, -1] = 1.0
        return found

    @cached_property
    def _seconds(self) -> Tensor:
        """Seconds from each interaction to each question, (B, Q, K)."""
        return self.asked.at[:, :, None] - self.past.at[:, None, :]


def _moved(value, device: torch.device):
    """A dataclass of tensors on another device."""
    return replace(
        value,
        **{
            field.name: getattr(value, field.name).to(device) for field in fields(value)
        },
    )
