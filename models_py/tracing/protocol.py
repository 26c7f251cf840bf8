"""The verbs every model of knowledge tracing has."""

from typing import Protocol

from torch import Tensor

from models_py.fitting import FitLog, Optimise, Stateful
from models_py.tracing.data import Responses


class Tracer(Stateful, Protocol):
    """Says how likely each answer is to be correct, before it is given."""

    @property
    def n_parameters(self) -> int:
        """How many numbers the fitted model keeps."""

    def fit(
        self, train: Responses, val: Responses, optimise: Optimise
    ) -> FitLog | None:
        """Learn from train users' answers, stop or weigh by validation users'.

        Neural models hand themselves to `optimise`, which knows the validation users,
        and return its log; the others need no optimiser and return None.
        """

    def predict(self, responses: Responses) -> Tensor:
        """Probability of a correct answer, float32 in (0, 1), shape (N,).

        A row's prediction depends on its item, skills, time and history features
        and on strictly earlier rows of the same user; never on its own answer, on
        later rows or on other users' rows.
        """
