"""Deep knowledge tracing: a recurrent network over skills and answers.

Piech et al.: Deep Knowledge Tracing, NeurIPS 2015: an LSTM reads which skill was asked
for and whether the answer was right; its state gives the chance of a right answer on
every skill. The yardstick of the field. It knows no items; where a log has no skills,
its items stand in for them.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.config import OptimiserConfig, require
from models_py.fitting import Batches, FitLog, Optimise
from models_py.seeding import seeded
from models_py.tracing import histories
from models_py.tracing.data import Responses
from models_py.tracing.embeddings import ItemVectors, SkillVectors
from models_py.tracing.history_batch import Asked, HistoryBatch
from models_py.tracing.platt import Platt

WINDOW = 200  # responses of a training row, as in the mart `kt_sequences`


@dataclass(frozen=True)
class DKTConfig:
    """Settings of `DKT`.

    Args:
        dim: width of skills and of the state.
        dropout: share of the state's entries silenced in training.
        context: how many of the last interactions the state was read from.
        seed: seed of the initial weights.
        optimiser: how it is fitted; `batch_size` counts answers.
    """

    dim: int = 64
    dropout: float = 0.2
    context: int = 200
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=5e-3, weight_decay=0.01, batch_size=2048, patience=4
        )
    )

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim must be 1 or more")
        require(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        require(self.context >= 1, "context must be 1 or more")


class DKT(nn.Module):
    """Skill and answer → LSTM → state → probability of each skill."""

    def __init__(self, n_items: int, n_skills: int, config: DKTConfig) -> None:
        super().__init__()
        self.config = config
        self.knows_items = n_skills == 0
        with seeded(config.seed):
            self.skills = SkillVectors(n_skills, config.dim)
            self.items = ItemVectors(n_items if self.knows_items else 0, config.dim)
            self.lstm = nn.LSTM(2 * config.dim, config.dim, batch_first=True)
            self.output = nn.Linear(2 * config.dim, config.dim)
            self.chance = nn.Linear(config.dim, 1)
        self.dropout = nn.Dropout(config.dropout)
        self.platt = Platt()

    @property
    def n_parameters(self) -> int:
        """All weights."""
        return sum(parameter.numel() for parameter in self.parameters())

    def logits(self, batch: HistoryBatch) -> Tensor:
        """Log odds of a correct answer, shape (B, Q)."""
        skills = self.skills(batch.sets)  # (S, D)
        past = self._concepts(skills, batch.past)  # (B, K, D)
        right = batch.past.correct[..., None]
        states, _ = self.lstm(torch.cat([past * right, past * (1 - right)], dim=2))
        # a row of zeros in front: the state before any answer
        states = functional.pad(self.dropout(states), (0, 0, 1, 0))  # (B, K + 1, D)
        n_before = batch.visible(WINDOW + self.config.context).sum(2)  # (B, Q)
        # visible interactions are the first ones of a row: rows are in order of time
        read = states.gather(1, n_before[..., None].expand(-1, -1, states.shape[2]))
        asked = self._concepts(skills, batch.asked)
        seen = torch.cat([read, asked], dim=2)
        return self.chance(functional.gelu(self.output(seen))).squeeze(2)

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
        self.skills.learn_rows(train)
        if self.knows_items:
            self.items.learn_rows(train, rare_below=1)
        log = optimise(self, train.without_history())
        self.platt.learn(self.predict(val), val.correct)
        return log

    @torch.no_grad()
    def predict(self, responses: Responses) -> Tensor:
        """Probabilities from each answer's last interactions, (N,)."""
        responses = responses.without_history()
        return histories.chances(self, responses, self.config.context)

    def _concepts(self, skills: Tensor, asked: Asked) -> Tensor:
        """Vectors of what is asked for, shape (B, Q, D)."""
        return self.items(asked.item) if self.knows_items else skills[asked.skill_set]
