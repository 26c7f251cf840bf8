"""How sure a network may be: its log odds, divided by a temperature.

Training stops where the order of predictions is best, whatever their size, and a
network is too sure of itself there. One number, chosen by the log loss of validation
users, mends that and leaves the order as it is (Guo, Pleiss, Sun, Weinberger: On
Calibration of Modern Neural Networks, ICML 2017).
"""

import math

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

MOST = 10.0  # times colder or hotter than 1
EVIDENCE = 100.0  # answers' worth that hold it at 1: a few users say little
SMALLEST = 1e-6  # of a probability: no log odds are infinite


class Temperature(nn.Module):
    """Divides log odds; 1 until it has learned."""

    degrees: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("degrees", torch.ones(()))

    def forward(self, odds: Tensor) -> Tensor:
        """Log odds as sure as they may be."""
        return odds / self.degrees

    def learn(self, chances: Tensor, correct: Tensor) -> None:
        """Choose it by what was predicted at 1.

        Args:
            chances: of validation answers, shape (N,).
            correct: bool, shape (N,).
        """
        odds = chances.double().clamp(SMALLEST, 1 - SMALLEST).logit()
        towards = torch.where(correct, odds, -odds).numpy()  # the answer that came

        def loss(log_scale: float) -> float:
            surprises = np.logaddexp(0.0, -towards * math.exp(log_scale))
            return float(surprises.sum() + EVIDENCE * log_scale**2 / 2)

        reach = math.log(MOST)
        found = minimize_scalar(loss, bounds=(-reach, reach), method="bounded")
        self.degrees.fill_(math.exp(-found.x))
