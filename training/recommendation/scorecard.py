"""From ranks to `metrics.json` and `predictions.parquet`."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from models_py import registry
from training.evaluation.intervals import bootstrap_intervals, paired_comparisons
from training.evaluation.lists import fifth_of
from training.evaluation.metrics import RANKING, leader_of, means
from training.evaluation.reliability import describe_reliability
from training.evaluation.slices import (
    POPULARITY_FIFTHS,
    PREFIX_LENGTHS,
    RELIABILITY_TIERS,
    recall_by_slice,
)
from training.fit.cut_short import named
from training.recommendation.beyond import beyond_accuracy
from training.recommendation.candidates import Candidates
from training.recommendation.gains import YARDSTICK, adaptation_block
from training.recommendation.lineup import Answer
from training.recommendation.marts import RecommendationMarts
from training.recommendation.questions import Question

SELECTED_BY = leader_of(RANKING)


@dataclass(frozen=True)
class Scorecard:
    """What a line-up reached on one data set."""

    marts: RecommendationMarts
    questions: dict[str, Question]
    answers: dict[str, Answer]
    seed: int
    candidates: Candidates
    optimum_given_support: dict[str, float] | None = None

    def metrics(self) -> dict[str, Any]:
        """All of `metrics.json` that depends on data and ranks."""
        pairs, test = self.marts.pairs, self.questions["test"]
        train = pairs.rows_of("train")
        unseen = ~self.marts.in_train[pairs.label[test.pair]]
        return {
            "n_items": self.marts.n_items,
            "n_train_pairs": len(train),
            "n_train_users": len(np.unique(pairs.user[train.numpy()])),
            "n_val_queries": len(self.questions["val"].pair),
            "n_test_episodes": len(np.unique(test.episode)),
            "n_test_queries": len(test.pair),
            "n_test_users": len(np.unique(test.user)),
            "share_unseen_labels": float(unseen.double().mean()),
            "split_times": _split_times(self.marts),
            "newest_train_at": int(pairs.label_at[train].max()),
            "candidates": self._candidates(),
            "test_users_by_mart": self.marts.test_users,
            "n_all_pairs": len(pairs.rows_of("test")),
            "best_baseline": best_baseline(self.answers),
            "models": self._models(),
            "reliability": describe_reliability(**self.marts.sessions),
            "data_summary": self.marts.summary,
            "funnel": self.marts.funnel,
        }

    def _candidates(self) -> dict[str, Any]:
        """What was left out, and how many labels with it."""
        pairs, rows = self.marts.pairs, self.questions["test"].pair.unique()
        n_lost = self.candidates.n_lost(pairs.prefixes.take(rows), pairs.label[rows])
        return {**asdict(self.candidates), "n_lost_labels": n_lost}

    def predictions(self) -> pd.DataFrame:
        """One row a model and test query; every metric follows from it."""
        test, pairs = self.questions["test"], self.marts.pairs
        frames = [
            pd.DataFrame(
                {
                    "model": name,
                    "episode_id": test.episode,
                    "pair_id": test.pair.numpy(),
                    "user_id": pairs.user_ids[test.user],
                    "label": pairs.label[test.pair].numpy(),
                    "rank": answer.ranks["test"],
                }
            )
            for name, answer in self.answers.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def _models(self) -> dict[str, dict[str, Any]]:
        test = self.questions["test"]
        values = {
            name: {metric: of(answer.ranks["test"]) for metric, of in RANKING.items()}
            for name, answer in self.answers.items()
        }
        cells = {(n, m): v for n, by in values.items() for m, v in by.items()}
        intervals = bootstrap_intervals(cells, test.user, seed=self.seed)
        all_pairs, without_cold = self._all_pairs(), self._without_cold()
        lists = self._lists()
        slices, best = self._slices(), best_baseline(self.answers)
        return {
            name: {
                **named(name, answer.log, answer.network_log),
                "test": means(answer.ranks["test"]),
                "val": means(answer.ranks["val"]),
                "ci95": {metric: intervals[name, metric] for metric in RANKING},
                "all_pairs": all_pairs[name],
                "lists": lists.get(name),
                "without_cold": without_cold[name],
                "chosen": asdict(answer.chosen) if answer.chosen else None,
                "train_seconds": answer.train_seconds,
                "eval_seconds": answer.eval_seconds,
                "n_parameters": answer.n_parameters,
                "best_epoch": answer.log.best_epoch if answer.log else None,
                "monitor": answer.log.monitor if answer.log else None,
                "history": answer.log.epochs if answer.log else [],
                "vs_best_baseline": self._versus(name, best, values, test.user),
                "vs_markov": self._versus(name, YARDSTICK, values, test.user),
                "slices": {kind: rows[name] for kind, rows in slices.items()},
                "adaptation": adaptation_block(
                    name,
                    self.answers,
                    test.user,
                    self.seed,
                    self.optimum_given_support,
                    self.marts.episodes.reliability[test.episode],
                ),
            }
            for name, answer in self.answers.items()
        }

    def _versus(
        self, name: str, other: str | None, values: dict, users: np.ndarray
    ) -> dict[str, Any] | None:
        """Paired comparisons of two models; None of one with itself."""
        if other not in values or name == other:
            return None
        compared = paired_comparisons(
            values[name], values[other], users, seed=self.seed
        )
        return {metric: result.as_json() for metric, result in compared.items()}

    def _all_pairs(self) -> dict[str, dict[str, Any]]:
        """Each model's metrics over every test pair, with intervals, and its lead."""
        users = self.marts.pairs.user[self.marts.pairs.rows_of("test").numpy()]
        ranks = {
            name: answer.all_pairs
            for name, answer in self.answers.items()
            if answer.all_pairs is not None
        }
        values = {n: {m: of(r) for m, of in RANKING.items()} for n, r in ranks.items()}
        cells = {(n, m): v for n, by in values.items() for m, v in by.items()}
        intervals = bootstrap_intervals(cells, users, seed=self.seed)
        return {
            name: {
                **means(found),
                "reads_support": registry.reads_any_support(name),
                "ci95": {metric: intervals[name, metric] for metric in RANKING},
                "vs_markov": self._versus(name, YARDSTICK, values, users),
            }
            for name, found in ranks.items()
        }

    def _lists(self) -> dict[str, dict[str, Any]]:
        """What each model's lists favour."""
        lists = {
            name: answer.lists
            for name, answer in self.answers.items()
            if answer.lists is not None
        }
        counts = self.marts.n_train_events.numpy()
        return beyond_accuracy(lists, counts, self.questions["test"].user, self.seed)

    def _without_cold(self) -> dict[str, dict[str, Any] | None]:
        """Each model's metrics over queries whose label train has, and intervals."""
        test = self.questions["test"]
        known = self.marts.in_train[self.marts.pairs.label[test.pair]].numpy()
        if not known.any():
            return dict.fromkeys(self.answers)
        ranks = {n: found.ranks["test"][known] for n, found in self.answers.items()}
        cells = {(n, m): of(r) for n, r in ranks.items() for m, of in RANKING.items()}
        intervals = bootstrap_intervals(cells, test.user[known], seed=self.seed)
        return {
            name: {
                **means(found),
                "ci95": {metric: intervals[name, metric] for metric in RANKING},
            }
            for name, found in ranks.items()
        }

    def _slices(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        test, pairs = self.questions["test"], self.marts.pairs
        labels = pairs.label[test.pair].numpy()
        ranks = {name: answer.ranks["test"] for name, answer in self.answers.items()}
        measures = {
            "prefix_length": (pairs.prefix_len[test.pair].numpy(), PREFIX_LENGTHS),
            "reliability_tier": (
                pairs.reliability[test.pair.numpy()],
                RELIABILITY_TIERS,
            ),
            "support_reliability_tier": (
                self.marts.episodes.reliability[test.episode],
                RELIABILITY_TIERS,
            ),
            "popularity_fifth": (
                fifth_of(self.marts.n_train_events.numpy())[labels],
                POPULARITY_FIFTHS,
            ),
        }
        return {
            kind: recall_by_slice(ranks, test.user, measure, slices, seed=self.seed)
            for kind, (measure, slices) in measures.items()
        }


def _split_times(marts: RecommendationMarts) -> dict[str, int] | None:
    if marts.split_times is None:
        return None
    return dict(zip(("train_until", "val_until"), marts.split_times, strict=True))


def best_baseline(answers: dict[str, Answer]) -> str | None:
    """The baseline with the best validation recall@10; never chosen by test."""
    reached = {
        name: float(RANKING[SELECTED_BY](answer.ranks["val"]).mean())
        for name, answer in answers.items()
        if registry.MODELS[name].is_baseline and len(answer.ranks["val"])
    }
    return max(reached, key=reached.__getitem__) if reached else None
