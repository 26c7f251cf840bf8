"""A blend: the weighted log odds of models that know different things.

A network that reads interactions, trees that read counts and a model of items err in
different places. How much each counts, and how sure the whole is, is learned from
validation users, whom none of them learned from: stacking, after Wolpert: Stacked
Generalization, Neural Networks 5, 1992.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor
from torch.nn import functional

from models_py.config import require
from models_py.fitting import Optimise
from models_py.tracing.data import Responses
from models_py.tracing.gbt import GBT, GBTConfig
from models_py.tracing.sakt import SAKT, SAKTConfig
from models_py.tracing.wd_irt import WideDeepIRT, WideDeepIRTConfig

MEMBERS: dict[str, Any] = {"sakt": SAKT, "gbt": GBT, "wd_irt": WideDeepIRT}
SMALLEST = 1e-6  # of a member's probability: no log odds are infinite


@dataclass(frozen=True)
class BlendConfig:
    """Settings of `Blend`.

    Args:
        evenness: how many answers' worth of evidence holds the weights at equal shares.
        sakt, gbt, wd_irt: settings of the members; in a line-up theirs.
    """

    evenness: float = 100.0
    sakt: SAKTConfig = field(default_factory=SAKTConfig)
    gbt: GBTConfig = field(default_factory=GBTConfig)
    wd_irt: WideDeepIRTConfig = field(default_factory=WideDeepIRTConfig)

    def __post_init__(self) -> None:
        require(self.evenness >= 0, "evenness must be 0 or more")


class Blend:
    """Weighted mean of the members' log odds, and a shift."""

    def __init__(self, n_items: int, n_skills: int, config: BlendConfig) -> None:
        self.config = config
        self.members = {
            name: kind(n_items, n_skills, getattr(config, name))
            for name, kind in MEMBERS.items()
        }
        # one weight a member, then the shift
        self.weights = torch.full((len(MEMBERS) + 1,), 1 / len(MEMBERS)).double()
        self.weights[-1] = 0.0

    @property
    def n_parameters(self) -> int:
        """The members', a weight for each and the shift."""
        return len(self.weights) + sum(m.n_parameters for m in self.members.values())

    def fit(self, train: Responses, val: Responses, optimise: Optimise) -> None:
        """Fit the members, then weigh them."""
        for member in self.members.values():
            member.fit(train, val, optimise)
        self.weigh(self._asked(val), val.correct)

    def weigh(self, chances: Tensor, correct: Tensor) -> None:
        """Weights of fitted members by the log loss of validation answers.

        Args:
            chances: what each member says of each answer, shape (N, members).
            correct: bool, shape (N,).
        """
        odds = _log_odds(chances).numpy()
        right = correct.double().numpy()
        even = np.append(np.full(len(MEMBERS), 1 / len(MEMBERS)), 0.0)

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            z, apart = odds @ weights, weights - even
            value = np.logaddexp(0.0, z).sum() - right @ z
            slope = odds.T @ (expit(z) - right)
            pull = self.config.evenness * apart
            return value + apart @ pull / 2, slope + pull

        bounds = [(0.0, None)] * len(MEMBERS) + [(None, None)]
        found = minimize(loss, even, jac=True, bounds=bounds, method="L-BFGS-B")
        self.weights = torch.from_numpy(found.x)

    def mixed(self, chances: Tensor) -> Tensor:
        """Sigmoid of the members' weighted log odds, shape (N,)."""
        return (_log_odds(chances) @ self.weights).sigmoid().float()

    def predict(self, responses: Responses) -> Tensor:
        """What the members' answers mix to, shape (N,)."""
        return self.mixed(self._asked(responses))

    def state_dict(self) -> dict[str, Tensor]:
        """The members' states under their names, and the weights."""
        return {"weights": self.weights} | {
            f"{name}.{key}": value
            for name, member in self.members.items()
            for key, value in member.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what was fitted on the same vocabularies."""
        if state["weights"].shape != self.weights.shape:
            raise ValueError(f"{len(state['weights'])} weights")
        for name, member in self.members.items():
            start = f"{name}."
            member.load_state_dict(
                {
                    k.removeprefix(start): v
                    for k, v in state.items()
                    if k.startswith(start)
                }
            )
        self.weights = state["weights"]

    def _asked(self, responses: Responses) -> Tensor:
        """Each member's probabilities, shape (N, members)."""
        found = [member.predict(responses) for member in self.members.values()]
        return torch.stack(found, dim=1)


def _log_odds(chances: Tensor) -> Tensor:
    """Log odds, then a 1 for the shift, float64, shape (N, members + 1)."""
    odds = chances.double().clamp(SMALLEST, 1 - SMALLEST).logit()
    return functional.pad(odds, (0, 1), value=1.0)
