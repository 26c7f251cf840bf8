"""Attention of a question over earlier interactions, aware of skill, item and time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.tracing.histories import HistoryBatch


class HistoryAttention(nn.Module):
    """Weights interactions by content, shared skill, same item and elapsed time.

    To the scaled dot product each head adds a learned amount for a shared skill and
    for the same item, and takes off a learned multiple of the log of the time gone
    by: a forgetting curve (as the decay of AKT: Ghosh, Heffernan, Lan, KDD 2020). One
    more key stands for no evidence and has the value 0, so a question without a past
    reads 0, and with weights equal otherwise the read is a smoothed mean,
    sum of values / (n + constant): it tells three right answers from thirty.
    """

    def __init__(self, dim: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.mix_heads = nn.Linear(dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)
        # heads start from "everything alike" to "the same skill, lately"
        spread = torch.linspace(0.0, 1.0, n_heads)
        self.shared_skill = nn.Parameter(6.0 * spread)
        self.same_item = nn.Parameter(torch.zeros(n_heads))
        self.forgetting = nn.Parameter(-3.0 + 2.0 * spread)
        self.no_evidence = nn.Parameter(2.0 + 4.0 * spread)

    def forward(
        self, questions: Tensor, interactions: Tensor, batch: HistoryBatch, context: int
    ) -> Tensor:
        """What each question reads.

        Args:
            questions: shape (B, Q, D).
            interactions: shape (B, K, D).
        Returns:
            Shape (B, Q, D); 0 for a question that nothing lies before.
        """
        query = self._heads(self.query(questions))  # (B, H, Q, D/H)
        key, value = (self._heads(x) for x in self.key_value(interactions).chunk(2, 2))
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
        scores = scores + self._bias(batch)
        hidden = ~batch.visible(context)[:, None]
        scores = scores.masked_fill(hidden, -torch.inf)  # (B, H, Q, K)
        nothing = self.no_evidence[:, None, None].expand(*scores.shape[:3], 1)
        weights = torch.cat([scores, nothing], dim=3).softmax(3)[..., :-1]
        read = self.dropout(weights) @ value  # (B, H, Q, D/H)
        return self.mix_heads(read.transpose(1, 2).flatten(2))

    def _bias(self, batch: HistoryBatch) -> Tensor:
        """Score of an interaction by what the two have in common, (B, H, Q, K)."""
        measures = torch.stack(
            [batch.shares_skill, batch.same_item, batch.log_minutes], dim=1
        )  # (B, 3, Q, K)
        weights = torch.stack(
            [self.shared_skill, self.same_item, -functional.softplus(self.forgetting)],
            dim=1,
        )  # (H, 3)
        return torch.einsum("hm,bmqk->bhqk", weights, measures)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.n_heads, -1)).transpose(1, 2)
