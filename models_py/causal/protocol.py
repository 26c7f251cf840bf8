"""The verbs every nuisance model has."""

from typing import Protocol

from torch import Tensor

from models_py.causal.trials import Trials
from models_py.fitting import FitLog, Optimise

COLUMNS = ("propensity", "control", "treated")
EDGE = 1e-4  # probabilities stay this far from 0 and 1


class NuisanceModel(Protocol):
    """Predicts from its history how a trial goes on."""

    @property
    def n_parameters(self) -> int:
        """How many numbers the fitted model keeps."""

    def fit(self, train: Trials, optimise: Optimise) -> FitLog | None:
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

    def state_dict(self) -> dict[str, Tensor]:
        """All that was learned, as tensors."""

    def load_state_dict(self, state: dict[str, Tensor]) -> object:
        """Take over what `state_dict` of an equally configured model gave."""
