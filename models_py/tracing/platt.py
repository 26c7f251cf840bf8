"""How sure a network may be: its log odds, scaled and shifted.

Training stops where the order of predictions is best, wherever they lie: a network may
be too sure of itself there, or too hopeful. Two numbers, chosen by the log loss of
validation users, mend that and leave the order as it is (Platt: Probabilistic Outputs
for Support Vector Machines, 1999; Guo, Pleiss, Sun, Weinberger: On Calibration of
Modern Neural Networks, ICML 2017).
"""

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor, nn

LEAST = 0.1  # of the scale: the order stays
EVIDENCE = 300.0  # answers' worth that hold both in place: a few users say little
SMALLEST = 1e-6  # of a probability: no log odds are infinite


class Platt(nn.Module):
    """Changes nothing until it has learned."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, odds: Tensor) -> Tensor:
        """Log odds as sure as they may be."""
        return self.scale * odds + self.shift

    def learn(self, chances: Tensor, correct: Tensor) -> None:
        """Choose both by what was predicted without them.

        Args:
            chances: of validation answers, shape (N,).
            correct: bool, shape (N,).
        """
        odds = chances.double().clamp(SMALLEST, 1 - SMALLEST).logit().numpy()
        right, start = correct.double().numpy(), np.array([1.0, 0.0])

        def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
            z, apart = line[0] * odds + line[1], line - start
            value = np.logaddexp(0.0, z).sum() - right @ z
            gap = expit(z) - right
            slope = np.array([gap @ odds, gap.sum()])
            return value + EVIDENCE * (apart @ apart) / 2, slope + EVIDENCE * apart

        bounds = [(LEAST, None), (None, None)]
        found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
        self.scale.fill_(found.x[0])
        self.shift.fill_(found.x[1])
