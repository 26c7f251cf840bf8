"""What a user had shown before each answer, counted one answer after the other.

The same as the mart `response_features`, in another way: the mart's windows are checked
against it in every run, and tampered answers can be followed into the features.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

import numpy as np
import torch

from models_py.tracing.data import Responses
from training.errors import UserError
from training.tracing.marts import FEATURES

TOLERANCE = 1e-4  # of transformed features in single precision


def recounted(responses: Responses) -> Responses:
    """The same responses with `history` counted from strictly earlier seconds.

    Args:
        responses: whole users, in order of time.
    """
    rows = [values for user in _by_user(responses) for values in _followed(user)]
    raw = np.array(rows, dtype=np.float64).reshape(-1, len(FEATURES))
    with np.errstate(invalid="ignore"):  # tampered latencies may be below zero
        columns = [
            change(raw[:, number]) for number, change in enumerate(FEATURES.values())
        ]
    history = np.stack(columns, axis=1).astype(np.float32)
    gaps = list(FEATURES).index("seconds_since_previous")
    if responses.history[:, gaps].isnan().all():  # time is only an order
        history[:, gaps] = np.nan
    return replace(responses, history=torch.from_numpy(history))


def require_past_only(responses: Responses) -> None:
    """Hold the features read from the marts against those counted anew.

    Raises:
        UserError: a feature tells more, or less, than earlier responses do.
    """
    found, expected = responses.history, recounted(responses).history
    is_same = torch.isclose(found, expected, TOLERANCE, TOLERANCE, equal_nan=True)
    if not is_same.all():
        row, column = (~is_same).nonzero()[0].tolist()
        raise UserError(
            f"mart response_features is broken: {list(FEATURES)[column]} of "
            f"{int((~is_same).any(1).sum())} of {len(responses)} responses is not what "
            f"strictly earlier responses give (transformed: {found[row, column]:.4g}, "
            f"not {expected[row, column]:.4g}); rebuild it with `dbt build`"
        )


@dataclass(frozen=True)
class _Given:
    """One answer of a user."""

    at: int
    item: int
    skills: list[int]
    correct: bool
    help_before: float
    latency_sec: float


@dataclass
class _Tally:
    """Answers so far: how many, and how many were right; by item and by skill."""

    n: int = 0
    n_correct: int = 0
    n_help: float = 0.0
    last_at: float = np.nan
    n_latencies: int = 0
    latency_sec: float = 0.0
    trials: Counter = field(default_factory=Counter)
    successes: Counter = field(default_factory=Counter)

    def features(self, asked: _Given) -> list[float]:
        """In the order of `FEATURES`."""
        item = ("item", asked.item)
        skills = [("skill", skill) for skill in asked.skills]
        return [
            self.n,
            _rate(self.n_correct, self.n),
            _mean([self.trials[skill] for skill in skills], 0.0),
            _mean([_rate(self.successes[s], self.trials[s]) for s in skills], 0.5),
            self.trials[item],
            _rate(self.successes[item], self.trials[item]),
            asked.at - self.last_at,
            self.n_help / self.n if self.n else np.nan,
            self.latency_sec / self.n_latencies if self.n_latencies else np.nan,
        ]

    def add(self, given: _Given) -> None:
        """Count one more answer."""
        self.n += 1
        self.n_correct += given.correct
        self.n_help += given.help_before
        self.last_at = given.at
        if not np.isnan(given.latency_sec):
            self.n_latencies += 1
            self.latency_sec += given.latency_sec
        for key in (("item", given.item), *(("skill", s) for s in given.skills)):
            self.trials[key] += 1
            self.successes[key] += given.correct


def _followed(user: list[_Given]) -> Iterator[list[float]]:
    """Features of each answer; those of one second do not see each other."""
    tally = _Tally()
    for _, group in groupby(user, key=lambda given: given.at):
        together = list(group)
        yield from (tally.features(asked) for asked in together)
        for given in together:
            tally.add(given)


def _by_user(responses: Responses) -> Iterator[list[_Given]]:
    skills, bounds = responses.skills.values.tolist(), responses.skills.offsets.tolist()
    behaviour = responses.behaviour.double()
    given = [
        _Given(at, item, skills[start:end], correct, help_before, latency)
        for at, item, start, end, correct, help_before, latency in zip(
            responses.at.tolist(),
            responses.item.tolist(),
            bounds[:-1],
            bounds[1:],
            responses.correct.tolist(),
            behaviour[:, 0].tolist(),
            behaviour[:, 1].expm1().tolist(),
            strict=True,
        )
    ]
    starts = responses.user_starts.tolist()
    for start, end in pairwise(starts):
        yield given[start:end]


def _rate(n_successes: int, n_trials: int) -> float:
    """Laplace's rule of succession."""
    return (n_successes + 1) / (n_trials + 2)


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default
