"""A network as one function from padded rows of items to scores, for other runtimes."""

from typing import Any

import torch
from torch import Tensor, nn

from models_py.recommendation.repeats import with_repeats


class Served(nn.Module):
    """What `score` does, in operations that can be traced for any batch and length.

    Args:
        network: with `states`, `output` and a `config` that knows `max_length` and
            `repeat_weight`.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.max_length = network.config.max_length
        self.eval()

    def forward(self, items: Tensor) -> Tensor:
        """Scores of all items after each row's last one.

        Args:
            items: item ids shifted up by one, oldest first, 0 behind a row's end, no
                row empty, shape (B, L); of long rows the last `max_length` count.
        Returns:
            Shape (B, n_items).
        """
        lengths = (items != 0).sum(1)
        start = (lengths - self.max_length).clamp(min=0)[:, None]
        place = torch.arange(items.shape[1], device=items.device)[: self.max_length]
        kept = items.gather(1, (start + place).clamp(max=items.shape[1] - 1))
        states = self.network.states(kept)  # (B, L, D)
        last = (lengths.clamp(max=self.max_length) - 1).clamp(min=0)[:, None, None]
        state = states.gather(1, last.expand(-1, 1, states.shape[2]))[:, 0]
        logits = self.network.output(state)
        return with_repeats(logits, kept, self.network.config.repeat_weight)
