"""What simulated users did, in order."""

from dataclasses import dataclass

import numpy as np

from training.simulate.arrays import Ints
from training.simulate.courses.bayes import Sequences


@dataclass(frozen=True)
class Histories:
    """What users did, collapsed: consecutive repeats of an item are one.

    Args:
        user_ids: shape (U,).
        programme: of each user, shape (U,).
        sequences: R sequences of N items, a user's one after the other in time.
        user: position in `user_ids` of each sequence, ascending, shape (R,).
        at: time of each item in epoch seconds, rising within a user, shape (N,).
        is_guest: sequences of somebody else at the account, shape (R,); None where
            everybody has an account of their own.
    """

    user_ids: list[str]
    programme: Ints
    sequences: Sequences
    user: Ints
    at: Ints
    is_guest: np.ndarray | None = None

    def of_users(self, is_kept: np.ndarray) -> "Histories":
        """Only the users marked True, shape (U,)."""
        kept = np.flatnonzero(is_kept)
        renumbered = np.cumsum(is_kept) - 1
        kept_sequence = is_kept[self.user]
        kept_item = kept_sequence[self.sequences.number()]
        lengths = np.diff(self.sequences.offsets)[kept_sequence]
        return Histories(
            user_ids=[self.user_ids[row] for row in kept],
            programme=self.programme[kept],
            sequences=Sequences.of_lengths(self.sequences.items[kept_item], lengths),
            user=renumbered[self.user[kept_sequence]],
            at=self.at[kept_item],
            is_guest=None if self.is_guest is None else self.is_guest[kept_sequence],
        )
