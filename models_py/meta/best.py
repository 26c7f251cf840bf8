"""What did best with a few support pairs: networks that read them, and neighbours.

Some `ContextGRU` from different initial weights and `SessionKNN`, whose probabilities
are averaged: the networks know what the support says of a learner, neighbours remember
what is too rare for a network. The mixture of a network with nearest neighbours
follows Jannach and Ludewig: When Recurrent Neural Networks meet the Neighborhood for
Session-Based Recommendation, RecSys 2017.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig, require
from models_py.data import Queries
from models_py.fitting import Batches, FitLog, Optimise
from models_py.meta.blocks import Blocks, cut_into_blocks
from models_py.meta.context import ContextBatch, ContextConfig, ContextGRU
from models_py.meta.tasks import PairRows, Tasks, TrainTasks
from models_py.recommendation.sequences import device_of, n_parameters
from models_py.recommendation.session_knn import SessionKNN, SessionKNNConfig

SCORED_TASKS = 64  # tasks of alike length scored together
TINY = 1e-12  # no candidate is impossible


@dataclass(frozen=True)
class BestConfig:
    """Settings of `Best`.

    Args:
        n_networks: networks whose probabilities are averaged.
        knn_weight: share of Session-KNN in the mixture, where it has an answer.
        network: settings of each network.
        knn: settings of Session-KNN.
        seed: seed of the first network's initial weights; the next ones follow.
        optimiser: how the networks are fitted, side by side.
    """

    n_networks: int = 2
    knn_weight: float = 0.2
    network: ContextConfig = field(default_factory=ContextConfig)
    knn: SessionKNNConfig = field(default_factory=SessionKNNConfig)
    seed: int = 20260107
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(learning_rate=6e-3, weight_decay=0.1)
    )

    def __post_init__(self) -> None:
        require(self.n_networks >= 1, "n_networks must be 1 or more")
        require(0 <= self.knn_weight < 1, "knn_weight must be in [0, 1)")


class Best:
    """A mixture of networks that read the support, and of nearest neighbours."""

    monitor = "mrr"
    has_steps = False

    def __init__(self, n_items: int, config: BestConfig) -> None:
        self.n_items, self.config = n_items, config
        self.networks = ContextNetworks(n_items, config)
        self.knn = SessionKNN(n_items, config.knn)

    @property
    def n_parameters(self) -> int:
        """All weights, and what Session-KNN keeps."""
        return n_parameters(self.networks) + self.knn.n_parameters

    def fit(self, train: TrainTasks, optimise: Optimise) -> FitLog:
        """Remember the sequences, then hand the networks to the training loop."""
        self.knn.fit(train.sequences, optimise)
        return optimise(self.networks, train)

    @torch.no_grad()
    def score(self, queries: Queries) -> Tensor:
        """Log-probabilities without any support, shape (B, n_items), on the CPU."""
        n = len(queries)
        pairs = PairRows(
            prefixes=queries.prefixes,
            prefix_len=queries.prefixes.lengths,
            sequence=queries.sequence,
            label=torch.zeros(n, dtype=torch.int64),
            reliability=torch.zeros(n),
        )
        nothing = torch.zeros(n, 0, dtype=torch.int64)
        tasks = Tasks(pairs, nothing, torch.arange(n)[:, None], torch.zeros(n))
        return self.score_tasks(tasks)[:, 0]

    @torch.no_grad()
    def score_tasks(self, tasks: Tasks) -> Tensor:
        """Log-probabilities given the support, shape (T, Q, n_items), on the CPU."""
        order = tasks.lengths().argsort(stable=True)
        found = [torch.empty(0, *tasks.query.shape[1:], self.n_items)]
        for rows in order.split(SCORED_TASKS):
            part = tasks.take(rows)
            mixed = self._mixed(part).clamp(min=TINY).log()
            found.append(mixed.unflatten(0, part.query.shape))
        return torch.cat(found)[order.argsort()]

    def _mixed(self, tasks: Tasks) -> Tensor:
        """Probability of each item for each query, shape (T x Q, n_items)."""
        read = self.networks.probabilities(tasks)
        asked = tasks.query.flatten()
        prefixes, sequence = tasks.pairs.prefixes, tasks.pairs.sequence
        votes = self.knn.score(Queries(prefixes.take(asked), sequence[asked]))
        total = votes.sum(1, keepdim=True)
        weight = torch.where(total > 0, self.config.knn_weight, 0.0)
        return (1 - weight) * read + weight * votes / total.clamp(min=TINY)

    def state_dict(self) -> dict[str, Tensor]:
        """Weights and sessions."""
        parts = {"networks": self.networks, "knn": self.knn}
        return {
            f"{name}.{key}": value
            for name, part in parts.items()
            for key, value in part.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what an equally configured model gave."""
        for name, part in (("networks", self.networks), ("knn", self.knn)):
            part.load_state_dict(
                {
                    key.removeprefix(f"{name}."): value
                    for key, value in state.items()
                    if key.startswith(f"{name}.")
                }
            )


class ContextNetworks(nn.Module):
    """Equal networks from different weights, fitted side by side on equal batches."""

    def __init__(self, n_items: int, config: BestConfig) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            ContextGRU(n_items, config.network, config.seed + number)
            for number in range(config.n_networks)
        )

    def batches(
        self, train: TrainTasks, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[ContextBatch]:
        """Train users' histories cut into blocks, every pair asked once an epoch."""
        episodes = train.episodes
        n_support, n_query = episodes.support.shape[1], episodes.query.shape[1]
        blocks = cut_into_blocks(
            episodes.pairs, train.histories, n_support, n_query, generator
        )

        def lay_out(rows: Tensor) -> ContextBatch:  # as all members do
            return self.members[0].lay_out(blocks.take(rows))

        if len(blocks) == 0:
            return Batches([], lay_out)
        n_targets = settings.targets_per_step(len(blocks.query.values))
        order = torch.randperm(len(blocks), generator=generator)
        sizes = blocks.query.lengths[order]
        counts = torch.bincount((sizes.cumsum(0) - sizes) // n_targets)
        return Batches(order.split(counts[counts > 0].tolist()), lay_out)

    def loss(self, batch: ContextBatch) -> Tensor:
        """Mean of the members' losses, a scalar."""
        return torch.stack([member.loss(batch) for member in self.members]).mean()

    @torch.no_grad()
    def probabilities(self, tasks: Tasks) -> Tensor:
        """Mean over the members, shape (T x Q, n_items), on the CPU."""
        self.eval()
        batch = self.members[0].lay_out(Blocks.of_tasks(tasks)).to(device_of(self))
        each = [member.output(member.states(batch)) for member in self.members]
        return torch.stack(each).softmax(-1).mean(0).float().cpu()
