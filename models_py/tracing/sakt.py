"""SAKT: self-attention for knowledge tracing.

Pandey, Karypis: A Self-Attentive Model for Knowledge Tracing, EDM 2019. The query is
the item that is asked (with its skills), keys and values are strictly earlier
interactions. What differs from the paper stands in docs/tracing.md.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.config import OptimiserConfig, require
from models_py.fitting import Batches, FitLog, Optimise
from models_py.seeding import seeded
from models_py.tracing import histories
from models_py.tracing.attention import HistoryAttention
from models_py.tracing.data import Responses
from models_py.tracing.embeddings import ItemVectors, SkillVectors
from models_py.tracing.histories import HistoryBatch, Probes
from models_py.tracing.rates import Rates

WINDOW = 200  # responses of a training row, as in the mart `kt_sequences`
RATE_WEIGHT = 10.0  # answers of the mean rate that an item's easiness starts with
ANSWER_WIDTH = 3  # right or wrong, help, log seconds


@dataclass(frozen=True)
class SAKTConfig:
    """Settings of `SAKT`.

    Args:
        dim: width of embeddings and states.
        n_heads: attention heads, a divisor of `dim`.
        dropout: share of entries silenced in training.
        context: how many of the last interactions a question may look at.
        rare_below: items with fewer train answers share one embedding.
        seed: seed of the initial weights.
        optimiser: how it is fitted; `batch_size` counts answers.
    """

    dim: int = 64
    n_heads: int = 4
    dropout: float = 0.2
    context: int = 200
    rare_below: int = 20
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=2e-3, weight_decay=0.1, batch_size=2048, patience=5
        )
    )

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim must be 1 or more")
        require(self.n_heads >= 1, "n_heads must be 1 or more")
        require(self.dim % self.n_heads == 0, "n_heads must divide dim")
        require(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        require(self.context >= 1, "context must be 1 or more")
        require(self.rare_below >= 0, "rare_below must be 0 or more")


class SAKT(nn.Module):
    """Question embedding → attention over interactions → probability."""

    def __init__(self, n_items: int, n_skills: int, config: SAKTConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        with seeded(config.seed):
            self.items = ItemVectors(n_items, dim)
            self.skills = SkillVectors(n_skills, dim)
            self.interaction = nn.Sequential(
                nn.Linear(dim + ANSWER_WIDTH, dim),
                nn.GELU(),
                nn.Dropout(config.dropout),
            )
            self.attention = HistoryAttention(dim, config.n_heads, config.dropout)
            self.feed_forward = nn.Sequential(
                nn.Linear(2 * dim, dim),
                nn.GELU(),
                nn.Dropout(config.dropout),
                nn.Linear(dim, 1),
            )
        self.easiness = nn.Parameter(torch.zeros(n_items))
        self.dropout = nn.Dropout(config.dropout)

    @property
    def n_parameters(self) -> int:
        """All weights."""
        return sum(parameter.numel() for parameter in self.parameters())

    def logits(self, batch: HistoryBatch) -> Tensor:
        """Log odds of a correct answer, shape (B, Q)."""
        skills = self.skills(batch.sets)  # (S, D)
        questions = self.items(batch.asked.item) + skills[batch.asked.skill_set]
        past = self.items(batch.past.item) + skills[batch.past.skill_set]
        answers = torch.cat(
            [2 * batch.past.correct[..., None] - 1, batch.past.behaviour], dim=2
        )
        past = self.interaction(torch.cat([self.dropout(past), answers], dim=2))
        read = self.attention(questions, past, batch, self.config.context)
        seen = torch.cat([self.dropout(questions), read], dim=2)
        easiness = self.easiness[batch.asked.item]
        return self.feed_forward(seen).squeeze(2) + easiness

    def batches(
        self, train: Responses, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[HistoryBatch]:
        """Windows of the mart's length, about as many answers a batch as set."""
        windows = histories.cut(train, WINDOW, context=0)
        n_targets = settings.targets_per_step(len(train))
        return histories.epoch_batches(windows, n_targets, generator)

    def loss(self, batch: HistoryBatch) -> Tensor:
        """Mean cross-entropy of the answers, a scalar."""
        logits = self.logits(batch)[batch.asked.is_real]
        return functional.binary_cross_entropy_with_logits(logits, batch.targets)

    def fit(self, train: Responses, optimise: Optimise) -> FitLog:
        """Hand the network to the training loop."""
        self.items.learn_rows(train, self.config.rare_below)
        self.skills.learn_rows(train)
        with torch.no_grad():  # start from how easy each item looks
            rates = Rates.among(train, RATE_WEIGHT)
            self.easiness.copy_(rates.item.logit())
        return optimise(self, train)

    @torch.no_grad()
    def predict(self, responses: Responses) -> Tensor:
        """Probabilities from each answer's last `context` interactions, (N,)."""
        self.eval()
        found = torch.empty(len(responses))
        for rows, batch in histories.scoring_batches(responses, self.config.context):
            device = self.easiness.device
            logits = self.logits(batch.to(device))[batch.asked.is_real.to(device)]
            found[rows] = logits.sigmoid().cpu()
        return found

    @torch.no_grad()
    def predict_after(self, responses: Responses, probes: Probes) -> Tensor:
        """Probability of a right answer to each probe, shape (M,)."""
        self.eval()
        device = self.easiness.device
        found = torch.empty(len(probes.after))
        for rows, batch in histories.probe_batches(
            responses, probes, self.config.context
        ):
            logits = self.logits(batch.to(device)).cpu()[batch.asked.is_real]
            found[rows] = logits.sigmoid()
        return found
