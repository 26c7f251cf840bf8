"""Short ids whose byte-wise order is not the order of their numbers."""

import numpy as np


def base36_key(prefix: str, number: int) -> str:
    """Digits and capitals after a prefix, another for every number."""
    return prefix + np.base_repr(41 + 37 * number + 7 * number * number % 37, 36)
