"""Which users and pairs the marts use for testing, under their default parameters."""

import hashlib
from dataclasses import dataclass
from typing import Literal

SPLIT_SEED = 20260107

Split = Literal["train", "val", "test"]


def user_split(user_id: str) -> Split:
    """Split of a user under the marts' default seed and ratios.

    u = first 8 hex digits of md5("<seed>:<user_id>") / 2^32; train below 0.70, val
    below 0.85, else test.
    """
    digest = hashlib.md5(f"{SPLIT_SEED}:{user_id}".encode()).hexdigest()
    uniform = int(digest[:8], 16) / 2**32
    return "train" if uniform < 0.70 else "val" if uniform < 0.85 else "test"


@dataclass(frozen=True)
class EpisodeRule:
    """Which pairs of a test user are the queries of an episode mart.

    Args:
        mart: its name.
        n_support, n_query: K and Q.
        last_only: one episode, the last K + Q pairs; else starts 0, Q, 2Q, …
    """

    mart: str
    n_support: int
    n_query: int
    last_only: bool

    def starts(self, n_pairs: int) -> range:
        """First pair of each episode of a user with that many pairs."""
        latest = n_pairs - self.n_support - self.n_query
        if latest < 0:
            return range(0)
        if self.last_only:
            return range(latest, latest + 1)
        return range(0, latest + 1, self.n_query)
