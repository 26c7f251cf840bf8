"""MAML and its kin over any network of the registry, one learner a task.

- MAML, first-order MAML: Finn, Abbeel, Levine, ICML 2017.
- Meta-SGD: Li, Zhou, Chen, Li: Meta-SGD: Learning to Learn Quickly for Few-Shot
  Learning, 2017: every weight has a rate of its own that is learned too.
- ANIL: Raghu, Raghu, Bengio, Vinyals: Rapid Learning or Feature Reuse?, ICLR 2020.
- Fine-tuning: the same steps, without having learned to adapt. The honest control.

The network has no dropout while it adapts: an inner loss is that of the weights alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig, require
from models_py.data import Queries
from models_py.fitting import Batches, FitLog, Optimise
from models_py.meta.adaptation import (
    Learners,
    Rates,
    adapted,
    body_of,
    mean_losses,
    require_numbers,
    weights_of,
)
from models_py.meta.batches import (
    COMMON_PART,
    PART,
    MetaBatch,
    drawn_groups,
    in_parts,
)
from models_py.meta.protocol import AdaptableNetwork
from models_py.meta.tasks import TaskBatch, Tasks, TrainTasks, lay_out
from models_py.recommendation.repeats import scores_with_repeats
from models_py.recommendation.sequences import device_of, n_parameters
from models_py.space import Between, OneOf, Space


@dataclass(frozen=True)
class Method:
    """How a learner adapts, and what is learned about it beforehand.

    Args:
        second_order: whether meta-gradients flow through the steps.
        head_only: whether only the output layer adapts.
        learns_rates: whether every weight has a learned rate of its own.
        is_trained: whether episodes of train users are learned from at all.
    """

    second_order: bool = False
    head_only: bool = False
    learns_rates: bool = False
    is_trained: bool = True


TINY = 1e-12  # keeps a batch without any reliability from dividing by zero

METHODS = {
    "maml": Method(second_order=True),
    "fomaml": Method(),
    "meta_sgd": Method(second_order=True, learns_rates=True),
    "anil": Method(second_order=True, head_only=True),
    "fine_tune": Method(is_trained=False),
}


@dataclass(frozen=True)
class MetaConfig:
    """Settings of `MetaLearner`; the defaults learn for moments, not for hours.

    `configs/paper.yaml` has the published numbers of steps: 3,000 of 32 episodes,
    validated every 100.

    Args:
        base: the network that adapts, by its name in the registry; its settings are
            that model's.
        inner_rate: step size of the inner loop (of Meta-SGD: at the beginning).
        inner_steps: steps on the support of an episode.
        steps_if_reliable, steps_if_not: steps of the reliability-adaptive forms, for
            episodes of at least the reliability `reliable_from` and of less.
        tasks_per_step: episodes that one step of the outer loop sees.
        validate_every: outer steps between two validations; one epoch of the log.
        optimiser: of the outer loop; its `batch_size` and `min_steps` are unused, and
            `max_steps` bounds `validate_every`.
    """

    SPACE: ClassVar[Space] = {
        "inner_rate": Between(1e-3, 0.3, is_log=True),
        "inner_steps": OneOf((1, 3, 5, 10)),
        "optimiser.learning_rate": Between(1e-5, 1e-2, is_log=True),
    }

    base: str = "gru"
    inner_rate: float = 0.01
    inner_steps: int = 5
    steps_if_reliable: int = 3
    steps_if_not: int = 7
    reliable_from: float = 0.5
    tasks_per_step: int = 8
    validate_every: int = 10
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=1e-3, weight_decay=0.0, epochs=1, patience=1
        )
    )

    def __post_init__(self) -> None:
        require(self.inner_rate > 0, "inner_rate must be above 0")
        require(self.inner_steps >= 1, "inner_steps must be 1 or more")
        require(self.steps_if_reliable >= 1, "steps_if_reliable must be 1 or more")
        require(self.steps_if_not >= 1, "steps_if_not must be 1 or more")
        require(0 <= self.reliable_from <= 1, "reliable_from must be in [0, 1]")
        require(self.tasks_per_step >= 1, "tasks_per_step must be 1 or more")
        require(
            1 <= self.validate_every <= self.optimiser.max_steps,
            "validate_every must be from 1 to optimiser.max_steps",
        )


@dataclass(frozen=True)
class WarmMetaConfig(MetaConfig):
    """The same from a trained baseline, which smaller outer steps keep in sight."""

    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=1e-4, weight_decay=0.0, epochs=1, patience=1
        )
    )


class MetaLearner(nn.Module):
    """A network with a way to adapt it to a learner's support pairs.

    Args:
        network: fresh, or trained for a warm start; it becomes part of this model.
        method: how it adapts.
        is_adaptive: whether reliability sets rate (times reliability), number of
            steps, and an episode's weight in the outer loss.
    """

    def __init__(
        self,
        n_items: int,
        config: MetaConfig,
        *,
        network: AdaptableNetwork,
        method: Method,
        is_adaptive: bool = False,
    ) -> None:
        super().__init__()
        require(network.output.out_features == n_items, "the network has other items")
        self.config, self.method, self.is_adaptive = config, method, is_adaptive
        self.network = network
        if method.learns_rates:
            # by multiplication: a number beyond float32 diverges, and is no error here
            self.rates = nn.ParameterDict(
                {
                    _key(name): torch.ones_like(weight) * config.inner_rate
                    for name, weight in weights_of(network).items()
                }
            )
        super().train(False)

    def train(self, mode: bool = True) -> "MetaLearner":
        """Without effect: dropout stays off."""
        return self

    @property
    def n_parameters(self) -> int:
        """All weights and learned rates."""
        return n_parameters(self)

    @property
    def _part_size(self) -> int:
        return COMMON_PART if self.method.head_only else PART

    @property
    def n_steps(self) -> int:
        """The most steps that a learner takes."""
        config = self.config
        if self.is_adaptive:
            return max(config.steps_if_reliable, config.steps_if_not)
        return config.inner_steps

    monitor = "recall@10"  # the published rule

    def fit(self, train: TrainTasks, optimise: Optimise) -> FitLog | None:
        """Learn to adapt from episodes; fine-tuning learns nothing beforehand."""
        return optimise(self, train.episodes) if self.method.is_trained else None

    def batches(
        self, train: Tasks, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[MetaBatch]:
        """Episodes of `validate_every` outer steps."""
        n_steps, n_tasks = self.config.validate_every, self.config.tasks_per_step
        groups = drawn_groups(len(train), n_steps, n_tasks, generator)
        return Batches(groups, lambda rows: self.lay_out(train.take(rows)))

    def lay_out(self, tasks: Tasks) -> MetaBatch:
        """Tasks in parts of alike length."""
        max_length = self.network.config.max_length
        parts = [
            lay_out(tasks.take(part), max_length)
            for part in in_parts(tasks, self._part_size)
        ]
        return MetaBatch(parts, by_reliability=self.is_adaptive)

    def loss(self, batch: MetaBatch) -> Tensor:
        """Mean query loss of the adapted learners, a scalar.

        Raises:
            Diverged: a support or query loss is no number.
        """
        losses = torch.cat([self._query_losses(part) for part in batch.parts])
        weights = batch.weights()
        return (losses * weights).sum() / weights.sum().clamp(min=TINY)

    def _query_losses(self, batch: TaskBatch) -> Tensor:
        """Mean query loss of each adapted learner, shape (T,)."""
        rates = self._rates(batch)
        *_, learners = self._adapted(batch, rates, is_training=True)
        logits = learners.logits(learners.states_of(batch.query))  # (T, Q, n_items)
        losses = mean_losses(logits, batch.query.labels)
        require_numbers(losses.detach(), rates, self.n_steps)
        return losses

    @torch.no_grad()
    def score(self, queries: Queries) -> Tensor:
        """Logits without any support, shape (B, n_items), on the CPU."""
        return self.network.score(queries)

    def score_tasks(self, tasks: Tasks) -> Tensor:
        """Logits after adaptation, shape (T, Q, n_items), on the CPU.

        Raises:
            Diverged: losses or scores are no numbers.
        """
        return self._scores(tasks, None, None)[-1]

    def score_tasks_after(self, tasks: Tasks, steps: Sequence[int]) -> list[Tensor]:
        """Logits after each of the given numbers of steps, the same for all learners.

        Returns:
            Shape (T, Q, n_items) each, on the CPU.
        """
        return self._scores(tasks, max(steps), steps)

    @property
    def has_steps(self) -> bool:
        """Whether a number of steps means the same to all learners."""
        return not self.is_adaptive

    @torch.no_grad()
    def _scores(
        self, tasks: Tasks, n_steps: int | None, wanted: Sequence[int] | None
    ) -> list[Tensor]:
        """Logits after the wanted steps of `n_steps`, after the last where None."""
        max_length, device = self.network.config.max_length, device_of(self)
        parts, found = in_parts(tasks, self._part_size), []
        for rows in parts:
            batch = lay_out(tasks.take(rows), max_length).to(device)
            rates = self._rates(batch, n_steps)
            last = rates.learner.shape[1]
            logits = []
            for step, learners in enumerate(self._adapted(batch, rates)):
                if step in (wanted or [last]):
                    scores = learners.logits(learners.states_of(batch.query))
                    require_numbers(scores.sum((1, 2)), rates, step)
                    logits.append(scores.float().cpu())
            found.append(torch.stack(logits))
        order = torch.cat(parts).argsort()
        prefixes = tasks.pairs.prefixes.take(tasks.query.flatten())
        weight = self.network.config.repeat_weight
        return [
            scores_with_repeats(
                each.flatten(0, 1), prefixes, max_length, weight
            ).unflatten(0, tasks.query.shape)
            for each in torch.cat(found, 1)[:, order]
        ]

    def _adapted(
        self, batch: TaskBatch, rates: Rates, *, is_training: bool = False
    ) -> Iterator[Learners]:
        method = self.method
        return adapted(
            self.network,
            batch,
            rates,
            head_only=method.head_only,
            second_order=method.second_order and is_training,
        )

    def _rates(self, batch: TaskBatch, n_steps: int | None = None) -> Rates:
        """How far each learner goes at each step."""
        config, reliability = self.config, batch.reliability
        most = self.n_steps if n_steps is None else n_steps
        scale = reliability if self.is_adaptive else torch.ones_like(reliability)
        far = scale[:, None].expand(-1, most)
        if self.is_adaptive and n_steps is None:
            is_reliable = reliability >= config.reliable_from
            own = torch.where(
                is_reliable, config.steps_if_reliable, config.steps_if_not
            )
            step = torch.arange(most, device=own.device)
            far = far * (step < own[:, None])
        if not self.method.learns_rates:
            # torch takes no number beyond float32; one so large diverges, too
            common = min(config.inner_rate, torch.finfo(far.dtype).max)
            return Rates(config.inner_rate * far, None if self.is_adaptive else common)
        learned = self.rates
        return Rates(
            learner=far,
            common=None if self.is_adaptive else 1.0,
            embedding=learned[_key("embedding.weight")],
            body={name: learned[_key(name)] for name in body_of(self.network)},
            output=learned[_key("output.weight")],
            bias=learned[_key("output.bias")],
        )


def _key(name: str) -> str:
    """A weight's name without the dots that parameter dictionaries refuse."""
    return name.replace(".", "/")
