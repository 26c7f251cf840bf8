"""Small tables of trials, from the simulator or by hand."""

from functools import cache

import numpy as np
import torch

from models_py.causal.trials import Trials
from models_py.ragged import Ragged
from training.causal.marts import TrialTable, trial_table
from training.simulate.ads.process import AdSettings
from training.simulate.ads.trials import simulate_trials


@cache
def simulated(n_users: int = 150, seed: int = 0, **settings: float) -> TrialTable:
    """Uncensored trials of simulated users."""
    made = simulate_trials(AdSettings(**settings), n_users, seed)
    return trial_table(made.table, len(made.tokens)).uncensored()


def trials_of(
    histories: list[list[tuple[int, int, float]]],
    session: list[int],
    *,
    index_at: list[int] | None = None,
    n_items: int = 12,
) -> Trials:
    """Trials by hand.

    Args:
        histories: (event, item, minutes before the index) of each event, oldest first;
            the last is the index impression.
    """
    flat = [event for history in histories for event in history]
    n = len(histories)
    return Trials(
        events=Ragged.from_lists([[e for e, _, _ in h] for h in histories]),
        items=torch.tensor([item for _, item, _ in flat]),
        minutes=torch.tensor([m for _, _, m in flat], dtype=torch.float64),
        item=torch.tensor([history[-1][1] for history in histories]),
        session=torch.tensor(session),
        user=torch.tensor(session),
        index_at=torch.tensor(index_at or [86_400] * n),
        treatment=torch.tensor(np.arange(n) % 2, dtype=torch.float64),
        outcome=torch.zeros(n, dtype=torch.float64),
        n_items=n_items,
    )
