"""From predictions to `metrics.json`, `predictions.parquet` and the printed table."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from models_py import registry
from training.evaluation.metrics import TRACING, leader_of
from training.evaluation.probabilities import auc, calibration
from training.evaluation.tracing import Resampled, metrics_of, resampled
from training.fit.cut_short import named
from training.tracing.lineup import Answer
from training.tracing.marts import TracingMarts
from training.tracing.slices import behaviour_slices

SELECTED_BY = leader_of(TRACING)
PYKT_LEAST = 3  # answers of a student that pyKT keeps


@dataclass(frozen=True)
class Scorecard:
    """What a line-up reached on one data set.

    Args:
        oracle: the process's probability of each response, None for real data.
    """

    marts: TracingMarts
    answers: dict[str, Answer]
    oracle: np.ndarray | None
    seed: int

    def metrics(self) -> dict[str, Any]:
        """All of `metrics.json` that depends on data and predictions."""
        test, train = self._rows("test"), self._rows("train")
        items = self.marts.responses.item.numpy()
        unseen = ~np.isin(items[test], items[train])
        return {
            **self.marts.sizes,
            "n_train_responses": len(train),
            "n_train_users": self._users(train),
            "n_val_responses": len(self._rows("val")),
            "n_test_responses": len(test),
            "n_test_users": self._users(test),
            "time_is_order": self.marts.time_is_order,
            "share_correct": float(self._correct[test].mean()),
            "share_unseen_items": float(unseen.mean()),
            "best_baseline": self.best_baseline(),
            "data_summary": self.marts.summary,
            "funnel": self.marts.funnel,
            "models": self._models(),
            "oracle": self._oracle(),
            "slices": behaviour_slices(
                self.marts.table.iloc[test],
                self._correct[test],
                self.predictions_of("test"),
                seed=self.seed,
                has_sessions=not self.marts.time_is_order,
            ),
        }

    def best_baseline(self) -> str | None:
        """The baseline with the best validation AUC; never chosen by test."""
        reached = {
            name: value
            for name, answer in self.answers.items()
            if registry.MODELS[name].is_baseline
            and (value := self._of("val", answer)[SELECTED_BY]) is not None
        }
        return max(reached, key=reached.__getitem__) if reached else None

    def predictions_of(self, split: str) -> dict[str, np.ndarray]:
        """Each model's probabilities of a split's responses."""
        rows = self._rows(split)
        return {name: answer.predicted[rows] for name, answer in self.answers.items()}

    def predictions(self) -> pd.DataFrame:
        """One row a model and test response; every metric follows from it."""
        test = self._rows("test")
        found = self.marts.table.iloc[test]
        frames = [
            pd.DataFrame(
                {
                    "model": name,
                    "response_id": found["response_id"].to_numpy(),
                    "user_id": found["user_id"].to_numpy(),
                    "item_id": self.marts.responses.item.numpy()[test],
                    "attempt": found["attempt"].to_numpy(),
                    "actual": self._correct[test],
                    "predicted": answer.predicted[test],
                }
            )
            for name, answer in self.answers.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def _models(self) -> dict[str, dict[str, Any]]:
        best = self.best_baseline()
        predicted = self.predictions_of("test")
        return {
            name: {
                **named(name, answer.log),
                "test": self._test[name].values,
                "val": self._of("val", answer),
                "ci95": {m: self._test[name].interval(m) for m in TRACING},
                "first_attempts": self._first_attempts(name),
                "auc_pykt_late_mean": self._as_pykt(name),
                "train_seconds": answer.train_seconds,
                "eval_seconds": answer.eval_seconds,
                "n_parameters": answer.model.n_parameters,
                "best_epoch": answer.log.best_epoch if answer.log else None,
                "monitor": answer.log.monitor if answer.log else None,
                "history": answer.log.epochs if answer.log else [],
                "vs_best_baseline": self._versus(name, best),
                "calibration": calibration(
                    self._correct[self._rows("test")], predicted[name]
                ),
            }
            for name, answer in self.answers.items()
        }

    def _versus(self, name: str, best: str | None) -> dict[str, Any] | None:
        if best is None or name == best:
            return None
        ours, theirs = self._test[name], self._test[best]
        return {metric: ours.less(theirs, metric) for metric in TRACING}

    def _first_attempts(self, name: str) -> dict[str, Any]:
        found = self._first[name]
        return {
            "n": int(self._is_first.sum()),
            "auc": found.values["auc"],
            "ci95": found.interval("auc"),
        }

    def _as_pykt(self, name: str) -> dict[str, Any]:
        """AUC over the answers that pyKT's tables are over (Liu et al., NeurIPS 2022).

        Its windows predict no student's first answer and leave out students of fewer
        than three; a question of several skills is one row, whose skills' predictions
        are averaged ("late mean"). Ours asks for all skills at once: the mean of one.
        """
        table, test = self.marts.table, self._rows("test")
        lengths = table.groupby("user_id")["position"].transform("size")
        inside = (table["position"] >= 1) & (lengths >= PYKT_LEAST)
        rows = test[inside.to_numpy()[test]]
        found = auc(self._correct[rows], self.answers[name].predicted[rows])
        return {"n": len(rows), "auc": found}

    def _oracle(self) -> dict[str, Any] | None:
        """Metrics of the process's own probabilities, and what models lack of them."""
        if self.oracle is None:
            return None
        test = self._rows("test")
        oracle = {"oracle": self.oracle[test], **self.predictions_of("test")}
        users = self.marts.table["user_id"].to_numpy()[test]
        found = resampled(self._correct[test], oracle, users, seed=self.seed)
        reference = found.pop("oracle")
        return {
            "test": reference.values,
            "ci95": {metric: reference.interval(metric) for metric in TRACING},
            "models": {
                name: {metric: result.less(reference, metric) for metric in TRACING}
                for name, result in found.items()
            },
        }

    @cached_property
    def _correct(self) -> np.ndarray:
        return self.marts.responses.correct.numpy()

    @cached_property
    def _test(self) -> dict[str, Resampled]:
        return self._resampled(np.ones(len(self._rows("test")), dtype=bool))

    @cached_property
    def _is_first(self) -> np.ndarray:
        return self.marts.table["attempt"].to_numpy()[self._rows("test")] == 1

    @cached_property
    def _first(self) -> dict[str, Resampled]:
        return self._resampled(self._is_first)

    def _resampled(self, inside: np.ndarray) -> dict[str, Resampled]:
        test = self._rows("test")[inside]
        predicted = self.predictions_of("test")
        return resampled(
            self._correct[test],
            {name: found[inside] for name, found in predicted.items()},
            self.marts.table["user_id"].to_numpy()[test],
            seed=self.seed,
        )

    def _rows(self, split: str) -> np.ndarray:
        return self.marts.rows_of(split).numpy()

    def _users(self, rows: np.ndarray) -> int:
        return int(self.marts.table["user_id"].iloc[rows].nunique())

    def _of(self, split: str, answer: Answer) -> dict[str, float | None]:
        rows = self._rows(split)
        return metrics_of(self._correct[rows], answer.predicted[rows])


def table(metrics: dict[str, Any]) -> str:
    """The line-up as a text table: each metric with its 95% interval below."""
    rows = [
        [
            f"{model['title']}\n({name})",
            *(_cell(model["test"][m], model["ci95"][m]) for m in TRACING),
            _cell(model["first_attempts"]["auc"], model["first_attempts"]["ci95"]),
        ]
        for name, model in metrics["models"].items()
    ]
    if oracle := metrics["oracle"]:
        cells = [_cell(oracle["test"][m], oracle["ci95"][m]) for m in TRACING]
        rows.append(["Oracle\n(the simulation)", *cells, ""])
    header = ["model", *TRACING, "auc, first attempts"]
    return tabulate(rows, header, tablefmt="simple", disable_numparse=True)


def _cell(value: float | None, bounds: tuple[float, float] | None) -> str:
    if value is None:
        return "—"
    interval = f"[{bounds[0]:.4f}, {bounds[1]:.4f}]" if bounds else "[one user]"
    return f"{value:.4f}\n{interval}"
