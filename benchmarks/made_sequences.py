"""Training sequences and queries of realistic lengths, with random items."""

import numpy as np
import torch

from models_py.data import Queries, TrainSequences
from models_py.ragged import Ragged

MAX_ITEMS = 51  # a prefix of 50 and its label


def realistic_lengths(rng: np.random.Generator, n_targets: int) -> np.ndarray:
    """Lengths whose pairs have prefixes of 2 items at the median, 14 at the 90th
    percentile, as the XuetangX log has them."""
    lengths = rng.lognormal(0.0, 1.4, n_targets).astype(np.int64) + 2
    return _first_with(np.minimum(lengths, MAX_ITEMS), n_targets)


def long_lengths(n_targets: int) -> np.ndarray:
    """Sequences as long as they can get: the dearest prefixes."""
    return _first_with(np.full(n_targets, MAX_ITEMS), n_targets)


def prefix_percentiles(lengths: np.ndarray) -> dict[str, float]:
    """Median and 90th percentile of the prefix lengths of all targets."""
    prefixes = np.concatenate([np.arange(1, length) for length in lengths])
    median, high = np.percentile(prefixes, [50, 90])
    return {"prefix_p50": float(median), "prefix_p90": float(high)}


def training_set(
    rng: np.random.Generator, lengths: np.ndarray, n_items: int
) -> TrainSequences:
    """Sequences of these lengths; all but the first item of each are labels."""
    sizes = torch.from_numpy(lengths)
    offsets = torch.nn.functional.pad(sizes.cumsum(0), (1, 0))
    is_label = torch.ones(int(offsets[-1]), dtype=torch.bool)
    is_label[offsets[:-1]] = False
    values = torch.from_numpy(rng.integers(0, n_items, len(is_label)))
    return TrainSequences(
        items=Ragged(values, offsets),
        is_label=is_label,
        sequence=torch.arange(len(lengths)),
        last_at=torch.from_numpy(rng.integers(0, 10**7, len(lengths))),
        n_items=n_items,
    )


def query_set(rng: np.random.Generator, n_queries: int, n_items: int) -> Queries:
    """Prefixes of realistic lengths, one a query."""
    lengths = realistic_lengths(rng, n_queries)
    prefixes = np.concatenate([np.arange(1, length) for length in lengths])[:n_queries]
    offsets = torch.nn.functional.pad(torch.from_numpy(prefixes).cumsum(0), (1, 0))
    values = torch.from_numpy(rng.integers(0, n_items, int(offsets[-1])))
    unknown = torch.full((n_queries,), -1)
    return Queries(Ragged(values, offsets), unknown)


def _first_with(lengths: np.ndarray, n_targets: int) -> np.ndarray:
    """As many sequences as give at least `n_targets` targets."""
    enough = np.searchsorted((lengths - 1).cumsum(), n_targets) + 1
    return lengths[:enough]
