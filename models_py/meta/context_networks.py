"""Networks that read the support, fitted side by side; their probabilities averaged."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig
from models_py.fitting import Batches
from models_py.meta.blocks import Blocks, block_batches
from models_py.meta.context import ContextBatch, ContextConfig, ContextGRU
from models_py.meta.tasks import TrainTasks
from models_py.recommendation.sequences import device_of

# up to so many train pairs a second network is worth what it costs
FEW = 50_000


def usual_networks(n_pairs: int) -> int:
    """How many networks where the settings leave it open, by the train pairs."""
    return 2 if n_pairs <= FEW else 1


class ContextNetworks(nn.Module):
    """Equal networks from different weights, fitted side by side on equal batches."""

    def __init__(
        self, n_items: int, config: ContextConfig, seed: int, number: int | None
    ) -> None:
        """Build them, the first of seed `seed`; None builds as many as may be kept."""
        super().__init__()
        self.members = nn.ModuleList(
            ContextGRU(n_items, config, seed + member)
            for member in range(number or usual_networks(0))
        )

    def keep(self, number: int) -> None:
        """Go on with the first `number` of them."""
        self.members = self.members[:number]

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """The same of as many members as the state has."""
        numbers = {key.split(".")[1] for key in state_dict if key.count(".") > 1}
        self.keep(max(len(numbers), 1))
        return super().load_state_dict(state_dict, strict, assign)

    @property
    def each(self) -> Sequence[ContextGRU]:
        """The members as the networks that they are: torch's list knows modules."""
        return cast(Sequence[ContextGRU], self.members)

    def batches(
        self, train: TrainTasks, settings: OptimiserConfig, generator: torch.Generator
    ) -> Batches[ContextBatch]:
        """Train users' histories cut into blocks, laid out as all members do."""
        lay_out = partial(self.each[0].lay_out, may_exceed=True)
        return block_batches(train, settings, generator, lay_out)

    def loss(self, batch: ContextBatch) -> Tensor:
        """Mean of the members' losses, a scalar."""
        return torch.stack([member.loss(batch) for member in self.each]).mean()

    @torch.no_grad()
    def probabilities(self, blocks: Blocks) -> Tensor:
        """Mean over the members, a row a query, shape (N, n_items), on the CPU."""
        self.eval()
        batch = self.each[0].lay_out(blocks).to(device_of(self))
        found = [member.output(member.states(batch)) for member in self.each]
        return torch.stack(found).softmax(-1).mean(0).float().cpu()
