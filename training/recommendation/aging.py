"""An old run's models asked about what happened since: how well they have aged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor

from models_py import registry
from models_py.data import Queries
from models_py.ragged import Ragged
from training.errors import UserError
from training.evaluation.intervals import bootstrap_intervals
from training.evaluation.metrics import RANKING, means
from training.evaluation.ranking import label_ranks
from training.fit.checkpoints import load_model
from training.fit.seeds import make_reproducible
from training.marts.opening import marts_path
from training.recommendation.adapting import pairs_with_support
from training.recommendation.candidates import Candidates
from training.recommendation.known import KnownItems
from training.recommendation.marts import RecommendationMarts, load_recommendation
from training.recommendation.pair_table import Pairs
from training.recommendation.questions import utc
from training.recommendation.scorecard import SELECTED_BY
from training.runs import Run

FAMILY = "recommendation"
MONTH_DAYS = 30
SCORED_QUERIES = 1024  # fewer in a large vocabulary
SCORES_HELD = 2**24  # neither changes a result
UNKNOWN = -1


@dataclass(frozen=True)
class Since:
    """Pairs of today's marts that came after a run's newest train event.

    Args:
        rows: pair ids, ascending, shape (N,).
        month: of each, from 1, `MONTH_DAYS` days each, shape (N,).
        queries: what the run knows of each prefix, repeats collapsed, as ids of the
            run; a prefix may be empty.
        support: rows of `pairs`, each query's learner's of earlier seconds.
        left_out: row and item of each that is no candidate, shape (2, L).
        label: as an id of the run, `UNKNOWN` if it never saw it, shape (N,).
        user: shape (N,).
        worst: rank of a label that cannot be found: all of today's items.
        pairs: today's, in ids of the marts.
        known: the marts' items as the run's.
        n_known: items of the run.
    """

    rows: Tensor
    month: np.ndarray
    queries: Queries
    support: Ragged
    left_out: Tensor
    label: Tensor
    user: np.ndarray
    worst: int
    pairs: Pairs
    known: KnownItems
    n_known: int

    @property
    def is_cold(self) -> np.ndarray:
        """Whether the run never saw the label, shape (N,)."""
        return (self.label == UNKNOWN).numpy()


def evaluate_run(
    run_dir: Path, mart_dir: str | None, models: tuple[str, ...]
) -> dict[str, Any]:
    """Metrics of a run's models on the pairs since its newest train event, by month.

    Nothing is trained. Models are asked as about all test pairs of their run: those
    that read support of any size have the learner's earlier pairs, as many as an
    episode's, others that adapt have none.

    Args:
        run_dir: folder of a finished run of recommenders.
        mart_dir: folder of Parquet marts; None reads dbt's DuckDB file.
        models: some of the run's; empty takes all.
    Raises:
        UserError: it is no such run, its vocabulary is gone or is of other items than
            the marts', or nothing happened since.
    """
    run = Run(run_dir)
    metrics = run.read_json("metrics.json")
    chosen = _models_of(run, metrics, models)
    newest = metrics.get("newest_train_at")
    if newest is None:
        raise UserError(
            f"{run_dir} does not say when its newest train event was: it is of an "
            "earlier version; train it again"
        )
    item_keys = _vocabulary(run)
    source = marts_path(mart_dir)
    marts = load_recommendation(source, metrics["mart"], metrics["dataset"])
    since = _since(run, marts, item_keys, newest, metrics)
    make_reproducible()
    ranks = {name: _ranks(run, name, since) for name in chosen}
    return {
        "run_id": run.run_id,
        **{name: metrics[name] for name in ("mart", "dataset")},
        "newest_train_at": newest,
        "month_days": MONTH_DAYS,
        "n_queries": len(since.rows),
        "share_cold_labels": float(since.is_cold.mean()),
        "months": [
            {
                "month": month,
                "n_queries": int(inside.sum()),
                "n_users": len(np.unique(since.user[inside])),
                "share_cold_labels": float(since.is_cold[inside].mean()),
            }
            for month, inside in _months(since)
        ],
        "models": {
            name: _of_model(metrics["models"][name], since, found, metrics["seed"])
            for name, found in ranks.items()
        },
    }


def _models_of(
    run: Run, metrics: dict[str, Any], asked: tuple[str, ...]
) -> tuple[str, ...]:
    if metrics.get("family", FAMILY) != FAMILY:
        raise UserError(
            f"{run.path} is a run on {metrics['mart']}; name a run of recommenders "
            "with --run, `moocmeta runs` lists all"
        )
    for name in asked:
        if name not in metrics["models"]:
            raise UserError(
                f"--model {name} is not in {run.path}; it has: "
                + ", ".join(metrics["models"])
            )
    return asked or tuple(metrics["models"])


def _vocabulary(run: Run) -> list[str]:
    if not (run.path / "vocab.json").is_file():
        raise UserError(
            f"{run.path / 'vocab.json'} is gone, and nothing else says which items the "
            "run's models know; restore it or train the run again"
        )
    return run.read_json("vocab.json")


def _since(
    run: Run,
    marts: RecommendationMarts,
    item_keys: list[str],
    newest: int,
    metrics: dict[str, Any],
) -> Since:
    """What the run is asked, in its own ids."""
    known = KnownItems.of_keys(item_keys, marts.item_keys)
    if not (known.to_run != UNKNOWN).any():
        raise UserError(
            f"{run.path} knows none of the {marts.n_items} items of data set "
            f"{marts.dataset} in today's marts; name a run of these data with --run"
        )
    pairs = marts.pairs
    rows = torch.from_numpy(np.flatnonzero(pairs.label_at.numpy() > newest))
    if not len(rows):
        raise UserError(
            f"no pair of data set {marts.dataset} is newer than {utc(newest)} UTC, the "
            f"newest that {run.path} learned from; add what happened since and run "
            "`dbt build`"
        )
    real = pairs.prefixes.take(rows)
    translated = Ragged(known.to_run[real.values], real.offsets)
    exclude = metrics.get("candidates", {}).get("exclude", "last")
    left_out = Candidates(exclude, exclude).left_out(translated)
    passed = (pairs.label_at[rows] - newest - 1).numpy()
    return Since(
        rows=rows,
        month=1 + passed // (MONTH_DAYS * 86_400),
        queries=Queries(known.rows(real), known.sequences(pairs.sequence[rows])),
        support=pairs_with_support(marts, rows).support,
        left_out=left_out[:, left_out[1] != UNKNOWN],
        label=known.to_run[pairs.label[rows]],
        user=pairs.user[rows.numpy()],
        worst=marts.n_items,
        pairs=pairs,
        known=known,
        n_known=len(item_keys),
    )


def _ranks(run: Run, name: str, since: Since) -> np.ndarray:
    """Rank of each label among the items that the run knows, (N,).

    A label that it never saw, or a prefix of which it knows nothing, is worst.
    """
    _, model = load_model(run.checkpoint(name))
    ranks = torch.full((len(since.rows),), since.worst)
    can_be_asked = (since.label != UNKNOWN) & (since.queries.prefixes.lengths > 0)
    answerable = torch.from_numpy(np.flatnonzero(can_be_asked.numpy()))
    place = torch.full((len(since.rows),), UNKNOWN)
    n_together = min(SCORED_QUERIES, max(SCORES_HELD // since.n_known, 1))
    for part in answerable.split(n_together) if len(answerable) else ():
        place[part] = torch.arange(len(part))
        row, item = since.left_out
        inside = place[row] != UNKNOWN
        left_out = torch.stack([place[row[inside]], item[inside]])
        scores = _scores(name, model, since, part)
        ranks[part] = label_ranks(scores, since.label[part], left_out)
        place[part] = UNKNOWN
    return ranks.numpy()


def _scores(name: str, model: Any, since: Since, part: Tensor) -> Tensor:
    """Scores of all items of the run, shape (B, n_items)."""
    of_all = since.queries
    queries = Queries(of_all.prefixes.take(part), of_all.sequence[part])
    if not registry.reads_any_support(name):
        return model.score(queries)
    support = since.support.take(part)
    return model.score_blocks(since.known.with_support(since.pairs, support, queries))


def _months(since: Since) -> Iterator[tuple[int, np.ndarray]]:
    """Each month that has pairs, and which they are."""
    for month in np.unique(since.month):
        yield int(month), since.month == month


def _of_model(
    trained: dict[str, Any], since: Since, ranks: np.ndarray, seed: int
) -> dict[str, Any]:
    """What a model reached when it was trained, in each month, and in all of them."""
    everything = np.ones(len(ranks), dtype=bool)
    return {
        "title": trained["title"],
        "at_training": trained.get("all_pairs") or trained["test"],
        "months": [
            {"month": month, **_metrics(since, ranks, inside, seed)}
            for month, inside in _months(since)
        ],
        "since": _metrics(since, ranks, everything, seed),
    }


def _metrics(
    since: Since, ranks: np.ndarray, inside: np.ndarray, seed: int
) -> dict[str, Any]:
    known = inside & ~since.is_cold
    return {
        **_with_intervals(ranks[inside], since.user[inside], seed),
        "without_cold": _with_intervals(ranks[known], since.user[known], seed)
        if known.any()
        else None,
    }


def _with_intervals(ranks: np.ndarray, users: np.ndarray, seed: int) -> dict[str, Any]:
    values = {name: metric(ranks) for name, metric in RANKING.items()}
    return {**means(ranks), "ci95": bootstrap_intervals(values, users, seed=seed)}


def aging_table(found: dict[str, Any]) -> str:
    """A row a month, a column a model."""
    models = found["models"]
    first = [f"{model['at_training'][SELECTED_BY]:.4f}" for model in models.values()]
    rows = [["at training", "", "", *first]]
    for number, month in enumerate(found["months"]):
        share = month["share_cold_labels"]
        cells = [_cell(each["months"][number], share) for each in models.values()]
        cold = f"{share:.1%}"
        rows.append([f"month {month['month']}", month["n_queries"], cold, *cells])
    header = [SELECTED_BY, "queries", "cold", *(_heading(name) for name in models)]
    table = tabulate(rows, header, tablefmt="simple", disable_numparse=True)
    return (
        f"{table}\n\nmonths of {MONTH_DAYS} days since "
        f"{utc(found['newest_train_at'])} UTC, the run's newest train event; cold "
        "labels, which the run never saw, count as not found; in brackets the 95% "
        "interval over users, below it without cold labels"
    )


def _heading(name: str) -> str:
    """A model's name, and whether it is asked without what it would adapt to."""
    is_without = registry.MODELS[name].adapts and not registry.reads_any_support(name)
    return f"{name}\n(no support)" if is_without else name


def _cell(month: dict[str, Any], share_cold: float) -> str:
    bounds, known = month["ci95"][SELECTED_BY], month["without_cold"]
    interval = f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ""
    without = f"\n({known[SELECTED_BY]:.4f})" if known and share_cold else ""
    return f"{month[SELECTED_BY]:.4f}{interval}{without}"
