"""What every network over sequences does around its states."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from models_py.config import OptimiserConfig
from models_py.data import Queries, TrainSequences
from models_py.fitting import Batches, FitLog, Optimise
from models_py.recommendation import sequences
from models_py.recommendation.output import (
    SharedOutput,
    is_costly,
    set_usual_dropout,
    usual_negatives,
)
from models_py.recommendation.repeats import scores_with_repeats, with_each_weight
from models_py.recommendation.sequences import SequenceBatch
from models_py.recommendation.softmax import Negatives


class SequenceNetwork(nn.Module, ABC):
    """Causal states of a sequence, scored by the table that embeds its items.

    Args:
        config: settings with `dropout`, `negatives`, `max_length` and `repeat_weight`.
    """

    output: SharedOutput

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.negatives: Negatives | None = None  # until it is known what labels are

    @abstractmethod
    def states(self, inputs: Tensor) -> Tensor:
        """State after each position; later positions change no earlier state.

        Args:
            inputs: ids shifted up by one, right-padded, shape (B, L).
        Returns:
            Shape (B, L, D); states behind a row's end mean nothing.
        """

    @abstractmethod
    def loss(self, batch: SequenceBatch) -> Tensor:
        """Cross-entropy at every admissible position, a scalar."""

    @property
    def n_parameters(self) -> int:
        """All weights."""
        return sequences.n_parameters(self)

    def batches(
        self,
        train: TrainSequences,
        settings: OptimiserConfig,
        generator: torch.Generator,
    ) -> Batches[SequenceBatch]:
        """Whole sequences, about as many targets a batch as the settings say."""
        is_large = is_costly(self.output, self.negatives)
        n_targets = settings.targets_per_step(train.n_labels, is_large=is_large)
        return sequences.epoch_batches(train, n_targets, generator)

    def fit(self, train: TrainSequences, optimise: Optimise) -> FitLog:
        """Hand the network to the training loop."""
        set_usual_dropout(self, self.config.dropout, train.n_labels, train.n_items)
        labels = train.items.values[train.is_label]
        self.negatives = usual_negatives(self.config.negatives, labels, train.n_items)
        return optimise(self, sequences.cut_to_length(train, self.config.max_length))

    @property
    def choices(self) -> list[Any]:
        """The settings with each share for repeats, if it is left to validation."""
        return with_each_weight(self.config)

    def choose(self, choice: Any) -> None:
        """Take one of `choices`."""
        self.config = choice

    def score(self, queries: Queries) -> Tensor:
        """Logits or log-probabilities of all items, shape (B, n_items), on the CPU."""
        (scores,) = self._scores(queries, [self.config])
        return scores

    def score_choices(self, queries: Queries) -> Iterator[Tensor]:
        """What `score` would give after each of `choices`."""
        return self._scores(queries, self.choices)

    @torch.no_grad()
    def _scores(self, queries: Queries, settings: Iterable[Any]) -> Iterator[Tensor]:
        self.eval()
        length, device = self.config.max_length, sequences.device_of(self)
        prefixes = sequences.cut_to_last(queries.prefixes, length)
        states = sequences.last_states(self.states, prefixes, device)  # (B, D)
        logits = self.output(states).float().cpu()
        for each in settings:
            yield scores_with_repeats(logits, prefixes, length, each.repeat_weight)
