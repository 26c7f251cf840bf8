"""The verbs every nuisance model has."""

from typing import Protocol

from torch import Tensor

from models_py.causal.trials import Trials
from models_py.fitting import Batch, FitLog, Stateful, Trainable

COLUMNS = ("propensity", "control", "treated")
EDGE = 1e-4  # probabilities stay this far from 0 and 1


class NuisanceNetwork(Trainable[Trials, Batch], Protocol[Batch]):
    """One that the training loop fits, stopped by users it does not learn from."""

    def log_loss(self, trials: Trials) -> float:
        """The training loss on other trials, without dropout."""


class OptimiseNuisances(Protocol):
    """The training loop with its settings filled in, and with whom it is stopped by."""

    def __call__(self, model: NuisanceNetwork[Batch], train: Trials, /) -> FitLog:
        """Fit the network to most of the users of the given trials."""


class NuisanceModel(Stateful, Protocol):
    """Predicts from its history how a trial goes on."""

    @property
    def n_parameters(self) -> int:
        """How many numbers the fitted model keeps."""

    def fit(self, train: Trials, optimise: OptimiseNuisances) -> FitLog | None:
        """Learn from trials whose both arms are seen.

        Networks hand themselves to `optimise` and return its log; the others need
        no optimiser and return None.
        """

    def predict(self, trials: Trials) -> Tensor:
        """Probabilities of treatment, and of the outcome without and with it.

        A trial's probabilities depend on its own history alone: neither on its
        treatment and outcome nor on the other trials asked for.

        Returns:
            In the order of `COLUMNS`, in [EDGE, 1 - EDGE], float64 on the CPU,
            shape (R, 3).
        """
