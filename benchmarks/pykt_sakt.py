"""SAKT as pyKT builds it, for comparison only.

Liu et al.: pyKT: A Python Library to Benchmark Deep Learning based Knowledge Tracing
Models, NeurIPS 2022. Written after the structure of `pykt.models.sakt` 0.0.38: the
query is the next question, keys and values are interactions with positions, PyTorch's
`MultiheadAttention` with a mask, and every window padded to the full length.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

WINDOW = 200


class Block(nn.Module):
    """Attention, then a position-wise network, both residual and normed after."""

    def __init__(self, dim: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, n_heads, dropout=dropout)
        self.network = nn.Sequential(
            nn.Linear(dim, dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, dim)
        )
        self.attention_norm, self.network_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention_dropout = nn.Dropout(dropout)
        self.network_dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, past: Tensor) -> Tensor:
        """Shape (B, L, D)."""
        length = past.shape[1]
        hidden = torch.triu(torch.ones(length, length), diagonal=1).bool()
        past = past.permute(1, 0, 2)
        read, _ = self.attention(query.permute(1, 0, 2), past, past, attn_mask=hidden)
        read = self.attention_dropout(read).permute(1, 0, 2)
        state = self.attention_norm(query + read)
        return self.network_norm(state + self.network_dropout(self.network(state)))


class PyktSAKT(nn.Module):
    """Question and interaction embeddings, blocks, a sigmoid."""

    def __init__(
        self, n_items: int, dim: int, n_heads: int, dropout: float, n_blocks: int
    ) -> None:
        super().__init__()
        self.n_items = n_items
        self.interaction = nn.Embedding(2 * n_items, dim)
        self.question = nn.Embedding(n_items, dim)
        self.position = nn.Embedding(WINDOW, dim)
        self.blocks = nn.ModuleList(
            Block(dim, n_heads, dropout) for _ in range(n_blocks)
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(dim, 1)

    def forward(self, item: Tensor, correct: Tensor, asked: Tensor) -> Tensor:
        """Probabilities, shape (B, L)."""
        query = self.question(asked)
        state = self.interaction(item + self.n_items * correct)
        state = state + self.position(torch.arange(state.shape[1])[None])
        for block in self.blocks:
            state = block(query, state)
        return self.output(self.dropout(state)).sigmoid().squeeze(-1)


def padded(item: np.ndarray, correct: np.ndarray, starts: np.ndarray) -> tuple:
    """Windows of one length: items, answers and which are real, (W, 200) each."""
    rows = [
        np.arange(begin, min(begin + WINDOW, end))
        for first, end in pairwise(starts)
        for begin in range(first, end, WINDOW)
    ]
    index = np.full((len(rows), WINDOW), -1)
    for number, row in enumerate(rows):
        index[number, : len(row)] = row
    real = index >= 0
    at = index.clip(0)
    return tuple(torch.from_numpy(x) for x in (item[at], correct[at].astype(int), real))


def train_epoch(model: PyktSAKT, windows: tuple, batch_size: int, seed: int) -> None:
    """A plain loop: Adam, binary cross-entropy where a next answer is real."""
    item, correct, real = windows
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    order = torch.randperm(len(item), generator=torch.Generator().manual_seed(seed))
    model.train()
    for rows in order.split(batch_size):
        chance = model(item[rows, :-1], correct[rows, :-1], item[rows, 1:])
        asked = real[rows, 1:]
        loss = nn.functional.binary_cross_entropy(
            chance[asked], correct[rows, 1:][asked].float()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
