"""What did best with a few support pairs: networks that read them, three that count.

Some `ContextGRU` from different initial weights, whose probabilities are averaged, with
`MarkovMixture`, `SessionKNN` and `Markov`: the networks know what the support says of a
learner, which of a few kinds a learner is of takes fewer data to tell, neighbours
remember what is too rare for a network, followers of the last item what comes next at
once. Mixing a network with nearest neighbours follows Jannach and Ludewig: When
Recurrent Neural Networks meet the Neighborhood for Session-Based Recommendation, RecSys
2017. Those two are mixed in by a weighted mean of log-probabilities, a logarithmic
opinion pool (Genest, Zidek: Combining Probability Distributions, Statistical Science 1,
1986): on public logs level with the mean of probabilities or ahead of it. Kinds get a
share of the probability that comes of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from models_py.config import OptimiserConfig, require, require_share
from models_py.data import Queries
from models_py.fitting import FitLog, Optimise, Stateful
from models_py.meta.blocks import Blocks
from models_py.meta.context import ContextConfig
from models_py.meta.context_networks import ContextNetworks, usual_networks
from models_py.meta.markov_mixture import MarkovMixture, MarkovMixtureConfig
from models_py.meta.tasks import Tasks, TrainTasks
from models_py.recommendation.markov import Markov, MarkovConfig
from models_py.recommendation.output import set_usual_dropout, usual_negatives
from models_py.recommendation.repeats import scores_with_repeats, with_each_weight
from models_py.recommendation.sequences import n_parameters
from models_py.recommendation.session_knn import SessionKNN, SessionKNNConfig
from models_py.space import Between, OneOf, Space

KNN_WEIGHTS = (0.2, 0.1, 0.35, 0.5, 0.0)
MARKOV_WEIGHTS = (0.1, 0.2, 0.35, 0.0)
KINDS_WEIGHTS = (0.0, 0.2, 0.35)
SCORED_TASKS = 64  # tasks of alike length scored together
TINY = 1e-12  # no candidate is impossible


@dataclass(frozen=True)
class BestConfig:
    """Settings of `Best`.

    Args:
        n_networks: networks whose probabilities are averaged; None takes as many
            as `usual_networks` by the train pairs.
        repeat_weight: share of the networks' probability that goes to items of the
            prefix by its own counts; None leaves it to validation.
        knn_weight, markov_weight: weight of Session-KNN and of Markov in the mixture,
            together below 1; None leaves it to validation.
        kinds_weight: share of the whole probability that goes to kinds of learners,
            each with a Markov chain of its own; None leaves it to validation.
        network: settings of each network.
        knn, markov, kinds: settings of those that count.
        seed: seed of the first network's initial weights; the next ones follow.
        optimiser: how the networks are fitted, side by side.
    """

    SPACE: ClassVar[Space] = {
        "n_networks": OneOf((1, 2, 3)),
        "network.dropout": Between(0.0, 0.7),
        "network.weight_dropout": Between(0.0, 0.7),
        "network.context_length": OneOf((10, 20, 50)),
        "knn.sample_size": OneOf((250, 500, 1000, 2500)),
        "knn.n_neighbours": OneOf((50, 100, 200, 500)),
        "optimiser.learning_rate": Between(1e-3, 2e-2, is_log=True),
    }

    n_networks: int | None = None
    repeat_weight: float | None = None
    knn_weight: float | None = None
    markov_weight: float | None = None
    kinds_weight: float | None = None
    network: ContextConfig = field(default_factory=ContextConfig)
    knn: SessionKNNConfig = field(default_factory=SessionKNNConfig)
    markov: MarkovConfig = field(default_factory=MarkovConfig)
    kinds: MarkovMixtureConfig = field(default_factory=MarkovMixtureConfig)
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=6e-3, weight_decay=0.1, averaging=0.1
        )
    )

    def __post_init__(self) -> None:
        n_networks = 1 if self.n_networks is None else self.n_networks
        require(1 <= n_networks <= 100, "n_networks must be between 1 and 100")
        require_share(self.repeat_weight, "repeat_weight")
        require_share(self.kinds_weight, "kinds_weight")
        require_share(self.knn_weight, "knn_weight")
        require_share(self.markov_weight, "markov_weight")
        together = (self.knn_weight or 0) + (self.markov_weight or 0)
        require(together < 1, "knn_weight and markov_weight must be below 1 together")

    def choices(self) -> "list[BestConfig]":
        """The same with what validation decides next chosen, each way there is.

        First the share for repeats, by the networks alone, then neighbours and
        followers, then the share for kinds of learners, beside all that.
        """
        if self.repeat_weight is None:
            return with_each_weight(self)
        of_knn = KNN_WEIGHTS if self.knn_weight is None else (self.knn_weight,)
        of_markov = (
            MARKOV_WEIGHTS if self.markov_weight is None else (self.markov_weight,)
        )
        votes = self.knn.choices()
        mixed = [
            replace(self, knn_weight=weight, knn=knn, markov_weight=other)
            # without a weight it does not matter how neighbours vote
            for weight in of_knn
            for knn in (votes if weight else votes[:1])
            for other in of_markov
            if weight + other < 1
        ]
        if self.kinds_weight is not None or len(mixed) > 1:
            return mixed
        return [replace(mixed[0], kinds_weight=weight) for weight in KINDS_WEIGHTS]


class Best:
    """A mixture of networks that read the support, kinds, neighbours and followers."""

    monitor = "mrr"
    has_steps = False
    config: BestConfig
    choices: list[BestConfig]

    def __init__(self, n_items: int, config: BestConfig) -> None:
        self.n_items = n_items
        self.networks = ContextNetworks(
            n_items, config.network, config.seed, config.n_networks
        )
        self.kinds = MarkovMixture(n_items, config.kinds)
        self.knn = SessionKNN(n_items, config.knn)
        self.markov = Markov(n_items, config.markov)
        self.choose(config)

    @property
    def judge(self) -> str:
        """What `choices` are compared by on validation queries.

        A share for kinds by the log-likelihood of the labels: a thousand queries' MRR
        is level where recall@10 differs by .01, and by chance above on public logs.
        """
        shares = {choice.kinds_weight for choice in self.choices}
        return "log_likelihood" if len(shares) > 1 else "mrr"

    @property
    def n_parameters(self) -> int:
        """All weights, and what those that count keep."""
        counted = self.knn.n_parameters + self.markov.n_parameters
        if self.config.kinds_weight != 0:
            counted += self.kinds.n_parameters
        return n_parameters(self.networks) + counted

    def fit(self, train: TrainTasks, optimise: Optimise) -> FitLog:
        """Count the sequences, then hand the networks to the training loop."""
        if self.config.kinds_weight != 0:
            self.kinds.fit(train, optimise)
        self.knn.fit(train.sequences, optimise)
        self.markov.fit(train.sequences, optimise)
        labels = train.episodes.pairs.label[train.histories.values]
        network = self.config.network
        self.networks.keep(self.config.n_networks or usual_networks(len(labels)))
        set_usual_dropout(self.networks, network.dropout, len(labels), self.n_items)
        for member in self.networks.each:
            member.negatives = usual_negatives(network.negatives, labels, self.n_items)
        mixture = self.config
        # neighbours would say the same after every epoch, and take longer than training
        self.config = replace(
            mixture,
            repeat_weight=0.0,
            kinds_weight=0.0,
            knn_weight=0.0,
            markov_weight=0.0,
        )
        log = optimise(self.networks, train)
        self.config = mixture
        return log

    def choose(self, choice: BestConfig) -> None:
        """Take one of `choices`; a weight that is still open is 0, and offered next."""
        self.config, self.choices = choice, choice.choices()
        self.knn.choose(choice.knn)

    def score(self, queries: Queries) -> Tensor:
        """Log-probabilities without any support, shape (B, n_items), on the CPU."""
        return self.score_blocks(Blocks.of_queries(queries))

    def score_tasks(self, tasks: Tasks) -> Tensor:
        """Log-probabilities given the support, shape (T, Q, n_items), on the CPU."""
        scores = self.score_blocks(Blocks.of_tasks(tasks))
        return scores.unflatten(0, tasks.query.shape)

    @torch.no_grad()
    def score_blocks(self, blocks: Blocks) -> Tensor:
        """The same of tasks of varying size, a row a query, shape (N, n_items)."""
        queries, config = blocks.queries(), self.config
        mixed = _mixed(
            config,
            self._with_repeats(self._read(blocks), queries, config),
            _log_shares(self.knn.score(queries)) if config.knn_weight else None,
            _log_shares(self.markov.score(queries)) if config.markov_weight else None,
        )
        kinds = self.kinds.score_blocks(blocks) if config.kinds_weight else None
        return _with_kinds(mixed, kinds, config).log_softmax(-1)

    @torch.no_grad()
    def score_task_choices(self, tasks: Tasks) -> Iterator[Tensor]:
        """Scores that order items as `score_tasks` would after each of `choices`."""
        blocks, shape = Blocks.of_tasks(tasks), tasks.query.shape
        read, queries = self._read(blocks), blocks.queries()
        if self.config.repeat_weight is None:
            for choice in self.choices:
                spoken = self._with_repeats(read, queries, choice)
                yield spoken.unflatten(0, shape)
            return
        read = self._with_repeats(read, queries, self.config)
        votes: list[Tensor | None] = [None] * len(self.knn.choices)
        if any(choice.knn_weight for choice in self.choices):  # they take the longest
            votes = [_log_shares(each) for each in self.knn.score_choices(queries)]
        followers = _log_shares(self.markov.score(queries))
        has_kinds = any(choice.kinds_weight for choice in self.choices)
        kinds = self.kinds.score_blocks(blocks) if has_kinds else None
        for choice in self.choices:
            own = votes[self.knn.choices.index(choice.knn)]
            mixed = _mixed(choice, read, own, followers)
            yield _with_kinds(mixed, kinds, choice).unflatten(0, shape)

    def _with_repeats(
        self, read: Tensor, queries: Queries, config: BestConfig
    ) -> Tensor:
        """The networks' log-probabilities with the share for repeats, (N, n_items)."""
        length = config.network.max_length
        return scores_with_repeats(read, queries.prefixes, length, config.repeat_weight)

    def _read(self, blocks: Blocks) -> Tensor:
        """The networks' log-probabilities, alike lengths together, (N, n_items)."""
        found = torch.empty(len(blocks.query.values), self.n_items)
        for rows in blocks.lengths().argsort(stable=True).split(SCORED_TASKS):
            at, _ = blocks.query.positions(rows)
            found[at] = self.networks.probabilities(blocks.take(rows))
        return found.clamp(min=TINY).log()

    def state_dict(self) -> dict[str, Tensor]:
        """Weights, sessions and counts."""
        return {
            f"{name}.{key}": value
            for name, part in self._parts().items()
            for key, value in part.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what an equally configured model gave."""
        for name, part in self._parts().items():
            part.load_state_dict(
                {
                    key.removeprefix(f"{name}."): value
                    for key, value in state.items()
                    if key.startswith(f"{name}.")
                }
            )

    def _parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {"networks": self.networks}
        if self.config.kinds_weight != 0:  # many numbers, and mostly for nothing
            parts["kinds"] = self.kinds
        return parts | {"knn": self.knn, "markov": self.markov}


def _mixed(
    config: BestConfig, read: Tensor, votes: Tensor | None, followers: Tensor | None
) -> Tensor:
    """Weighted mean of log-probabilities, not normalised, shape (N, n_items)."""
    weighted = ((config.knn_weight, votes), (config.markov_weight, followers))
    spoken = [(w, each) for w, each in weighted if w and each is not None]
    mixed = (1 - sum(w for w, _ in spoken)) * read
    for weight, each in spoken:
        mixed += weight * each
    return mixed


def _with_kinds(mixed: Tensor, kinds: Tensor | None, config: BestConfig) -> Tensor:
    """What was mixed with the share for kinds of learners, shape (N, n_items)."""
    weight = config.kinds_weight
    if not weight or kinds is None:
        return mixed
    return ((1 - weight) * mixed.softmax(-1) + weight * kinds).clamp(min=TINY).log()


def _log_shares(votes: Tensor) -> Tensor:
    """Logarithm of each item's share of the votes, half of it spread over all items.

    An item without a vote keeps half an even share: rare, not impossible. Where nobody
    votes all items are alike.
    """
    shares = votes / votes.sum(1, keepdim=True).clamp(min=TINY)
    return ((shares + 1 / votes.shape[1]) / 2).log()
