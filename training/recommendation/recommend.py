"""Next items for one prefix, from a finished run."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError

from models_py import registry
from models_py.data import Queries
from models_py.fitting import Diverged
from models_py.meta.tasks import PairRows, Tasks
from models_py.ragged import Ragged
from models_py.recommendation.session_knn import UNKNOWN
from training.errors import UserError
from training.evaluation.ranking import best_items
from training.fit.seeds import make_reproducible
from training.recommendation.finished import FinishedModel, finished_model

_FORM = 'write a JSON list of {"after": ["course", …], "next": "course"}'


@dataclass(frozen=True)
class Recommendation:
    """One item proposed next."""

    rank: int
    item_key: str
    score: float


@dataclass(frozen=True)
class SupportPair:
    """One thing a learner did: after these items came that one."""

    # what a file says beyond this would be passed over, as if it counted
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    after: list[str]
    next: str


def read_support(path: Path) -> list[SupportPair]:
    """Read a JSON list of `{"after": [item, …], "next": item}`.

    Raises:
        UserError: the file is unreadable, empty or of another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
        pairs = TypeAdapter(list[SupportPair]).validate_json(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UserError(f"--support {path}: {reason}; {_FORM}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise UserError(
            f"--support {path}: {place or 'file'}: {problem['msg']}; {_FORM}"
        ) from error
    if not pairs:
        raise UserError(f"--support {path} holds no pair; leave the option out")
    for number, pair in enumerate(pairs, start=1):
        if not pair.after or pair.after[-1] == pair.next:
            raise UserError(
                f"--support {path}: pair {number} needs a course in `after`, the last "
                "of them another than `next`"
            )
    return pairs


def recommend(
    run_dir: Path,
    name: str | None,
    after: list[str],
    top: int,
    support: list[SupportPair] | None = None,
) -> list[Recommendation]:
    """Rank the vocabulary after a prefix.

    Args:
        run_dir: folder of a finished run.
        name: a model of the run; None takes its best baseline by validation.
        after: item keys, oldest first; repeats in a row collapse, as in training.
        top: how many items to return.
        support: what else the learner did, oldest first; None takes a model as it is.
    Raises:
        UserError: the run is not one of recommenders or lacks the model, or an item
            is not in its vocabulary.
    """
    model = finished_model(run_dir, name)
    prefix = _without_repeats(model.ids_of("--after", after))
    known = [_known_pair(*numbered, model) for numbered in enumerate(support or [], 1)]
    if known and not registry.MODELS[model.name].adapts:
        adapting = [n for n in model.metrics["models"] if registry.MODELS[n].adapts]
        raise UserError(
            f"--support: {model.name} does not adapt; models of {run_dir} that do: "
            + (", ".join(adapting) or "none")
        )
    make_reproducible()
    try:
        scores = _scores(model.fitted(), prefix, known)
    except Diverged as error:
        raise UserError(
            f"--support: {model.name}: {error}; leave --support out"
        ) from error
    _, no_candidates = model.candidates.left_out(Ragged.from_lists([prefix]))
    scores[no_candidates] = -torch.inf
    items, values = best_items(scores[None], top)
    return [
        Recommendation(rank, model.item_keys[i], value)
        for rank, (i, value) in enumerate(
            zip(items[0].tolist(), values[0].tolist(), strict=True), start=1
        )
        if i >= 0
    ]


def _scores(
    model: Any, prefix: list[int], support: list[tuple[list[int], int]]
) -> torch.Tensor:
    """Scores of all items after the prefix, shape (n_items,)."""
    if not support:
        return model.score(Queries(Ragged.from_lists([prefix]), torch.tensor([-1])))[0]
    rows = [*(after for after, _ in support), prefix]
    prefixes, n = Ragged.from_lists(rows), len(support)
    pairs = PairRows(
        prefixes=prefixes,
        prefix_len=prefixes.lengths,
        sequence=torch.tensor(_sequences(rows, [item for _, item in support])),
        label=torch.tensor([*(item for _, item in support), 0]),
        # nobody measured these sessions: they are taken as fully reliable
        reliability=torch.ones(n + 1),
    )
    row = torch.arange(n + 1)[None]
    tasks = Tasks(pairs, row[:, :n], row[:, n:], reliability=torch.ones(1))
    return model.score_tasks(tasks)[0, 0]


def _sequences(prefixes: list[list[int]], following: list[int]) -> list[int]:
    """Numbers of the sequences that prefixes come from.

    A prefix that is the one before with what followed goes on in its sequence, as
    pairs of one session do in training. Numbers are below Session-KNN's unknown.
    """
    numbers = [UNKNOWN - 1]
    for before, item, prefix in zip(
        prefixes[:-1], following, prefixes[1:], strict=True
    ):
        goes_on = prefix[: len(before) + 1] == [*before, item]
        numbers.append(numbers[-1] if goes_on else numbers[-1] - 1)
    return numbers


def _known_pair(
    number: int, pair: SupportPair, model: FinishedModel
) -> tuple[list[int], int]:
    """A support pair as item ids."""
    where = f"--support: pair {number}:"
    (following,) = model.ids_of(where, [pair.next])
    return _without_repeats(model.ids_of(where, pair.after)), following


def _without_repeats(items: list[int]) -> list[int]:
    """Items of which none is the one before."""
    return [item for item, _ in groupby(items)]
