"""A list for every learner: what a finished run ranks highest after what was done last.

Users and what they did come from the marts as they are, which may be newer than the
run: what the run has never seen is passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models_py import registry
from models_py.data import Queries
from models_py.fitting import Diverged
from models_py.meta.tasks import PairRows, Tasks
from models_py.ragged import Ragged
from training.errors import UserError, nearest
from training.evaluation.ranking import best_items
from training.recommendation.candidates import Candidates
from training.recommendation.finished import FinishedModel
from training.recommendation.known import KnownItems
from training.recommendation.latest import LatestMarts

CHUNK = 1024  # users listed together; changes no list
SCORES_HELD = 2**23  # scores held at a time; changes none either

Repeats = Literal["allow", "none", "auto"]


@dataclass(frozen=True)
class ListRules:
    """What lists are to be.

    Args:
        top: items a list.
        repeats: whether what the user has met may be listed: `allow`; `none` of all
            that was ever met; or `auto`, as the run was evaluated.
        candidates: keys of the items that may be listed; None for all.
    """

    top: int = 10
    repeats: Repeats = "auto"
    candidates: list[str] | None = None


@dataclass(frozen=True)
class Listed:
    """The lists of some users.

    Args:
        users: rows of the marts' users, one an entry, shape (N,).
        rank: from 1, shape (N,).
        items: the run's item ids, shape (N,).
        scores: shape (N,).
    """

    users: Tensor
    rank: Tensor
    items: Tensor
    scores: Tensor


class Lister:
    """Makes lists with one model of a run.

    Raises:
        UserError: more is asked than there are items, or a candidate is unknown.
    """

    def __init__(
        self, model: FinishedModel, marts: LatestMarts, rules: ListRules
    ) -> None:
        n_items = len(model.item_keys)
        if rules.top > n_items:
            raise UserError(
                f"--top {rules.top}: the run knows only {n_items} items; ask for at "
                f"most {n_items}"
            )
        self.model, self.rules, self.marts = model, rules, marts
        self.is_candidate = torch.ones(n_items, dtype=torch.bool)
        if rules.candidates is not None:
            self.is_candidate[:] = False
            self.is_candidate[model.ids_of("--candidates", rules.candidates)] = True
        self.support = marts.latest_pairs(model.n_support)
        inputs = model.run.read_json("manifest.json")["inputs"]
        self.known = KnownItems.of_keys(
            model.item_keys,
            marts.item_keys,
            is_of_run=inputs.get("pairs") == marts.fingerprints["pairs"],
        )
        self.sequence = self.known.sequences(marts.last_sequence())
        self.fitted = model.fitted()

    def lists(self, users: Tensor) -> Iterator[tuple[int, Listed]]:
        """The lists of some users, chunk by chunk, with how many users it was.

        Users whose last sequence holds nothing that the run knows, and users without
        any candidate left, have no entries.

        Raises:
            UserError: the model diverges on what a user did.
        """
        n_items = len(self.model.item_keys)
        for chunk in users.split(min(CHUNK, max(SCORES_HELD // n_items, 1))):
            prefixes = self.known.rows(self.marts.prefixes.take(chunk))
            has_any = prefixes.lengths > 0
            rows = has_any.nonzero().squeeze(1)
            yield len(chunk), self._listed(chunk[rows], prefixes.take(rows))

    def _listed(self, users: Tensor, prefixes: Ragged) -> Listed:
        if len(users) == 0:
            nothing = torch.zeros(0, dtype=torch.int64)
            return Listed(nothing, nothing, nothing, torch.zeros(0))
        try:
            scores = self._scores(users, prefixes)
        except Diverged as error:
            raise UserError(
                f"{self.model.name}: {error}; choose another with --model"
            ) from error
        row, item = self._left_out(users, prefixes)
        scores[row, item] = -torch.inf
        scores[:, ~self.is_candidate] = -torch.inf
        items, values = best_items(scores, self.rules.top)
        at, place = (items >= 0).nonzero(as_tuple=True)
        return Listed(users[at], place + 1, items[at, place], values[at, place])

    def _left_out(self, users: Tensor, prefixes: Ragged) -> Tensor:
        """Row and item of all that must not be listed, (2, N)."""
        rule = self.model.candidates
        if self.rules.repeats == "none":
            seen = self.known.rows(self.marts.seen.take(users))
            return torch.stack([torch.repeat_interleave(seen.lengths), seen.values])
        if self.rules.repeats == "allow" and rule.exclude == "prefix":
            rule = Candidates(rule.asked, "last")
        return rule.left_out(prefixes)

    def _scores(self, users: Tensor, prefixes: Ragged) -> Tensor:
        """Scores of all items of the run, shape (B, n_items)."""
        queries = Queries(prefixes, self.sequence[users])
        if not registry.MODELS[self.model.name].adapts:
            return self.fitted.score(queries)
        support = self.support.take(users)
        blocks = self.known.with_support(self.marts.pairs, support, queries)
        if registry.reads_any_support(self.model.name):
            return self.fitted.score_blocks(blocks)
        asked, support = blocks.query.values, blocks.support
        scores = torch.empty(len(users), len(self.model.item_keys))
        for size in support.lengths.unique().tolist():
            rows = (support.lengths == size).nonzero().squeeze(1)
            scores[rows] = self._adapted(blocks.pairs, support.take(rows), asked[rows])
        return scores

    def _adapted(self, pairs: PairRows, support: Ragged, asked: Tensor) -> Tensor:
        """The scores of learners with as many support pairs each."""
        if len(support.values) == 0:
            queries = Queries(pairs.prefixes.take(asked), pairs.sequence[asked])
            return self.fitted.score(queries)
        known = support.values.view(len(asked), -1)
        reliability = pairs.reliability[known].mean(1)
        tasks = Tasks(pairs, known, asked[:, None], reliability)
        return self.fitted.score_tasks(tasks)[:, 0]


def rows_of(marts: LatestMarts, dataset: str, users: list[str] | None) -> Tensor:
    """Rows of the users that are asked for, in the order of their ids; None for all.

    Raises:
        UserError: one of them is not there.
    """
    if users is None:
        return torch.arange(len(marts))
    known = marts.user_id.to_pylist()
    number = {user_id: row for row, user_id in enumerate(known)}
    for user in users:
        if user not in number:
            raise UserError(
                f"--users: {user} is no user of data set {dataset}; the nearest are: "
                + nearest(user, known)
            )
    return torch.tensor(sorted({number[user] for user in users}), dtype=torch.int64)
