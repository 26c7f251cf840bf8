"""A network that all learners share, and a few numbers that each has for itself.

Zintgraf, Shiarlis, Kurin, Hofmann, Whiteson: Fast Context Adaptation via Meta-Learning
(CAVIA), ICML 2019. A learner's context vector c starts at 0 and goes a few steps down
the loss of the support; network, directions and rates are learned through those steps.
Here the context shifts the states that are scored, along learned directions U:

    logits(h) = W (h + c U) + b

So the states are computed once, a step needs no pass through the network, and nobody
carries weights of their own. The support's loss is taken at every position of its
sequences, not at the K labels alone: what lies in a support pair's prefix is known of
the learner too. Each step has a rate of its own for each number of the context (as
MAML++ has: Antoniou, Edwards, Storkey: How to Train Your MAML, ICLR 2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig, require, require_share
from models_py.data import Queries
from models_py.fitting import Batches, Diverged, FitLog, Optimise, TrainingBatch
from models_py.meta.blocks import Blocks, block_batches
from models_py.meta.protocol import AdaptableNetwork
from models_py.meta.tasks import SharedRows, Tasks, TrainTasks, shared_rows
from models_py.ragged import Ragged, pad_aligned
from models_py.recommendation.repeats import scores_with_repeats
from models_py.recommendation.sequences import SequenceBatch, device_of, n_parameters
from models_py.recommendation.softmax import full_cross_entropy
from models_py.seeding import seeded
from models_py.space import Between, OneOf, Space

SCORED_TASKS = 64  # tasks of alike length scored together
DIRECTIONS_STD = 0.1  # as of the items' embeddings


@dataclass(frozen=True)
class CaviaConfig:
    """Settings of `Cavia`.

    Args:
        base: the trained network that it starts from, by its name in the registry; its
            settings are that model's.
        context_dim: how many numbers a learner has.
        inner_steps: steps on the support.
        inner_rate: step size of each at the beginning; it is learned.
        dropout: share of the queries' state entries silenced in training.
        seed: seed of the directions.
        optimiser: of the outer loop.
    """

    SPACE: ClassVar[Space] = {
        "context_dim": OneOf((16, 32, 64, 128)),
        "inner_steps": OneOf((1, 3, 5, 8)),
        "inner_rate": Between(0.1, 3.0, is_log=True),
        "dropout": Between(0.0, 0.7),
        "optimiser.learning_rate": Between(3e-4, 1e-2, is_log=True),
        "optimiser.weight_decay": Between(0.03, 3.0, is_log=True),
    }

    base: str = "gru"
    context_dim: int = 64
    inner_steps: int = 5
    inner_rate: float = 1.0
    dropout: float = 0.5
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(weight_decay=1.0, averaging=0.1)
    )

    def __post_init__(self) -> None:
        require(self.context_dim >= 1, "context_dim must be 1 or more")
        require(self.inner_steps >= 1, "inner_steps must be 1 or more")
        # torch takes no number that float32 does not hold
        require(0 < self.inner_rate < 1e38, "inner_rate must be above 0, below 1e38")
        require_share(self.dropout, "dropout")


@dataclass(frozen=True)
class CaviaBatch(TrainingBatch):
    """Sequences of the support, then those of the queries.

    Args:
        rows: what is asked at each; first what the support knows the answers of.
        task: of each position that is asked, row by row, shape (S + N,).
        n_support: how many of those are of the support, S.
        n_tasks: T.
    """

    rows: SequenceBatch
    task: Tensor
    n_support: int
    n_tasks: int

    @property
    def n_targets(self) -> int:
        """How many queries there are."""
        return len(self.task) - self.n_support

    def to(self, device: torch.device) -> "CaviaBatch":
        """The same batch on another device."""
        rows, task = self.rows.to(device), self.task.to(device)
        return CaviaBatch(rows, task, self.n_support, self.n_tasks)


class Cavia(nn.Module):
    """A trained network with a context vector for each learner.

    Args:
        network: becomes part of this model.
    """

    monitor = "mrr"
    has_steps = True

    def __init__(
        self, n_items: int, config: CaviaConfig, *, network: AdaptableNetwork
    ) -> None:
        super().__init__()
        require(network.output.out_features == n_items, "the network has other items")
        self.config, self.network = config, network
        shape = (config.context_dim, network.output.in_features)
        with seeded(config.seed):
            self.directions = nn.Parameter(DIRECTIONS_STD * torch.randn(shape))
        self.dropout = nn.Dropout(config.dropout)
        start = torch.full((config.inner_steps, config.context_dim), config.inner_rate)
        self.rates = nn.Parameter(start)

    @property
    def n_parameters(self) -> int:
        """All weights, directions and rates."""
        return n_parameters(self)

    def fit(self, train: TrainTasks, optimise: Optimise) -> FitLog | None:
        """Learn to adapt from train users' histories, cut at random."""
        for part in self.modules():
            if isinstance(part, nn.Dropout) and part is not self.dropout:
                part.p = 0.0  # an inner loss is that of the weights alone
        return optimise(self, train)

    def batches(
        self, train: TrainTasks, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[CaviaBatch]:
        """Train users' histories cut into blocks, every pair asked once an epoch."""
        return block_batches(train, settings, generator, self.lay_out)

    def lay_out(self, blocks: Blocks) -> CaviaBatch:
        """Tasks of varying size as padded sequences."""
        max_length = self.network.config.max_length
        known, of_known = _rows(blocks, blocks.support, max_length)
        asked, of_asked = _rows(blocks, blocks.query, max_length)
        label, support = blocks.pairs.label, blocks.support.values
        values = torch.cat([known.prefixes.values, asked.prefixes.values])
        lengths = torch.cat([known.prefixes.lengths, asked.prefixes.lengths])
        inputs, _ = Ragged.of_lengths(values, lengths).pad()
        _, following, _ = known.prefixes.append(label[support[known.last]]).steps()
        asks = torch.cat([torch.ones_like(following).bool(), _is_end(asked)])
        owner = torch.cat([of_known, of_asked])
        return CaviaBatch(
            rows=SequenceBatch(
                inputs=inputs,
                asks=pad_aligned(asks, lengths, inputs.shape[1]),
                targets=torch.cat([following, label[blocks.query.values]]),
            ),
            task=torch.repeat_interleave(owner, lengths)[asks],
            n_support=len(following),
            n_tasks=len(blocks),
        )

    def loss(self, batch: CaviaBatch) -> Tensor:
        """Cross-entropy of every query given the support, a scalar."""
        states = self.dropout(self._adapted(batch, self.config.inner_steps)[-1])
        asked = batch.rows.targets[batch.n_support :]
        return full_cross_entropy(states, self.network.output, asked)

    def _adapted(self, batch: CaviaBatch, n_steps: int) -> list[Tensor]:
        """What is scored of each query before any step and after each, (N, D) each."""
        states, number = self.network.read(batch.rows.inputs)
        states = states[number[batch.rows.asks]]
        known, asked = states[: batch.n_support], states[batch.n_support :]
        of_asked = batch.task[batch.n_support :]
        contexts = self._contexts(batch, known, n_steps)
        return [asked + (each @ self.directions)[of_asked] for each in contexts]

    def _contexts(
        self, batch: CaviaBatch, states: Tensor, n_steps: int
    ) -> list[Tensor]:
        """Each learner's context before any step and after each, (T, C) each.

        Args:
            states: behind each position of the support, shape (S, D).
        """
        labels, task = batch.rows.targets[: len(states)], batch.task[: len(states)]
        output = self.network.output
        logits = output(states)  # (S, n_items)
        shifts = self.directions @ output.weight.T  # of the logits, (C, n_items)
        nothing = self.rates.new_zeros(batch.n_tasks, output.out_features)
        n_known = torch.bincount(task, minlength=batch.n_tasks).clamp(min=1)[:, None]
        found = nothing.index_put((task, labels), nothing.new_ones(()), accumulate=True)
        contexts = [self.rates.new_zeros(batch.n_tasks, len(self.directions))]
        for step in range(n_steps):
            context = contexts[-1]
            shares = (logits + (context @ shifts)[task]).softmax(-1)
            # by the logits, of a learner's mean cross-entropy
            errors = (nothing.index_add(0, task, shares.to(nothing)) - found) / n_known
            rate = self.rates[min(step, len(self.rates) - 1)]
            contexts.append(context - rate * (errors @ shifts.T))
        return contexts

    def score(self, queries: Queries) -> Tensor:
        """Logits without any support, shape (B, n_items), on the CPU."""
        return self.network.score(queries)

    def score_tasks(self, tasks: Tasks) -> Tensor:
        """Logits after adaptation, shape (T, Q, n_items), on the CPU.

        Raises:
            Diverged: scores are no numbers.
        """
        return self.score_tasks_after(tasks, [self.config.inner_steps])[0]

    def score_tasks_after(self, tasks: Tasks, steps: Sequence[int]) -> list[Tensor]:
        """Logits after each of the given numbers of steps.

        Steps beyond those learned for go by the rates of the last.

        Returns:
            Shape (T, Q, n_items) each, on the CPU.
        """
        found = self._scores(Blocks.of_tasks(tasks), steps)
        return [each.unflatten(0, tasks.query.shape) for each in found]

    def score_blocks(self, blocks: Blocks) -> Tensor:
        """Logits of tasks of varying size, a row a query, shape (N, n_items)."""
        return self._scores(blocks, [self.config.inner_steps])[0]

    @torch.no_grad()
    def _scores(self, blocks: Blocks, steps: Sequence[int]) -> list[Tensor]:
        """Logits after each number of steps, alike lengths together."""
        self.eval()
        shape = len(blocks.query.values), self.network.output.out_features
        found = [torch.empty(shape) for _ in steps]
        for rows in blocks.lengths().argsort(stable=True).split(SCORED_TASKS):
            at, _ = blocks.query.positions(rows)
            batch = self.lay_out(blocks.take(rows)).to(device_of(self))
            states = self._adapted(batch, max(steps))
            for scores, step in zip(found, steps, strict=True):
                logits = self.network.output(states[step])
                _require_numbers(logits, step)
                scores[at] = logits.float().cpu()
        prefixes, settings = blocks.queries().prefixes, self.network.config
        length, weight = settings.max_length, settings.repeat_weight
        return [scores_with_repeats(each, prefixes, length, weight) for each in found]


def _rows(blocks: Blocks, chosen: Ragged, max_length: int) -> tuple[SharedRows, Tensor]:
    """Pairs laid out in rows, and whose each row is."""
    task = torch.repeat_interleave(chosen.lengths)
    rows = shared_rows(blocks.pairs, chosen.values, task, max_length)
    return rows, task[rows.last]


def _is_end(rows: SharedRows) -> Tensor:
    """Whether a pair's prefix ends at an item, all rows one after the other."""
    found = torch.zeros(len(rows.prefixes.values), dtype=torch.bool)
    found[rows.prefixes.offsets[rows.row] + rows.place] = True
    return found


def _require_numbers(logits: Tensor, n_steps: int) -> None:
    """Refuse scores that are not finite.

    Raises:
        Diverged: names the number of steps and how many queries it befell.
    """
    is_number = logits.isfinite().all(1)
    if not is_number.all():
        raise Diverged(
            f"the scores are no numbers for {int((~is_number).sum())} of "
            f"{len(logits)} queries after step {n_steps}"
        )
