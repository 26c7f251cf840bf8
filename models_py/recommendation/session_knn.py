"""Session-KNN (V-SKNN): what followed in similar sessions, recent items first.

Ludewig, Jannach: Evaluation of Session-based Recommendation Algorithms, User
Modeling and User-Adapted Interaction 28, 2018, with cosine similarity, `div`
weights, IDF and the choice not to remind. Candidates come from posting lists cut to
the sample size, as in VMIS-kNN (Kersbergen, Sprangers, Schelter: Serenade, SIGMOD
2022); the cut is exact.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from models_py.config import require
from models_py.data import Queries, TrainSequences
from models_py.fitting import Optimise
from models_py.ragged import Ragged
from models_py.space import OneOf, Space

IDF_WEIGHTS = (1.0, 0.0)
SCORED_QUERIES = 512  # queries scored together, fewer in a large vocabulary
SCORES_HELD = 2**23  # scores held at a time; neither changes a score
UNKNOWN = -1  # sequence of a query that comes from no known sequence


@dataclass(frozen=True)
class SessionKNNConfig:
    """Settings of `SessionKNN`.

    Args:
        sample_size: most recent candidate sessions compared with a query.
        n_neighbours: most similar candidates that vote.
        idf_weight: how much more a vote counts for an item seen in few sessions:
            votes are multiplied by 1 + idf_weight × ln(sessions / sessions with
            the item). None leaves it to validation.
        reminds: whether items of the query itself are voted for; None leaves it to
            validation: it halves MRR where learners seldom come back to an item.
    """

    SPACE: ClassVar[Space] = {
        "sample_size": OneOf((250, 500, 1000, 2500)),
        "n_neighbours": OneOf((50, 100, 200, 500)),
    }

    sample_size: int = 500
    n_neighbours: int = 100
    idf_weight: float | None = None
    reminds: bool | None = None

    def __post_init__(self) -> None:
        require(self.sample_size >= 1, "sample_size must be 1 or more")
        require(self.n_neighbours >= 1, "n_neighbours must be 1 or more")
        weight = self.idf_weight
        require(weight is None or weight >= 0, "idf_weight must be 0 or more")

    def choices(self) -> "list[SessionKNNConfig]":
        """The same with all that was left to validation chosen, each way there is."""
        weights = IDF_WEIGHTS if self.idf_weight is None else (self.idf_weight,)
        reminding = (True, False) if self.reminds is None else (self.reminds,)
        return [
            replace(self, idf_weight=weight, reminds=reminds)
            for weight, reminds in product(weights, reminding)
        ]


class SessionKNN:
    """Scores items by the sessions most similar to the query.

    A session is the set of items of one training sequence, however many rows it
    was cut into. With p(i) the last 1-based position of item i in a query of
    length L:

    1. Candidates: the `sample_size` sessions that ended last (ties: smaller
       sequence id) among those that share an item with the query; the query's own
       sequence is none.
    2. Similarity: cosine of the query's items, weighted p(i) / L, with the
       session's item set; the `n_neighbours` best (ties: more recent) stay.
    3. A neighbour votes for each of its items with similarity / (L + 1 - p(j)),
       j its item that the query met last; votes are summed and weighted by IDF.
    4. Without reminding the query's own items have no votes.
    """

    monitor = "mrr"

    def __init__(self, n_items: int, config: SessionKNNConfig) -> None:
        self.n_items = n_items
        self.choose(config)
        nobody = torch.zeros(0, dtype=torch.int64)
        self._remember(Ragged.from_lists([]), nobody)

    @property
    def n_parameters(self) -> int:
        """One number for each item of each session."""
        return self.sessions.nnz

    def fit(self, train: TrainSequences, optimise: Optimise) -> None:
        """Keep each sequence's item set, most recent sequence first."""
        sequence, session = torch.unique(train.sequence, return_inverse=True)
        last_at = torch.full((len(sequence),), torch.iinfo(torch.int64).min)
        last_at.scatter_reduce_(0, session, train.last_at, "amax")
        # ids are ascending: a stable sort leaves ties in the order of their ids
        recent = last_at.argsort(descending=True, stable=True)
        place = recent.argsort()[session]  # of each row's session
        owner = torch.repeat_interleave(place, train.items.lengths)
        found = torch.unique(owner * self.n_items + train.items.values)
        sizes = torch.bincount(found // self.n_items, minlength=len(sequence))
        offsets = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
        self._remember(Ragged(found % self.n_items, offsets), sequence[recent])

    def choose(self, choice: SessionKNNConfig) -> None:
        """Take one of `choices`; of settings that leave some open, the first."""
        self.choices = choice.choices()
        self.config = self.choices[0]

    def score(self, queries: Queries) -> Tensor:
        """Weighted votes, 0 where no neighbour has the item, shape (B, n_items)."""
        (scores,) = self._scores(queries, [self.config])
        return scores

    def score_choices(self, queries: Queries) -> list[Tensor]:
        """What `score` would give after each of `choices`."""
        return self._scores(queries, self.choices)

    def _scores(
        self, queries: Queries, configs: list[SessionKNNConfig]
    ) -> list[Tensor]:
        """Scores under settings that differ in what becomes of the votes."""
        scores = [torch.zeros(len(queries), self.n_items) for _ in configs]
        n_together = min(SCORED_QUERIES, max(SCORES_HELD // self.n_items, 1))
        for rows in torch.arange(len(queries)).split(n_together):
            part = queries.take(rows)
            votes = self._votes(part)  # (b, n_items)
            own = torch.repeat_interleave(part.prefixes.lengths)
            for config, found in zip(configs, scores, strict=True):
                weighted = votes * (1 + config.idf_weight * self.idf)
                if not config.reminds:
                    weighted[own.numpy(), part.prefixes.values.numpy()] = 0.0
                found[rows] = torch.from_numpy(weighted).float()
        return scores

    def state_dict(self) -> dict[str, Tensor]:
        """The sessions, most recent first, as ragged item sets and sequence ids."""
        return {
            "items": torch.from_numpy(self.sessions.indices).long(),
            "offsets": torch.from_numpy(self.sessions.indptr).long(),
            "sequence": torch.from_numpy(self.sequence),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over sessions of the same vocabulary."""
        items = Ragged(state["items"], state["offsets"])
        if len(items.values) and int(items.values.max()) >= self.n_items:
            raise ValueError(f"an item is beyond the vocabulary of {self.n_items}")
        self._remember(items, state["sequence"])

    def _remember(self, items: Ragged, sequence: Tensor) -> None:
        """Index sessions, given most recent first as sorted item sets."""
        shape = (len(items), self.n_items)
        ones = np.ones(len(items.values))
        parts = (ones, items.values.numpy(), items.offsets.numpy())
        self.sessions = csr_matrix(parts, shape=shape)  # (S, n_items)
        self.sequence = sequence.numpy()  # (S,)
        self.size = items.lengths.numpy()  # (S,)
        by_item = self.sessions.T.tocsr()  # (n_items, S), most recent first
        n_sessions = np.diff(by_item.indptr)
        with np.errstate(divide="ignore"):
            idf = np.log(len(items) / np.maximum(n_sessions, 1))
        idf[n_sessions == 0] = 0.0  # never voted for
        self.idf = idf  # (n_items,)
        # a session beyond the first sample_size of an item is no candidate through
        # it, nor can a candidate be beyond them; one more, for the query's own
        self.postings = _head_of_rows(by_item, self.config.sample_size + 1)

    def _votes(self, queries: Queries) -> np.ndarray:
        """Summed votes of each query's neighbours, shape (b, n_items)."""
        positions = self._last_positions(queries.prefixes)  # (b, n_items)
        query, session, overlap = self._candidates(positions, queries.sequence.numpy())
        # sums of whole numbers are exact, so true ties are ties: overlap² / size
        # orders a query's candidates as the cosine does
        closeness = overlap**2 / self.size[session]
        order = np.lexsort((session, -closeness, query))
        best = order[_place_in_row(query[order]) < self.config.n_neighbours]
        query, session = query[best], session[best]
        norm = np.sqrt((positions**2).sum(1))[query]
        similarity = overlap[best] / (norm * np.sqrt(self.size[session]))
        length = queries.prefixes.lengths.numpy()[query]
        steps_back = length + 1 - self._last_shared(positions, query, session)
        shape = (len(queries), len(self.sequence))
        votes = csr_matrix((similarity / steps_back, (query, session)), shape=shape)
        return (votes @ self.sessions).toarray()

    def _last_positions(self, prefixes: Ragged) -> np.ndarray:
        """Last 1-based position of each item in each prefix, else 0."""
        positions = np.zeros((len(prefixes), self.n_items))
        lengths = prefixes.lengths.numpy()
        query = np.repeat(np.arange(len(prefixes)), lengths)
        position = _place_in_row(query) + 1.0
        np.maximum.at(positions, (query, prefixes.values.numpy()), position)
        return positions

    def _candidates(
        self, positions: np.ndarray, own: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Query, session and sum of shared items' positions, one a candidate."""
        shared = csr_matrix(positions) @ self.postings  # (b, S)
        shared.sort_indices()  # most recent first
        query = np.repeat(np.arange(len(positions)), np.diff(shared.indptr))
        asked = own[query]
        foreign = (asked == UNKNOWN) | (self.sequence[shared.indices] != asked)
        query, session = query[foreign], shared.indices[foreign]
        sample = _place_in_row(query) < self.config.sample_size
        return query[sample], session[sample], shared.data[foreign][sample]

    def _last_shared(
        self, positions: np.ndarray, query: np.ndarray, session: np.ndarray
    ) -> np.ndarray:
        """Position of the item that the query met last of those it shares."""
        if len(session) == 0:
            return np.zeros(0)
        items = self.sessions[session]  # (neighbours, n_items)
        owner = np.repeat(query, np.diff(items.indptr))
        return np.maximum.reduceat(positions[owner, items.indices], items.indptr[:-1])


def _place_in_row(row: np.ndarray) -> np.ndarray:
    """0-based place of each entry among those of its row; rows are ascending."""
    return np.arange(len(row)) - np.searchsorted(row, row)


def _head_of_rows(matrix: csr_matrix, n: int) -> csr_matrix:
    """The first n stored entries of each row."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    kept = _place_in_row(row) < n
    entries = (matrix.data[kept], (row[kept], matrix.indices[kept]))
    return csr_matrix(entries, shape=matrix.shape)
