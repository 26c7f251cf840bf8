"""Eligible impressions with what led up to them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models_py.ragged import Ragged

AUCTION_ITEM, UNKNOWN_ITEM = 1, 2  # item ids before the first product
FIRST_PRODUCT = 3
IMPRESSION = 1  # event id


@dataclass(frozen=True)
class Trials:
    """R trials, one a shown product that could have been clicked.

    Args:
        events: event ids of each trial's history, oldest first, the index impression
            last.
        items: item ids, aligned with `events`.
        minutes: minutes before the index, float64, shape (N,), aligned with both.
        item: product of the index impression, shape (R,).
        session: number of the session, shape (R,).
        user: number of the user, shape (R,).
        index_at: time of the index in epoch seconds, shape (R,).
        treatment: 1 where the product was clicked, float64, shape (R,).
        outcome: 1 where a purchase followed, float64, shape (R,).
        n_items: size of the vocabulary, padding and the like among it.
    """

    events: Ragged
    items: Tensor
    minutes: Tensor
    item: Tensor
    session: Tensor
    user: Tensor
    index_at: Tensor
    treatment: Tensor
    outcome: Tensor
    n_items: int

    def __len__(self) -> int:
        return len(self.events)

    def take(self, rows: Tensor) -> "Trials":
        """The chosen trials, in the order asked for."""
        entries, lengths = self.events.positions(rows)
        offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
        columns = ("item", "session", "user", "index_at")
        return Trials(
            events=Ragged(self.events.values[entries], offsets),
            items=self.items[entries],
            minutes=self.minutes[entries],
            **{name: getattr(self, name)[rows] for name in columns},
            treatment=self.treatment[rows],
            outcome=self.outcome[rows],
            n_items=self.n_items,
        )
