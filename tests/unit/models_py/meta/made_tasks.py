"""Small tasks for the tests of models that adapt."""

import numpy as np
import torch

from models_py.meta.tasks import PairRows, Tasks, TrainTasks
from models_py.ragged import Ragged
from tests.unit.models_py.made_data import train_of


def pairs_of(sequences: list[list[int]], cap: int = 50) -> PairRows:
    """All pairs of the sequences, in order; prefixes keep their last `cap` items."""
    rows = [(s, t) for s, items in enumerate(sequences) for t in range(1, len(items))]
    return PairRows(
        prefixes=Ragged.from_lists(
            [sequences[s][max(t - cap, 0) : t] for s, t in rows]
        ),
        prefix_len=torch.tensor([t for _, t in rows]),
        sequence=torch.tensor([s for s, _ in rows]),
        label=torch.tensor([sequences[s][t] for s, t in rows]),
        reliability=torch.arange(1, len(rows) + 1) / len(rows),
    )


def random_tasks(
    n_tasks: int, k: int = 3, q: int = 4, n_items: int = 9, cap: int = 50, seed: int = 0
) -> Tasks:
    """Episodes over random sequences of several lengths, some longer than `cap`."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 9, n_tasks * (k + q))
    sequences = [rng.integers(0, n_items, length).tolist() for length in lengths]
    pairs = pairs_of(sequences, cap)
    rows = torch.arange(n_tasks * (k + q)).view(n_tasks, k + q)
    reliability = torch.from_numpy(rng.random(n_tasks)).float()
    return Tasks(pairs, rows[:, :k], rows[:, k:], reliability)


def either_way(n_users: int, n_items: int, seed: int, k: int = 3, q: int = 4):
    """Learners who walk round a circle of items, each in a direction of its own.

    A prefix of one item leaves the direction open; any support pair tells it.

    Returns:
        Train tasks and all learners' episodes.
    """
    rng = np.random.default_rng(seed)
    sequences, histories = [], []
    for _ in range(n_users):
        way = int(rng.choice([-1, 1]))
        starts = rng.integers(0, n_items, k + q)
        own = [[int(start), int(start + way) % n_items] for start in starts]
        histories.append(list(range(len(sequences), len(sequences) + len(own))))
        sequences += own
    pairs, rows = pairs_of(sequences), torch.tensor(histories)
    episodes = Tasks(pairs, rows[:, :k], rows[:, k:], torch.full((n_users,), 0.6))
    train = TrainTasks(
        train_of(sequences, n_items=n_items), episodes, Ragged.from_lists(histories)
    )
    return train, episodes
