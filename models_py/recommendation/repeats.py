"""What a learner did before: most of what comes next, where learners come back.

A network that knows all learners cannot tell which of the items of a prefix this one
returns to. So a share of the probability goes to them by counts of the prefix alone, a
cache (Kuhn, De Mori: A Cache-Based Natural Language Model for Speech Recognition, IEEE
PAMI 12, 1990); in recommendation a repeat mode beside an explore mode (Ren et al.:
RepeatNet, AAAI 2019). Nothing is learned, and validation decides how large the share
is: none where learners seldom come back.
"""

from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from models_py.ragged import PAD, Ragged
from models_py.recommendation.sequences import cut_to_last

REPEAT_WEIGHTS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7)
FOLLOWED = 10.0  # how much more an item counts where it followed the last one

Settings = TypeVar("Settings", bound=Any)


def with_each_weight(settings: Settings) -> list[Settings]:
    """The same with `repeat_weight` chosen, each way there is."""
    if settings.repeat_weight is not None:
        return [settings]
    return [replace(settings, repeat_weight=weight) for weight in REPEAT_WEIGHTS]


def repeat_shares(inputs: Tensor, n_items: int) -> Tensor:
    """What comes next by the prefix alone: its own Markov chain, backed off to counts.

    Each place of an item counts once, and `FOLLOWED` times more where the item before
    it is the prefix's last. The last item itself is not to come.

    Args:
        inputs: ids shifted up by one, right-padded, no row empty, shape (B, L).
    Returns:
        Rows that sum to 1, or to 0 where a prefix holds but one item, (B, n_items).
    """
    last = inputs.gather(1, (inputs != PAD).sum(1, keepdim=True) - 1)
    before = functional.pad(inputs, (1, 0))[:, :-1]
    may_come = (inputs != PAD) & (inputs != last)
    counts = (1 + FOLLOWED * (before == last)) * may_come
    # shape, not len: of any batch where this is traced
    found = counts.new_zeros(inputs.shape[0], n_items + 1)
    found = found.scatter_add(1, inputs, counts)
    return found[:, 1:] / found.sum(1, keepdim=True).clamp(min=1)


def with_repeats(logits: Tensor, inputs: Tensor, weight: float | None) -> Tensor:
    """Log-probabilities with a share for repeats; without one, the logits themselves.

    Args:
        logits: shape (B, n_items).
        inputs: as of `repeat_shares`.
        weight: in [0, 1); None is 0.
    """
    if not weight:
        return logits
    shares = weight * repeat_shares(inputs, logits.shape[1])
    kept = 1 - shares.sum(1, keepdim=True)
    tiny = torch.finfo(logits.dtype).tiny
    return (kept * logits.softmax(-1) + shares).clamp(min=tiny).log()


def scores_with_repeats(
    logits: Tensor, prefixes: Ragged, max_length: int, weight: float | None
) -> Tensor:
    """The same for prefixes of any length, of which the last items count."""
    if not weight:
        return logits
    inputs, _ = cut_to_last(prefixes, max_length).pad()
    return with_repeats(logits, inputs.to(logits.device), weight)
