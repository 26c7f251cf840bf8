"""Item rate: how often train users answered the item correctly, whoever asks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models_py.config import require
from models_py.fitting import Optimise
from models_py.tracing.data import Responses
from models_py.tracing.rates import Rates


@dataclass(frozen=True)
class ItemRateConfig:
    """Settings of `ItemRate`.

    Args:
        weight: how many answers of the mean rate each item starts with.
    """

    weight: float = 10.0

    def __post_init__(self) -> None:
        require(self.weight > 0, "weight must be above 0")


class ItemRate:
    """The floor: knows items, nothing of users. An unseen item gets the mean."""

    def __init__(self, n_items: int, n_skills: int, config: ItemRateConfig) -> None:
        self.config = config
        self.rate = torch.full((n_items,), 0.5)

    @property
    def n_parameters(self) -> int:
        """One rate an item."""
        return len(self.rate)

    def fit(self, train: Responses, optimise: Optimise) -> None:
        """Count train users' answers."""
        self.rate = Rates.among(train, self.config.weight).item.float()

    def predict(self, responses: Responses) -> Tensor:
        """The item's rate, shape (N,)."""
        return self.rate[responses.item]

    def state_dict(self) -> dict[str, Tensor]:
        """The rates, shape (n_items,)."""
        return {"rate": self.rate}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over rates of the same vocabulary."""
        if state["rate"].shape != self.rate.shape:
            raise ValueError(
                f"rates of {len(state['rate'])} items, not {len(self.rate)}"
            )
        self.rate = state["rate"]
