"""Run folders with believable numbers, for tests of what reads them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluation.intervals import bootstrap_intervals, paired_comparisons
from training.evaluation.metrics import RANKING
from training.evaluation.slices import (
    PREFIX_LENGTHS,
    RELIABILITY_TIERS,
    recall_by_slice,
)

SKILL = {
    "random": ("Random", -4.0),
    "popularity": ("Popularity", -1.2),
    "gru": ("GRU", 0.75),
    "sasrec": ("SASRec", 0.72),
    "session_knn": ("Session-KNN", 0.3),
}
BEST_MRR = {"gru": 0.40, "sasrec": 0.37}  # on validation users; these have epochs
N_ITEMS = 341


def recommendation_metrics(n_users: int = 150, seed: int = 7) -> dict[str, Any]:
    """A whole `metrics.json` of the recommendation line-up, made from drawn ranks."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), 10)
    ease = rng.normal(0, 0.8, n_users)[users] + rng.normal(0, 1, len(users))
    ranks = {}
    for name, (_, skill) in SKILL.items():
        own = rng.normal(0, 0.4, len(users))
        ranks[name] = np.clip(np.exp(2.2 - 1.3 * (skill + ease + own)), 1, N_ITEMS)
        ranks[name] = ranks[name].astype(int)
    ranks["random"] = rng.integers(1, N_ITEMS + 1, len(users))
    lengths = rng.geometric(0.15, len(users))
    reliability = rng.beta(2, 2, len(users))
    return {
        "run_id": "20260107-101500-xuetangx-7f3a",
        "mart": "episodes_k5_q10",
        "dataset": "xuetangx",
        "seed": 20260107,
        "device": "cpu",
        "precision": "fp32",
        "command": "moocmeta-train --mart episodes_k5_q10 --dataset xuetangx "
        "--seed 20260107",
        "n_items": N_ITEMS,
        "n_train_pairs": 48_211,
        "n_train_users": 712,
        "n_val_queries": 1_480,
        "n_test_episodes": n_users,
        "n_test_queries": len(users),
        "n_test_users": n_users,
        "share_unseen_labels": 0.0123,
        "best_baseline": "gru",
        "models": _models(ranks, users, lengths, reliability),
        "bayes_optimal": {
            "accuracy@1": 0.43,
            "recall@10": 0.79,
            "mrr": 0.52,
            "n_queries": len(users),
        },
        "repeat_splits": None,
        "data_summary": _summary(),
        "funnel": [
            {"step": "raw rows", "n_rows": 412_889, "n_users": None},
            {
                "step": "of users with enough events",
                "n_rows": 201_774,
                "n_users": 1_018,
            },
            {"step": "sessions", "n_rows": 9_822, "n_users": 1_018},
            {"step": "pairs", "n_rows": 68_900, "n_users": 1_002},
            {"step": "episodes", "n_rows": 34_561, "n_users": 960},
        ],
    }


def repeated_splits(metrics: dict[str, Any], n: int = 20) -> dict[str, Any]:
    """A `repeat_splits` block around a run's test metrics."""
    rng = np.random.default_rng(1)
    models: dict[str, Any] = {}
    for name, block in metrics["models"].items():
        models[name] = {}
        for metric, value in block["test"].items():
            drawn = np.clip(value + 0.08 * rng.standard_normal(n), 0, 1)
            models[name][metric] = {
                "mean": float(drawn.mean()),
                "sd": float(drawn.std(ddof=1)),
                "min": float(drawn.min()),
                "max": float(drawn.max()),
                "less": {}
                if name == "gru"
                else {"gru": {"difference": -0.1, "ci95": [-0.2, -0.05]}},
            }
    return {
        "n": n,
        "models": models,
        "n_test_users": rng.integers(11, 24, n).tolist(),
    }


def write_run(
    folder: Path, metrics: dict[str, Any], *, with_manifest: bool = True
) -> Path:
    """A run folder as training leaves it, but for checkpoints and predictions."""
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    config = {
        "mart": metrics["mart"],
        "seed": metrics["seed"],
        "models": {
            "gru": {"hidden": 128, "optimiser": {"learning_rate": 0.0005}},
            "popularity": {},
        },
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if with_manifest:
        manifest = {
            "run_id": metrics["run_id"],
            "created_at": "2026-01-07T10:15:00Z",
            "versions": {"moocmeta": "0.1.0", "torch": "2.13.0", "duckdb": "1.5.6"},
            "artifacts": {
                "metrics.json": {"bytes": 18_022, "sha256": "a1" * 32},
                "checkpoints/gru.safetensors": {
                    "bytes": 4_512_004,
                    "sha256": "b2" * 32,
                },
            },
            "inputs": {
                "pairs": {"rows": 68_900, "sha256": "c3" * 32},
                "episodes_k5_q10": {"rows": 34_561, "sha256": "d4" * 32},
            },
        }
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _models(ranks, users, lengths, reliability) -> dict[str, Any]:
    values = {
        (name, metric): per_query(ranks[name])
        for name in SKILL
        for metric, per_query in RANKING.items()
    }
    intervals = bootstrap_intervals(values, users, seed=1)
    reference = {(name, metric): values["gru", metric] for name, metric in values}
    gaps = paired_comparisons(values, reference, users, seed=1)
    by_length = recall_by_slice(ranks, users, lengths, PREFIX_LENGTHS, seed=1)
    by_tier = recall_by_slice(ranks, users, reliability, RELIABILITY_TIERS, seed=1)
    models = {}
    for name, (title, _) in SKILL.items():
        test = {metric: float(values[name, metric].mean()) for metric in RANKING}
        history = _history(BEST_MRR[name]) if name in BEST_MRR else []
        models[name] = {
            "title": title,
            "test": test,
            "val": {metric: 0.98 * value for metric, value in test.items()},
            "ci95": {metric: intervals[name, metric] for metric in RANKING},
            "train_seconds": 67.2 if history else 0.012,
            "eval_seconds": 0.81,
            "n_parameters": 118_912 if history else 0,
            "best_epoch": 7 if history else None,
            "monitor": "mrr" if history else None,
            "history": history,
            "vs_best_baseline": None
            if name == "gru"
            else {metric: gaps[name, metric].as_json() for metric in RANKING},
            "slices": {
                "prefix_length": by_length[name],
                "reliability_tier": by_tier[name],
            },
        }
    return models


def _history(best: float) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "loss": 2.4 + 3.2 * 0.7**epoch,
            "val": best - 0.25 * 0.6**epoch - 0.002 * max(epoch - 7, 0),
            "seconds": 5.6,
        }
        for epoch in range(1, 13)
    ]


def _summary() -> list[dict[str, Any]]:
    users = {"train": 712, "val": 154, "test": 152, "all": 1_018}
    return [
        {
            "dataset": "xuetangx",
            "split": split,
            "n_users": n,
            "n_events": 198 * n,
            "n_sessions": 10 * n,
            "n_items": N_ITEMS,
            "n_pairs": 67 * n,
            "n_episodes_k5_q10": 48 * n if split in ("train", "all") else n,
            "n_episodes_k2_q3": 21 * n,
            "sparsity": 0.4193,
            "events_per_user_p50": 122.0,
            "events_per_user_p90": 431.5,
            "reliability_mean": 0.4417,
            "reliability_p50": 0.4385,
        }
        for split, n in users.items()
    ]
