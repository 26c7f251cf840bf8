"""Wide & Deep item response theory.

Wide: each item has a difficulty, a discrimination and a guessing rate of its own, and
answers follow the three-parameter logistic model. Deep: a network over the recent
event history gives the ability it is asked of. The split is that of Cheng et al.:
Wide & Deep Learning for Recommender Systems, 2016; a network that feeds an item
response model is after Yeung: Deep-IRT, EDM 2019.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig, require
from models_py.fitting import Batches, FitLog, Optimise
from models_py.seeding import seeded
from models_py.tracing import histories, irt
from models_py.tracing.attention import HistoryAttention
from models_py.tracing.data import Responses
from models_py.tracing.drift import Drift, find_drift
from models_py.tracing.embeddings import SkillVectors
from models_py.tracing.history_batch import HistoryBatch, Interactions
from models_py.tracing.irt import Abilities, ItemEstimates, ItemPrior
from models_py.tracing.rates import ITEM_WEIGHT, Rates

WINDOW = 200  # responses of a training row, as in the mart `kt_sequences`
EVENT_WIDTH = 5  # right or wrong, less expectation, expectation, help, log seconds
LOWEST_LOG_SPREAD = -2.5
HIGHEST_LOG_SPREAD = 0.5


@dataclass(frozen=True)
class WideDeepIRTConfig:
    """Settings of `WideDeepIRT`.

    Args:
        dim: width of the deep part.
        n_heads: attention heads over the history, a divisor of `dim`.
        dropout: share of entries silenced in training.
        context: how many of the last events the history holds.
        n_periods: periods, equal in answers, that difficulty is compared over.
        min_period_responses: fewest answers that a period of an item counts with.
        false_discovery_rate: of the items flagged as drifting.
        seed: seed of the initial weights.
        optimiser: how it is fitted; `batch_size` counts answers.
    """

    dim: int = 32
    n_heads: int = 4
    dropout: float = 0.1
    context: int = 200
    n_periods: int = 4
    min_period_responses: int = 10
    false_discovery_rate: float = 0.05
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=5e-3, weight_decay=0.01, batch_size=2048, patience=4
        )
    )

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim must be 1 or more")
        require(self.n_heads >= 1, "n_heads must be 1 or more")
        require(self.dim % self.n_heads == 0, "n_heads must divide dim")
        require(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        require(self.context >= 1, "context must be 1 or more")
        require(self.n_periods >= 2, "n_periods must be 2 or more")
        require(self.min_period_responses >= 1, "min_period_responses must be >= 1")
        require(
            0 < self.false_discovery_rate < 1, "false_discovery_rate must be in (0, 1)"
        )


class WideDeepIRT(nn.Module):
    """Ability from the history, difficulty and slope from the item.

    Identified by the ability of a user nothing is known of: it is N(0, 1) by
    construction, since the deep part gives mean 0 and spread 1 to an empty history.
    Difficulties are on that scale: b = 1 is an item for which a user one standard
    deviation above the newcomers' mean is halfway between guessing and certainty.
    """

    item_values: Tensor
    item_errors: Tensor
    n_responses: Tensor
    skill_difficulty: Tensor

    def __init__(self, n_items: int, n_skills: int, config: WideDeepIRTConfig) -> None:
        super().__init__()
        self.config, self.prior = config, ItemPrior()
        dim = config.dim
        with seeded(config.seed):
            self.skills = SkillVectors(n_skills, dim)
            self.event = nn.Sequential(
                nn.Linear(dim + EVENT_WIDTH, dim), nn.GELU(), nn.Dropout(config.dropout)
            )
            self.attention = HistoryAttention(dim, config.n_heads, config.dropout)
            # no bias on the way: an empty history must read as mean 0, spread 1
            self.ability = nn.Sequential(
                nn.Linear(dim, dim, bias=False),
                nn.GELU(),
                nn.Linear(dim, 2, bias=False),
            )
        # differences to the prior's mean, so that weight decay pulls towards it
        self.difficulty = nn.Parameter(torch.zeros(n_items))
        self.log_slope = nn.Parameter(torch.zeros(n_items))
        self.logit_guessing = nn.Parameter(torch.zeros(n_items))
        self.register_buffer("item_values", self.prior.mean.repeat(n_items, 1))
        spread = self.prior.precision.rsqrt()
        self.register_buffer("item_errors", spread.repeat(n_items, 1))
        self.register_buffer(
            "skill_difficulty", torch.zeros(n_skills, dtype=torch.float64)
        )
        self.register_buffer("n_responses", torch.zeros(n_items, dtype=torch.int64))

    @property
    def n_parameters(self) -> int:
        """All weights."""
        return sum(parameter.numel() for parameter in self.parameters())

    def estimate(self, batch: HistoryBatch) -> tuple[Tensor, Tensor]:
        """Mean and spread of the ability each question meets, (B, Q) each."""
        skills = self.skills(batch.sets)  # (S, D)
        past = torch.cat(
            [skills[batch.past.skill_set], self._events(batch.past)], dim=2
        )
        questions = skills[batch.asked.skill_set]
        read = self.attention(questions, self.event(past), batch, self.config.context)
        mean, log_spread = self.ability(read).unbind(2)
        return mean, log_spread.clamp(LOWEST_LOG_SPREAD, HIGHEST_LOG_SPREAD).exp()

    def batches(
        self, train: Responses, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[HistoryBatch]:
        """Windows of the mart's length, about as many answers a batch as set."""
        windows = histories.cut(train, WINDOW, context=0)
        n_targets = settings.targets_per_step(len(train))
        return histories.epoch_batches(windows, n_targets, generator)

    def loss(self, batch: HistoryBatch) -> Tensor:
        """Mean cross-entropy of the answers, a scalar."""
        real = batch.asked.is_real
        mean, spread = self.estimate(batch)
        item = batch.asked.item[real]
        chance = irt.right_chance(mean[real], spread[real], *self._working(item))
        safe = chance.clamp(irt.SMALLEST_CHANCE, 1 - irt.SMALLEST_CHANCE)
        given = torch.where(batch.targets > 0.5, safe, 1 - safe)
        return -given.log().mean()

    def fit(self, train: Responses, val: Responses, optimise: Optimise) -> FitLog:
        """Train item parameters and network together, then calibrate the items."""
        self.skills.learn_rows(train)
        with torch.no_grad():  # start from how hard each item and its skills look
            rates = Rates.among(train, ITEM_WEIGHT).of_items(train)
            self.difficulty.copy_(-rates.logit().float())
        log = optimise(self, train.without_history())
        found, of_skills = irt.calibrate_within_skills(
            train, self.abilities(train), self.prior
        )
        self.skill_difficulty.copy_(of_skills)
        self.item_values.copy_(found.values)
        self.item_errors.copy_(found.errors)
        self.n_responses.copy_(found.n_responses)
        return log

    @torch.no_grad()
    def abilities(self, responses: Responses) -> Abilities:
        """Ability before each answer, from its user's last `context` events."""
        self.eval()
        responses = responses.without_history()
        mean, spread = torch.empty(len(responses)), torch.empty(len(responses))
        for rows, batch in histories.scoring_batches(responses, self.config.context):
            real = batch.asked.is_real
            found = (x.cpu()[real] for x in self.estimate(batch.to(self._device)))
            mean[rows], spread[rows] = found
        return Abilities(mean, spread)

    @torch.no_grad()
    def predict(self, responses: Responses) -> Tensor:
        """Chance of a right answer, shape (N,)."""
        ability = self.abilities(responses)
        if self.is_calibrated:
            items = self._calibrated(responses)
        else:  # still training: validation asks for what the weights say
            items = tuple(
                x.cpu() for x in self._working(responses.item.to(self._device))
            )
        return irt.right_chance(ability.mean, ability.spread, *items).float()

    def _calibrated(self, responses: Responses) -> tuple[Tensor, ...]:
        """Parameters of what is asked; an item never met is as hard as its skills."""
        found = self.item_values.cpu()[responses.item]
        of_sets = responses.skill_sets.mean(self.skill_difficulty.cpu(), 0.0)
        is_new = self.n_responses.cpu()[responses.item] == 0
        found[is_new, 0] = of_sets[responses.skill_set[is_new]]
        return found.unbind(1)

    @property
    def is_calibrated(self) -> bool:
        """Whether the items were fitted to the final abilities."""
        return bool(self.n_responses.any())

    @property
    def items(self) -> ItemEstimates:
        """The calibrated item parameters."""
        return ItemEstimates(
            self.item_values.cpu(), self.item_errors.cpu(), self.n_responses.cpu()
        )

    def drift(self, train: Responses) -> tuple[Drift, Tensor]:
        """Items whose difficulty changes over the given answers' time.

        Returns:
            The drift, and the first second of each period, shape (n_periods,).
        """
        config = self.config
        shares = torch.arange(config.n_periods) / config.n_periods
        order = train.at.sort().values
        begins = order[(shares * len(order)).long()].unique()
        period = torch.searchsorted(begins, train.at, right=True) - 1
        found = find_drift(
            train.item,
            train.correct,
            period,
            self.abilities(train),
            self.items,
            min_responses=config.min_period_responses,
            false_discovery_rate=config.false_discovery_rate,
        )
        return found, begins

    @property
    def _device(self) -> torch.device:
        return self.difficulty.device

    def _working(self, item: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Difficulty, log a and logit c while training; shape of `item` each."""
        centre = self.prior.mean.float().to(item.device)
        return (
            centre[0] + self.difficulty[item],
            centre[1] + self.log_slope[item],
            centre[2] + self.logit_guessing[item],
        )

    def _events(self, past: Interactions) -> Tensor:
        """What happened, and how surprising it was, shape (B, K, 5)."""
        device = past.correct.device
        newcomer = torch.zeros((), device=device), torch.ones((), device=device)
        expected = irt.right_chance(*newcomer, *self._working(past.item))
        found = torch.stack(
            [past.correct - 0.5, past.correct - expected, expected], dim=2
        )
        return torch.cat([found, past.behaviour], dim=2)
