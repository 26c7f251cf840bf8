"""Learners of a few kinds, each with a Markov chain of its own.

Cadez, Heckerman, Meek, Smyth, White: Model-Based Clustering and Visualization of
Navigation Patterns on a Web Site, Data Mining and Knowledge Discovery 7, 2003. There a
session has a kind, here a learner: what the support tells of the kind is not forgotten
at the query. Fitted by expectation-maximisation that is annealed, so that it depends
little on where it begins (Ueda, Nakano: Deterministic Annealing EM Algorithm, Neural
Networks 11, 1998).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from models_py.config import require, require_share
from models_py.data import Queries
from models_py.fitting import Optimise
from models_py.meta.blocks import Blocks
from models_py.meta.tasks import Tasks, TrainTasks, sequence_numbers, shared_rows
from models_py.ragged import Ragged
from models_py.recommendation.markov import Markov, MarkovConfig
from models_py.recommendation.session_knn import UNKNOWN
from models_py.space import Between, OneOf, Space

# what the evidence counts for in each round of fitting; the last rounds are plain EM
ANNEALED = (*(0.05 * 1.15**n for n in range(22)), 1.0, 1.0, 1.0)
TINY = 1e-12  # no step is impossible
STEPS_HELD = 2**16  # at a time: there may be many millions; changes no result
UNCUT = 2**31  # prefixes are as long as the mart has them


@dataclass(frozen=True)
class MarkovMixtureConfig:
    """Settings of `MarkovMixture`.

    Args:
        n_kinds: kinds of learners.
        backoff: for how many followers of an item the prior of a kind counts, and how
            many labels for its popularity.
        own_share: how much of that prior is what the kind asks for, whatever came
            before; the rest is what follows the item for all learners.
        seed: of the kinds that learners are taken for at first.
    """

    SPACE: ClassVar[Space] = {
        "n_kinds": OneOf((4, 8, 16, 32)),
        "backoff": Between(1.0, 100.0, is_log=True),
        "own_share": Between(0.0, 0.9),
    }

    n_kinds: int = 16
    backoff: float = 20.0
    own_share: float = 0.7
    seed: int = 20260107

    def __post_init__(self) -> None:
        # each keeps a count of every step there is
        require(1 <= self.n_kinds <= 1000, "n_kinds must be between 1 and 1000")
        # where nothing was counted 1 / backoff is to be a number
        require(self.backoff >= 1e-9, "backoff must be 1e-9 or more")
        require_share(self.own_share, "own_share")


class MarkovMixture:
    """Scores an item by how often it followed the last one for learners like this.

    With c_z(j, i) the steps from j to i of kind z, p_z the smoothed popularity of the
    labels of its steps and m(i | j) what `Markov` says for all learners,

        P_z(i | j) = (c_z(j, i) + b ((1 - s) m(i | j) + s p_z(i))) / (c_z(j) + b),

    b the `backoff` and s the `own_share`. A learner is of kind z with a probability
    proportional to the kind's share of the learners times P_z of all steps known.
    """

    monitor = "mrr"
    has_steps = False

    def __init__(self, n_items: int, config: MarkovMixtureConfig) -> None:
        self.n_items, self.config = n_items, config
        self.markov = Markov(n_items, MarkovConfig())
        self._know_nothing()

    @property
    def n_parameters(self) -> int:
        """One count for each pair of items that was seen and kind, and the shares."""
        return self.by_kind.numel() + len(self.kinds)

    def fit(self, train: TrainTasks, optimise: Optimise) -> None:
        """Find the kinds of the train users, and count the steps of each."""
        self.markov.fit(train.sequences, optimise)
        self._know_nothing()
        pairs, chosen = train.episodes.pairs, train.histories.values
        before, label = pairs.prefixes.take(chosen).last(), pairs.label[chosen]
        learner = torch.repeat_interleave(train.histories.lengths)
        entry, _ = self.markov.entries(before, label)
        shape = len(train.histories), len(self.markov.label)
        at = (learner.numpy(), entry.numpy())
        seen = csr_matrix((np.ones(len(entry)), at), shape=shape)
        chance = np.random.default_rng(self.config.seed)
        # squared, since even shares would let no kind be the first to differ
        kind = chance.random((shape[0], self.config.n_kinds)) ** 2
        kind /= kind.sum(1, keepdims=True)
        for heat in ANNEALED:
            self._take_over(seen, kind)
            told = seen @ self._log_shares_of_all().numpy() + self.kinds.log().numpy()
            kind = torch.from_numpy(heat * told).softmax(1).numpy()
        self._take_over(seen, kind)

    def score(self, queries: Queries) -> Tensor:
        """Probabilities without any support, shape (B, n_items), on the CPU."""
        return self.score_blocks(Blocks.of_queries(queries))

    def score_tasks(self, tasks: Tasks) -> Tensor:
        """Probabilities given the support, shape (T, Q, n_items), on the CPU."""
        scores = self.score_blocks(Blocks.of_tasks(tasks))
        return scores.unflatten(0, tasks.query.shape)

    def score_blocks(self, blocks: Blocks) -> Tensor:
        """The same of tasks of varying size, a row a query, shape (N, n_items)."""
        queries = blocks.queries()
        last = queries.prefixes.last()
        backoff, own = self.config.backoff, self.config.own_share
        share = self._kinds_of(blocks, queries) / (self.followed[last] + backoff)
        prior = backoff * share  # (N, Z)
        everyone = prior.sum(1, keepdim=True) * self.markov.score(queries)
        found = (1 - own) * everyone + own * prior @ self.popularity.T
        at, lengths = self.steps_from.positions(last)
        row = torch.repeat_interleave(lengths)
        counted = torch.zeros(len(at), dtype=torch.float64)
        for kind in range(self.config.n_kinds):  # one by one: all at once are large
            counted += share[row, kind] * self.by_kind[at, kind]
        found[row, self.markov.label[at]] += counted
        return found.float()

    def state_dict(self) -> dict[str, Tensor]:
        """Counts of all steps, their shares by kind, and the kinds' of the learners."""
        counts = self.markov.state_dict()
        return {**counts, "by_kind": self.by_kind.float(), "kinds": self.kinds.float()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over counts of the same vocabulary."""
        by_kind, kinds = state["by_kind"], state["kinds"]
        n_kinds = self.config.n_kinds
        if by_kind.shape != (len(state["count"]), n_kinds) or len(kinds) != n_kinds:
            raise ValueError(f"not the counts of {n_kinds} kinds")
        self.markov.load_state_dict(state)
        self._remember(by_kind, kinds)

    def _know_nothing(self) -> None:
        """Kinds that are all alike, over the steps that were counted."""
        n_steps, n_kinds = len(self.markov.label), self.config.n_kinds
        kinds = torch.full((n_kinds,), 1 / n_kinds)
        self._remember(torch.zeros(n_steps, n_kinds), kinds)

    def _take_over(self, seen: csr_matrix, kind: np.ndarray) -> None:
        """Count steps for kinds as learners are taken for them, shape (L, Z)."""
        # as they are kept: what was fitted and what is loaded are to score alike
        by_kind = torch.from_numpy(seen.T @ kind).float()
        self._remember(by_kind, torch.from_numpy(kind.mean(0)).float())

    def _remember(self, by_kind: Tensor, kinds: Tensor) -> None:
        markov, backoff = self.markov, self.config.backoff
        self.by_kind, self.kinds = by_kind.double(), kinds.double()  # (P, Z), (Z,)
        nothing = torch.zeros(self.n_items, len(kinds), dtype=torch.float64)
        self.followed = nothing.index_add(0, markov.before, self.by_kind)
        asked = nothing.index_add(0, markov.label, self.by_kind)
        of_all = torch.from_numpy(markov.popularity)[:, None]
        self.popularity = (asked + backoff * of_all) / (asked.sum(0) + backoff)
        counts = torch.bincount(markov.before, minlength=self.n_items)
        self.steps_from = Ragged.of_lengths(torch.arange(len(by_kind)), counts)

    def _log_shares_of_all(self) -> Tensor:
        """log P_z of every step that was counted, shape (P, Z)."""
        steps = (
            self.markov.before.split(STEPS_HELD),
            self.markov.label.split(STEPS_HELD),
        )
        return torch.cat([self._log_shares(*part) for part in zip(*steps, strict=True)])

    def _log_shares(self, before: Tensor, label: Tensor) -> Tensor:
        """log P_z(label | before) of some steps, shape (S, Z)."""
        entry, is_seen = self.markov.entries(before, label)
        counted = torch.where(is_seen[:, None], self.by_kind[entry], 0.0)
        everyone = self.markov.shares(before, label)[:, None]
        own, backoff = self.config.own_share, self.config.backoff
        prior = (1 - own) * everyone + own * self.popularity[label]
        shares = (counted + backoff * prior) / (self.followed[before] + backoff)
        return shares.clamp(min=TINY).log()

    def _told(self, rows: Ragged) -> Tensor:
        """log P_z of the steps in each row, all together, shape (R, Z)."""
        before, after, row = rows.steps()
        nothing = torch.zeros(len(rows), self.config.n_kinds, dtype=torch.float64)
        return nothing.index_add(0, row, self._log_shares(before, after))

    def _kinds_of(self, blocks: Blocks, queries: Queries) -> Tensor:
        """What kind the learner of each query is, rows sum to 1, shape (N, Z)."""
        pairs, chosen = blocks.pairs, blocks.support.values
        task = torch.repeat_interleave(blocks.support.lengths)
        rows = shared_rows(pairs, chosen, task, UNCUT, may_exceed=True)
        told = self._told(rows.prefixes.append(pairs.label[chosen[rows.last]]))
        owner, sequence = task[rows.last], pairs.sequence[chosen[rows.last]]
        asks = torch.repeat_interleave(blocks.query.lengths)
        nothing = told.new_zeros(len(blocks), told.shape[1])
        known = nothing.index_add(0, owner, told)[asks]
        # what a query continues lies in its prefix already
        numbers = sequence_numbers((owner, sequence), (asks, queries.sequence))
        n_numbers = len(told) + len(queries)
        own = told.new_zeros(n_numbers, told.shape[1])
        own = own.index_add(0, numbers[0], told)[numbers[1]]
        own[queries.sequence == UNKNOWN] = 0.0
        prefix = self._told(queries.prefixes)
        return (self.kinds.log() + prefix + known - own).softmax(1)
