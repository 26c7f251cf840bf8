"""What a recommender learns from and what it is asked."""

from dataclasses import dataclass

from torch import Tensor

from models_py.ragged import Ragged


@dataclass(frozen=True)
class TrainSequences:
    """Whole training sequences with the positions that are admissible labels.

    Training on a sequence with a loss at every admissible position is the same
    objective as one row per prefix, at a fraction of the cost.

    Args:
        items: 0-based item ids, one row a sequence (or a cut of a long one).
        is_label: True where the item is a label of the pair table, aligned with
            `items.values`; the first position of a row never is. Shape (N,).
        sequence: id of the sequence a row belongs to, shape (R,). A long sequence
            is cut into several rows of the same id.
        last_at: time of the row's last item in epoch seconds, shape (R,).
        n_items: size of the vocabulary.
    """

    items: Ragged
    is_label: Tensor
    sequence: Tensor
    last_at: Tensor
    n_items: int

    @property
    def n_labels(self) -> int:
        """How many targets one epoch sees."""
        return int(self.is_label.sum())


@dataclass(frozen=True)
class Queries:
    """Prefixes whose next item is asked for.

    Args:
        prefixes: 0-based item ids, oldest first, none empty.
        sequence: id of the sequence each prefix comes from, -1 where unknown;
            Session-KNN leaves that sequence out of the neighbours. Shape (Q,).
    """

    prefixes: Ragged
    sequence: Tensor

    def __len__(self) -> int:
        return len(self.prefixes)

    def take(self, rows: Tensor) -> "Queries":
        """The chosen queries, in the order asked for."""
        return Queries(self.prefixes.take(rows), self.sequence[rows])
