"""Item rate: how often train users answered the item correctly, whoever asks."""

from dataclasses import dataclass

from torch import Tensor

from models_py.config import require
from models_py.fitting import Optimise
from models_py.tracing.data import Responses
from models_py.tracing.rates import ITEM_WEIGHT, Rates


@dataclass(frozen=True)
class ItemRateConfig:
    """Settings of `ItemRate`.

    Args:
        weight: how many answers of its skills' rate each item starts with.
    """

    weight: float = ITEM_WEIGHT

    def __post_init__(self) -> None:
        require(self.weight > 0, "weight must be above 0")


class ItemRate:
    """The floor: knows items, nothing of users. An unseen item is as its skills."""

    def __init__(self, n_items: int, n_skills: int, config: ItemRateConfig) -> None:
        self.config = config
        self.rates = Rates.unknown(n_items, n_skills)

    @property
    def n_parameters(self) -> int:
        """One rate an item and one a skill."""
        return len(self.rates.item_n) + len(self.rates.skill)

    def fit(self, train: Responses, val: Responses, optimise: Optimise) -> None:
        """Count train users' answers."""
        self.rates = Rates.among(train, self.config.weight)

    def predict(self, responses: Responses) -> Tensor:
        """The item's rate, shape (N,)."""
        return self.rates.of(
            responses.item, responses.skill_set, responses.skill_sets
        ).float()

    def state_dict(self) -> dict[str, Tensor]:
        """The counts."""
        return self.rates.state()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over rates of the same vocabulary."""
        self.rates.require_shapes(state)
        self.rates = Rates.from_state(state)
