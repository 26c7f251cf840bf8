"""Small training sets and queries for the tests of models and of the loop."""

import numpy as np
import torch
from hypothesis import strategies as st

from models_py.data import Queries, TrainSequences
from models_py.ragged import Ragged

rows = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8)


def train_of(
    items: list[list[int]],
    *,
    n_items: int,
    is_label: list[list[bool]] | None = None,
    sequence: list[int] | None = None,
    last_at: list[int] | None = None,
) -> TrainSequences:
    """Training rows; by default each is a sequence, and all but its first a label."""
    flags = is_label or [[at > 0 for at in range(len(row))] for row in items]
    return TrainSequences(
        items=Ragged.from_lists(items),
        is_label=torch.tensor([flag for row in flags for flag in row]).bool(),
        sequence=torch.tensor(sequence or list(range(len(items)))).long(),
        last_at=torch.tensor(last_at or [0] * len(items)).long(),
        n_items=n_items,
    )


def queries_of(prefixes: list[list[int]], sequence: list[int] | None = None) -> Queries:
    """Prefixes, by default of unknown sequences."""
    known = [-1] * len(prefixes) if sequence is None else sequence
    return Queries(Ragged.from_lists(prefixes), torch.tensor(known))


def cycles(n_items: int, n_rows: int, seed: int = 0) -> TrainSequences:
    """Sequences that walk 0 → 1 → … → n_items − 1 → 0, from anywhere."""
    rng = np.random.default_rng(seed)
    starts, lengths = rng.integers(0, n_items, n_rows), rng.integers(2, 9, n_rows)
    items = [
        [int(start + step) % n_items for step in range(length)]
        for start, length in zip(starts, lengths, strict=True)
    ]
    return train_of(items, n_items=n_items)


def random_walks(n_items: int, n_rows: int, seed: int = 0) -> TrainSequences:
    """Sequences of random items, some labels not admissible, at random times."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, n_rows)
    items = [rng.integers(0, n_items, length).tolist() for length in lengths]
    flags = [[at > 0 and bool(rng.random() < 0.8) for at in range(n)] for n in lengths]
    return train_of(
        items,
        n_items=n_items,
        is_label=flags,
        sequence=rng.permutation(n_rows).tolist(),
        last_at=rng.integers(0, 5, n_rows).tolist(),
    )
