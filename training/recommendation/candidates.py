"""Which items compete with a label."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models_py.ragged import Ragged
from training.fit.job import Job
from training.recommendation.marts import RecommendationMarts


@dataclass(frozen=True)
class Candidates:
    """Every item but those that a rule leaves out.

    Args:
        asked: the setting `exclude`; `auto` leaves out the prefix where no label of a
            train pair was ever in its own, else the last item.
        exclude: what is left out: the prefix's `last` item, which can never be the
            label since repeats collapse; the whole `prefix`; or `none`.
    """

    asked: str
    exclude: Literal["last", "prefix", "none"]

    @classmethod
    def of(cls, job: Job[RecommendationMarts]) -> "Candidates":
        """The rule of a job on its data."""
        asked = job.config.exclude
        if asked != "auto":
            return cls(asked, asked)
        return cls(asked, "last" if job.marts.labels_come_back else "prefix")

    def left_out(self, prefixes: Ragged) -> Tensor:
        """Row and item of all that are no candidates after the prefixes, (2, N)."""
        rows = torch.arange(len(prefixes))
        if self.exclude == "prefix":
            rows = torch.repeat_interleave(prefixes.lengths)
            return torch.stack([rows, prefixes.values])
        rows = rows if self.exclude == "last" else rows[:0]
        return torch.stack([rows, prefixes.last()[rows]])

    def n_lost(self, prefixes: Ragged, labels: Tensor) -> int:
        """How many labels are no candidates themselves."""
        row, item = self.left_out(prefixes)
        return len(row[item == labels[row]].unique())
