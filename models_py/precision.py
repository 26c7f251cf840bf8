"""What is computed in single precision wherever it is called, autocast or not."""

from collections.abc import Callable
from typing import Any

import torch
from torch.amp import custom_bwd, custom_fwd

DEVICES = ("cpu", "cuda")


def single_precision(forward: Callable[..., Any]) -> Callable[..., Any]:
    """An autograd function's `forward` that autocast leaves alone."""
    for device in DEVICES:
        forward = custom_fwd(forward, device_type=device, cast_inputs=torch.float32)
    return forward


def as_forward_was(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Its `backward`, which may be called under autocast by an inner gradient."""
    for device in DEVICES:
        backward = custom_bwd(backward, device_type=device)
    return backward
