"""SAKT: self-attention for knowledge tracing.

Pandey, Karypis: A Self-Attentive Model for Knowledge Tracing, EDM 2019. The query is
the item that is asked (with its skills), keys and values are strictly earlier
interactions. What differs from the paper stands in docs/tracing.md.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.config import OptimiserConfig, require
from models_py.fitting import Batches, FitLog, Optimise
from models_py.seeding import seeded
from models_py.tracing import histories
from models_py.tracing.attention import HistoryAttention
from models_py.tracing.columns import (
    NAMES,
    ColumnsAfter,
    Scale,
    columns_of,
    training_columns,
)
from models_py.tracing.data import Probes, Responses
from models_py.tracing.embeddings import ItemVectors, Kept, SkillVectors
from models_py.tracing.history_batch import HistoryBatch
from models_py.tracing.logistic import regressed
from models_py.tracing.platt import Platt
from models_py.tracing.rates import ITEM_WEIGHT, Rates

WINDOW = 200  # responses of a training row, as in the mart `kt_sequences`
N_COLUMNS = 2 * len(NAMES)  # each, and whether it is unknown
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
        n_folds: folds of users for the item and skill rates of the head's columns.
        weight: how many answers of its skills' rate an item starts with.
        seed: seed of the initial weights.
        optimiser: how it is fitted; `batch_size` counts answers.
    """

    dim: int = 64
    n_heads: int = 4
    dropout: float = 0.2
    context: int = 200
    rare_below: int = 20
    n_folds: int = 5
    weight: float = ITEM_WEIGHT
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
        require(self.n_folds >= 2, "n_folds must be 2 or more")
        require(self.weight > 0, "weight must be above 0")


class SAKT(nn.Module):
    """Question embedding → attention over interactions, beside columns → probability.

    The head reads, beside the question and what attention read of the interactions, the
    columns that trees and weights read: counts are hard for a softmax.
    """

    pause: Tensor

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
                nn.Linear(2 * dim + N_COLUMNS, dim),
                nn.GELU(),
                nn.Dropout(config.dropout),
                nn.Linear(dim, 1),
            )
            self.weights = nn.Linear(N_COLUMNS, 1)
        self.easiness = nn.Parameter(torch.zeros(n_items))
        self.dropout = nn.Dropout(config.dropout)
        self.rates = Kept(Rates.unknown(n_items, n_skills))
        self.scale = Kept(Scale.unknown(len(NAMES)))
        self.platt = Platt()
        self.register_buffer("pause", torch.ones((), dtype=torch.int64))

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
        seen = torch.cat([self.dropout(questions), read, batch.columns], dim=2)
        found = self.feed_forward(seen) + self.weights(batch.columns)
        return found.squeeze(2) + self.easiness[batch.asked.item]

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

    def fit(self, train: Responses, val: Responses, optimise: Optimise) -> FitLog:
        """Hand the network to the training loop."""
        config = self.config
        self.items.learn_rows(train, config.rare_below)
        self.skills.learn_rows(train)
        columns = training_columns(
            train, n_folds=config.n_folds, weight=config.weight, seed=config.seed
        )
        scale = Scale.of(columns)
        self.rates.keep(Rates.among(train, config.weight))
        self.pause.fill_(train.usual_pause)
        self.scale.keep(scale)
        inputs = scale(columns)
        weights, bias = regressed(inputs, train.correct, inverse_penalty=1.0)
        with torch.no_grad():  # start from what the columns alone tell
            self.weights.weight.copy_(weights[None])
            self.weights.bias.fill_(bias)
        log = optimise(self, replace(train, history=inputs.float()))
        self.platt.learn(self.predict(val), val.correct)
        return log

    @torch.no_grad()
    def predict(self, responses: Responses) -> Tensor:
        """Probabilities from each answer's last `context` interactions, (N,)."""
        columns = columns_of(responses, self.rates.value)
        responses = replace(responses, history=self.scale.value(columns).float())
        return histories.chances(self, responses, self.config.context)

    @torch.no_grad()
    def predict_after(
        self, responses: Responses, row: Tensor, item: Tensor, skill_set: Tensor
    ) -> Tensor:
        """Probability of a right answer to items asked next, after a usual pause.

        A pause like no other would be as odd to the columns as nothing they were
        fitted on.

        Args:
            responses: of whole users.
            row: the answers, ascending, shape (M,).
            item, skill_set: what is asked after each, shape (M,).
        Returns:
            Shape (M,).
        """
        self.eval()
        at = responses.at[row] + int(self.pause)
        probes = Probes(row, at, item, skill_set)
        columns = ColumnsAfter(responses, self.rates.value).of(probes)
        device = self.easiness.device
        found = torch.empty(len(row))
        for rows, batch in histories.probe_batches(
            responses, probes, self.scale.value(columns).float(), self.config.context
        ):
            odds = self.platt(self.logits(batch.to(device))).cpu()
            found[rows] = odds[batch.asked.is_real].sigmoid()
        return found
