"""A causal transformer over the events of a session, with heads for both arms.

One encoder, a propensity head and an outcome head an arm, as TARNet and Dragonnet
have them (Shalit, Johansson, Sontag, ICML 2017; Shi, Blei, Veitch, *Adapting neural
networks for the estimation of treatment effects*, NeurIPS 2019). There is no targeted
regularisation: the estimator downstream corrects the nuisances instead.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.causal.protocol import EDGE, OptimiseNuisances
from models_py.causal.trials import FIRST_PRODUCT, UNKNOWN_ITEM, Trials
from models_py.causal.windows import Windows, grouped, windows_of
from models_py.config import OptimiserConfig, require
from models_py.fitting import Batches, FitLog, TrainingBatch
from models_py.ragged import PAD, pad_aligned
from models_py.recommendation.sasrec import Block
from models_py.seeding import seeded

N_EVENTS = 4  # auction, impression, click, purchase
N_TIMES = 4  # numbers that say when an event was
EVENT_STD, ITEM_STD = 0.3, 0.02  # of initial embeddings: most products are rare
SLOPE = 2.0  # of the head that forgets fastest
SCORED_WINDOWS = 256  # windows of alike length read together
LONGEST_HISTORY = 500  # events that a trial keeps
DAY = 86_400.0


@dataclass(frozen=True)
class CausalTransformerConfig:
    """Settings of `CausalTransformer`.

    Args:
        dim: width of embeddings and states.
        n_heads: attention heads, a divisor of `dim`.
        n_blocks: attention blocks.
        dropout: share of entries silenced in training.
        item_dropout: share of products that a training step replaces by the unknown
            one: products of new users have no embedding of their own, and without
            this the unknown one's would never be learned.
        max_length: a trial reads at most this many last events, and at least half as
            many; even.
        seed: seed of the initial weights.
        optimiser: how it is fitted; `batch_size` counts trials.
    """

    dim: int = 32
    n_heads: int = 4
    n_blocks: int = 2
    dropout: float = 0.1
    item_dropout: float = 0.3
    max_length: int = 64
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=1e-3, weight_decay=0.1, batch_size=256, epochs=20, patience=3
        )
    )

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim must be 1 or more")
        require(self.n_heads >= 1, "n_heads must be 1 or more")
        require(self.dim % self.n_heads == 0, "n_heads must divide dim")
        require(self.n_blocks >= 1, "n_blocks must be 1 or more")
        require(0 <= self.dropout < 1, "dropout must be in [0, 1)")
        require(0 <= self.item_dropout < 1, "item_dropout must be in [0, 1)")
        require(
            2 <= self.max_length <= LONGEST_HISTORY and self.max_length % 2 == 0,
            f"max_length must be even and in [2, {LONGEST_HISTORY}]",
        )


@dataclass(frozen=True)
class WindowBatch(TrainingBatch):
    """Windows with the places of their trials.

    Args:
        events: event ids shifted up by one, `PAD` behind the end, shape (B, L).
        items: item ids, `PAD` behind the end, shape (B, L).
        times: shape (B, L, N_TIMES).
        window: row of each trial, shape (T,).
        place: its place in the row, shape (T,).
        treatment: shape (T,).
        outcome: shape (T,).
    """

    events: Tensor
    items: Tensor
    times: Tensor
    window: Tensor
    place: Tensor
    treatment: Tensor
    outcome: Tensor

    @property
    def n_targets(self) -> int:
        """Trials of the batch."""
        return len(self.window)

    def to(self, device: torch.device) -> "WindowBatch":
        """The same batch on another device."""
        return WindowBatch(**{k: v.to(device) for k, v in self.__dict__.items()})


def lay_out(
    trials: Trials, windows: Windows, rows: Tensor, asked: Tensor
) -> WindowBatch:
    """The chosen windows with the chosen trials in them."""
    entries, lengths = windows.events.positions(rows)
    width = int(lengths.max())
    row_of = torch.zeros(len(windows), dtype=torch.int64)
    row_of[rows] = torch.arange(len(rows))
    seconds = pad_aligned(windows.seconds[entries], lengths, width)
    return WindowBatch(
        events=pad_aligned(windows.events.values[entries] + 1, lengths, width),
        items=pad_aligned(windows.items[entries], lengths, width),
        times=times_of(seconds),
        window=row_of[windows.window[asked]],
        place=windows.place[asked],
        treatment=trials.treatment[asked].float(),
        outcome=trials.outcome[asked].float(),
    )


class RecencyBlock(Block):
    """A block whose heads forget at different speeds instead of counting positions.

    Each step back costs a head's attention logit its slope: 2, 1/2, 1/8, … (Press,
    Smith, Lewis, *Train short, test long: attention with linear biases*, ICLR 2022).
    What came just before then need not be learned anew for every position.
    """

    def attend(self, x: Tensor) -> Tensor:
        """Each event reads itself and what lies before it, shape (B, L, D)."""
        projected = self.query_key_value(x).unflatten(2, (3, self.n_heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # (B, heads, L, D/heads)
        step = torch.arange(x.shape[1], device=x.device)
        back = step[:, None] - step  # (L, L)
        slopes = SLOPE * 4.0 ** -torch.arange(self.n_heads, device=x.device)
        bias = (-slopes[:, None, None] * back).masked_fill(back < 0, -torch.inf)
        read = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.to(query.dtype)
        )
        return self.mix_heads(read.transpose(1, 2).flatten(2))


class CausalTransformer(nn.Module):
    """Event, item and time embeddings → attention → three probabilities a trial.

    Attention looks back only, so one reading of a session answers for every trial in
    it: the state at the index impression has seen its history and nothing else.
    """

    def __init__(self, n_items: int, config: CausalTransformerConfig) -> None:
        super().__init__()
        self.config = config
        with seeded(config.seed):
            self.event = nn.Embedding(N_EVENTS + 1, config.dim, padding_idx=PAD)
            self.item = nn.Embedding(n_items, config.dim, padding_idx=PAD)
            self.time = nn.Linear(N_TIMES, config.dim)
            self.blocks = nn.Sequential(
                *(
                    RecencyBlock(
                        config.dim, config.n_heads, config.dropout, config.max_length
                    )
                    for _ in range(config.n_blocks)
                )
            )
            self.norm = nn.LayerNorm(config.dim)
            self.heads = nn.Linear(config.dim, 3)
            nn.init.normal_(self.event.weight, std=EVENT_STD)
            nn.init.normal_(self.item.weight, std=ITEM_STD)
        with torch.no_grad():
            self.event.weight[PAD] = 0.0
            self.item.weight[PAD] = 0.0
        self.dropout = nn.Dropout(config.dropout)

    @property
    def n_parameters(self) -> int:
        """All weights."""
        return sum(parameter.numel() for parameter in self.parameters())

    def logits(self, batch: WindowBatch) -> Tensor:
        """Logits of treatment and of the outcome without and with it, (T, 3)."""
        items = self._with_unknown(batch.items)
        x = self.event(batch.events) + self.item(items) + self.time(batch.times)
        states = self.norm(self.blocks(self.dropout(x)))  # (B, L, D)
        heads = self.heads(states[batch.window, batch.place])  # (T, 3)
        # few are treated: their outcome head learns what it adds to the other's
        control = heads[:, 1]
        return torch.stack([heads[:, 0], control, control + heads[:, 2]], 1)

    def _with_unknown(self, items: Tensor) -> Tensor:
        if not self.training:
            return items
        chance = torch.rand_like(items, dtype=torch.float32)
        is_hidden = chance < self.config.item_dropout
        return torch.where(is_hidden & (items >= FIRST_PRODUCT), UNKNOWN_ITEM, items)

    def batches(
        self, train: Trials, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[WindowBatch]:
        """Sessions, about as many trials a batch as the settings say."""
        windows = windows_of(train, self.config.max_length)
        n_trials = settings.targets_per_step(len(train))

        def laid_out(rows: Tensor) -> WindowBatch:
            return lay_out(train, windows, rows, windows.trials.take(rows).values)

        return Batches(grouped(windows, n_trials, generator), laid_out)

    def loss(self, batch: WindowBatch) -> Tensor:
        """Log loss of the treatment plus that of the outcome in the arm seen."""
        treatment, control, treated = self.logits(batch).unbind(1)
        seen = torch.where(batch.treatment == 1, treated, control)
        log_loss = functional.binary_cross_entropy_with_logits
        return log_loss(treatment, batch.treatment) + log_loss(seen, batch.outcome)

    def fit(self, train: Trials, optimise: OptimiseNuisances) -> FitLog:
        """Start at the mean rates and hand the network to the training loop."""
        is_treated = train.treatment == 1
        rates = torch.stack(
            [
                train.treatment.mean(),
                train.outcome[~is_treated].mean(),
                train.outcome[is_treated].mean(),
            ]
        )
        # an arm of which the held-out users have all starts where everyone does
        rates = torch.where(rates.isnan(), train.outcome.mean(), rates)
        rates = rates.clamp(0.001, 0.999)
        share, control, treated = rates.logit().tolist()
        with torch.no_grad():
            self.heads.weight.mul_(0.1)
            self.heads.bias.copy_(torch.tensor([share, control, treated - control]))
        return optimise(self, train)

    @torch.no_grad()
    def predict(self, trials: Trials) -> Tensor:
        """Probabilities of treatment and outcomes, float64 on the CPU, (R, 3)."""
        self.eval()
        found = torch.empty(len(trials), 3, dtype=torch.float64)
        if len(trials) == 0:
            return found
        windows = windows_of(trials, self.config.max_length)
        device = self.heads.weight.device
        by_length = windows.events.lengths.argsort(stable=True)
        chunk = torch.empty(len(windows), dtype=torch.int64)
        chunk[by_length] = torch.arange(len(windows)) // SCORED_WINDOWS
        for number, rows in enumerate(by_length.split(SCORED_WINDOWS)):
            asked = (chunk[windows.window] == number).nonzero().squeeze(1)
            batch = lay_out(trials, windows, rows, asked)
            logits = self.logits(batch.to(device))
            found[asked] = logits.double().sigmoid().cpu()
        return found.clamp(EDGE, 1 - EDGE)

    def log_loss(self, trials: Trials) -> float:
        """The training loss on other trials, without dropout."""
        return log_loss(self.predict(trials), trials)


def log_loss(probabilities: Tensor, trials: Trials) -> float:
    """Mean log loss of the treatment plus that of the outcome in the arm seen.

    Args:
        probabilities: as `predict` gives them, shape (R, 3).
    """
    treatment, control, treated = probabilities.unbind(1)
    seen = torch.where(trials.treatment == 1, treated, control)
    loss = functional.binary_cross_entropy
    total = loss(treatment, trials.treatment) + loss(seen, trials.outcome)
    return float(total)


def times_of(seconds: Tensor) -> Tensor:
    """When events were: gap and age on logarithmic scales, and the hour's circle.

    Args:
        seconds: epoch seconds, rising along a row, 0 behind its end, shape (B, L).
    Returns:
        log(1 + minutes since the event before and since the window's first), sine and
        cosine of the time of day, zero behind the end, float32, shape (B, L, 4).
    """
    before = functional.pad(seconds, (1, 0), value=0.0)[:, :-1]
    before[:, 0] = seconds[:, 0]
    angle = seconds / DAY * 2 * torch.pi
    columns = (
        ((seconds - before).clamp(min=0) / 60).log1p(),
        ((seconds - seconds[:, :1]).clamp(min=0) / 60).log1p(),
        angle.sin(),
        angle.cos(),
    )
    is_event = (seconds > 0)[..., None]
    return torch.stack(columns, 2).mul(is_event).float()  # (B, L, 4)
