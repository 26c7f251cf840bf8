"""The best that any model can do: exact Bayes prediction of the next item."""

from dataclasses import dataclass, fields

import numpy as np

from training.simulate.arrays import Floats, Ints
from training.simulate.courses.programme import Programmes

STATIONARY = 1e-13  # change of a marginal below which a chain counts as settled
CHUNK = 1024  # queries whose predictive distributions are held at once
TOP = 10


@dataclass(frozen=True)
class Sequences:
    """Collapsed item sequences, one after the other.

    Args:
        items: 0-based item ids, shape (N,).
        offsets: sequence r is `items[offsets[r]:offsets[r + 1]]`, shape (R + 1,).
        later: how far the process that leads to each item is that of later, shape
            (N,); None where it never changes.
    """

    items: Ints
    offsets: Ints
    later: Floats | None = None

    @classmethod
    def of_lengths(cls, items: Ints, lengths: Ints) -> "Sequences":
        """Sequences whose lengths are known, shape (R,)."""
        return cls(items, np.concatenate([[0], lengths.cumsum()]))

    def number(self) -> Ints:
        """Which sequence each item belongs to, shape (N,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def position(self) -> Ints:
        """0-based place of each item in its sequence, shape (N,)."""
        return np.arange(len(self.items)) - self.offsets[self.number()]


@dataclass(frozen=True)
class Prediction:
    """What the Bayes-optimal prediction is worth, one row a query.

    Args:
        accuracy_at_1, recall_at_10, reciprocal_rank: expected values under the
            predictive distribution p itself: the largest p, the sum of the ten
            largest, and sum over r of the r-th largest p / r. Shape (Q,).
        rank: items at least as probable as the realised label, shape (Q,).
    """

    accuracy_at_1: Floats
    recall_at_10: Floats
    reciprocal_rank: Floats
    rank: Ints

    @classmethod
    def empty(cls, size: int) -> "Prediction":
        """Room for `size` queries."""
        accuracy, recall, reciprocal = np.zeros((3, size))
        return cls(accuracy, recall, reciprocal, np.zeros(size, dtype=np.int64))

    @classmethod
    def joined(cls, parts: list["Prediction"]) -> "Prediction":
        """All parts' queries, one part after the other."""
        parts = [cls.empty(0), *parts]
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))

    def take(self, rows: Ints) -> "Prediction":
        """The chosen queries, in the order asked for."""
        return Prediction(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True)
class Belief:
    """What somebody takes the process for.

    Args:
        evidence: log likelihood under each programme, as they see it, shape (Q, Z).
        later: how far they take the process to be that of later, shape (Q,).
    """

    evidence: Floats
    later: Floats


class BayesFilter:
    """Exact inference about a user's programme, and prediction given it.

    Nothing is estimated: the process is known. Evidence is a sum of log
    likelihoods, one column a programme, because the programme never changes.

    Args:
        programmes: the process.
        after: what it becomes, if it changes: at each item a share `later` of the
            probability comes from there.
    """

    def __init__(self, programmes: Programmes, after: Programmes | None = None) -> None:
        self.starts = programmes.start_probabilities()  # (Z, C)
        self.transitions = programmes.transition_probabilities()  # (Z, C, C)
        self.after = BayesFilter(after) if after else None

    def evidence(self, sequences: Sequences) -> Floats:
        """Log likelihood of each sequence up to and with each item, shape (N, Z)."""
        step = self._steps(sequences)
        if sequences.later is not None and self.after:
            later = sequences.later
            step = (1 - later) * step + later * self.after._steps(sequences)
        total = np.log(step.T).cumsum(axis=0)  # (N, Z)
        before = np.vstack([np.zeros(total.shape[1]), total])
        return total - before[sequences.offsets[sequences.number()]]

    def _steps(self, sequences: Sequences) -> Floats:
        """P(item | the one before, programme), shape (Z, N)."""
        items = sequences.items
        return np.where(
            sequences.position() == 0,
            self.starts[:, items],
            self.transitions[:, np.roll(items, 1), items],
        )

    def prefix_evidence(
        self, sequences: Sequences, at: Ints, max_prefix: int
    ) -> Floats:
        """Log likelihood of what a query sees: the last items before its label.

        A prefix that was cut begins in the middle of its sequence; its first item
        then counts with its marginal probability at that step. Of a process that
        changes, the whole prefix is seen.

        Args:
            at: where the labels are in `sequences.items`, none the first of its
                sequence, shape (Q,).
            max_prefix: how many items a prefix keeps.
        Returns:
            Shape (Q, Z).
        """
        evidence = self.evidence(sequences)
        seen = evidence[at - 1]
        if sequences.later is not None:
            return seen
        n_cut = sequences.position()[at] - max_prefix
        cut = np.flatnonzero(n_cut > 0)
        if len(cut):
            begin = at[cut] - max_prefix
            marginals = self._marginals(int(n_cut.max()))
            step = np.minimum(n_cut[cut], len(marginals) - 1)
            first = marginals[step, :, sequences.items[begin]]  # (cut, Z)
            seen[cut] += np.log(first) - evidence[begin]
        return seen

    def support_evidence(
        self,
        sequences: Sequences,
        support: Ints,
        query: Ints,
        is_guest: np.ndarray | None = None,
    ) -> Floats:
        """Log likelihood of what the support pairs tell beyond a query's own prefix.

        A pair tells its sequence up to its label, so the last support pair of a
        sequence stands for those before it; a support pair of the query's own
        sequence lies in the query's prefix already.

        Args:
            support: where the labels of an episode's support pairs are in
                `sequences.items`, ascending, shape (E, K).
            query: the same of its queries, all behind the support, shape (E, Q).
            is_guest: sequences of somebody else, which tell nothing of the learner's
                own, nor these of them, shape (R,).
        Returns:
            To be added to the prefix's evidence, shape (E, Q, Z).
        """
        number = sequences.number()
        of_support, of_query = number[support], number[query]
        is_last = np.diff(of_support, axis=1, append=-1) != 0  # (E, K)
        is_other = of_support[:, None] != of_query[..., None]  # (E, Q, K)
        is_counted = is_last[:, None] & is_other
        if is_guest is not None:
            is_own = ~is_guest
            is_counted &= is_own[of_support][:, None] & is_own[of_query][..., None]
        told = self.evidence(sequences)[support]  # (E, K, Z)
        return np.einsum("eqk,ekz->eqz", is_counted.astype(float), told)

    def predict(
        self,
        evidence: Floats,
        last: Ints,
        label: Ints,
        later: Floats | None = None,
        believed: "Belief | None" = None,
    ) -> Prediction:
        """Value of the optimal prediction after `last`, given the evidence.

        The last item is no candidate: repeats collapse, so its probability is 0.

        Args:
            evidence: log likelihood under each programme, shape (Q, Z).
            last, label: item ids, shape (Q,).
            later: how far the process is that of later at the labels, shape (Q,).
            believed: ranks the items instead, where somebody is wrong about the
                process; what that is worth is still the process's to say.
        """
        prediction = Prediction.empty(len(last))
        ranks = np.arange(1, self.starts.shape[1] + 1)
        for begin in range(0, len(last), CHUNK):
            rows = slice(begin, begin + CHUNK)
            part = None if later is None else later[rows]
            probability = self._predictive(evidence[rows], last[rows], part)  # (B, C)
            score = probability
            if believed:
                score = self._predictive(
                    believed.evidence[rows], last[rows], believed.later[rows]
                )
            of_label = np.take_along_axis(score, label[rows, None], axis=1)
            prediction.rank[rows] = (score >= of_label).sum(axis=1)
            if believed:
                order = np.argsort(-score, axis=1, kind="stable")
                best_first = np.take_along_axis(probability, order, axis=1)
            else:
                probability.sort(axis=1)
                best_first = probability[:, ::-1]
            prediction.accuracy_at_1[rows] = best_first[:, 0]
            prediction.recall_at_10[rows] = best_first[:, :TOP].sum(axis=1)
            prediction.reciprocal_rank[rows] = (best_first / ranks).sum(axis=1)
        return prediction

    def _predictive(self, evidence: Floats, last: Ints, later: Floats | None) -> Floats:
        """P(next | evidence, last), shape (B, C)."""
        weight = np.exp(evidence - evidence.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        probability = np.zeros((len(last), self.starts.shape[1]))
        for programme, transition in enumerate(self.transitions):
            step = transition[last]
            if self.after and later is not None:
                new = self.after.transitions[programme][last]
                step = (1 - later)[:, None] * step + later[:, None] * new
            probability += weight[:, programme, None] * step
        return probability

    def _marginals(self, n_steps: int) -> Floats:
        """P(item at step n | programme), n = 0, 1, …, shape (<= n_steps + 1, Z, C).

        Ends early once the chain has settled.
        """
        marginals = [self.starts]
        while len(marginals) <= n_steps:
            following = np.einsum("zc,zcd->zd", marginals[-1], self.transitions)
            change = np.abs(following - marginals[-1]).max()
            marginals.append(following)
            if change < STATIONARY:
                break
        return np.stack(marginals)
