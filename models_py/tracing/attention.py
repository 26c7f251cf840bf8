"""Attention of a question over earlier interactions, aware of skill, item and time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_py.tracing.history_batch import HistoryBatch

HIDDEN = -1e9  # a score that softmax turns into 0


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
        # of what is read; on the weights it would cost a quarter of all time
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
        interactions = functional.pad(interactions, (0, 0, 0, 1))
        key, value = (self._heads(x) for x in self.key_value(interactions).chunk(2, 2))
        nothing = functional.pad(torch.ones(key.shape[2] - 1, 1), (0, 0, 0, 1))
        nothing = nothing.to(value)  # (K + 1, 1): 0 for the last key, "no evidence"
        key, value = key * nothing, value * nothing
        bias = self._bias(batch.common(context))  # (B, H, Q, K + 1)
        scores = torch.baddbmm(
            bias.flatten(0, 1),
            query.flatten(0, 1) * query.shape[-1] ** -0.5,
            key.flatten(0, 1).transpose(1, 2),
        )
        read = scores.softmax(2) @ value.flatten(0, 1)  # (B · H, Q, D/H)
        read = read.unflatten(0, (-1, self.n_heads)).transpose(1, 2).flatten(2)
        return self.mix_heads(self.dropout(read))

    def _bias(self, common: Tensor) -> Tensor:
        """Score of an interaction by what it has in common, (B, H, Q, K + 1)."""
        weights = torch.stack(
            [
                self.shared_skill,
                self.same_item,
                -functional.softplus(self.forgetting),
                torch.full_like(self.shared_skill, HIDDEN),
                self.no_evidence,
            ],
            dim=1,
        )  # (H, 5)
        weights = weights.expand(len(common), -1, -1)  # (B, H, 5)
        return weights.bmm(common.flatten(2)).unflatten(2, common.shape[2:])

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.n_heads, -1)).transpose(1, 2)
