"""What RecTools' own models reach on a mart's pairs, ranked as moocmeta ranks.

RecTools (github.com/MobileTeleSystems/RecTools) wants an environment of its own:

    python -m venv peers
    peers/bin/pip install "rectools[torch]" duckdb==1.5.6 "pyarrow<21"
    peers/bin/python benchmarks/bench_peers.py moocmeta.duckdb mylog --model sasrec

The same train sequences, the same test pairs, the whole vocabulary ranked, ties against
the model, the best epoch by validation MRR: what `all_pairs` of a run holds. Sequences
longer than a prefix are cut as moocmeta cuts them, so that no target is lost.
"""

import argparse
import copy
import json
import sys
import time
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from rectools.models.nn.transformers.ligr import LiGRLayers
from rectools.models.nn.transformers.sasrec import SASRecTransformerLayers

LAYERS = {"sasrec": SASRecTransformerLayers, "ligr": LiGRLayers}
# one row closes each stretch of so many targets: its prefix and label are the stretch
TRAIN = """
select row_number() over (order by pair_id) as user_id, list_append(prefix, label)
from pairs
where dataset = ? and split = 'train'
qualify (max(prefix_len) over (partition by sequence_id) - prefix_len) % ? = 0
order by pair_id
"""
ASKED = """
select pair_id, user_id, prefix, label from pairs
where dataset = ? and split = ? order by pair_id
"""


@dataclass(frozen=True)
class Asked:
    """Pairs of a split: who, what came before, what came next."""

    pair_id: np.ndarray
    user: np.ndarray
    prefixes: list[list[int]]
    label: np.ndarray


def asked(connection: duckdb.DuckDBPyConnection, dataset: str, split: str) -> Asked:
    """All pairs of a split."""
    pair_id, user, prefixes, label = zip(
        *connection.execute(ASKED, [dataset, split]).fetchall(), strict=True
    )
    return Asked(np.array(pair_id), np.array(user), list(prefixes), np.array(label))


def interactions(
    connection: duckdb.DuckDBPyConnection, dataset: str, length: int
) -> Dataset:
    """Train sequences as RecTools wants them: one of its users a stretch."""
    rows = connection.execute(TRAIN, [dataset, length]).fetchall()
    lengths = [len(items) for _, items in rows]
    place = np.concatenate([np.arange(n) for n in lengths])
    frame = pd.DataFrame(
        {
            Columns.User: np.repeat([user for user, _ in rows], lengths),
            Columns.Item: np.concatenate([items for _, items in rows]),
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2000-01-01")
            + pd.to_timedelta(place, unit="s"),
        }
    )
    return Dataset.construct(frame)


@torch.no_grad()
def ranks(module, found: Asked, n_items: int, exclude: str, length: int) -> np.ndarray:
    """Rank of each label among all items; what train never saw comes last."""
    network = module.torch_model.eval()
    known = module.data_preparator.item_id_map
    number = np.zeros(n_items, dtype=np.int64)  # 0 is padding
    seen = known.external_ids[module.data_preparator.n_item_extra_tokens :].astype(int)
    number[seen] = known.convert_to_internal(seen)
    table = network.item_model.get_all_embeddings()
    result = np.full(len(found.label), n_items)
    for rows in np.array_split(np.arange(len(result)), len(result) // 512 + 1):
        prefixes = [found.prefixes[r][-length:] for r in rows]
        scores = _scores(network, table, number, prefixes, length)
        label = torch.from_numpy(found.label[rows])[:, None]
        of_label = scores.gather(1, label)
        for row, at in enumerate(rows):
            prefix = found.prefixes[at]
            scores[row, prefix[-1:] if exclude == "last" else prefix] = -torch.inf
        scores.scatter_(1, label, of_label)
        rank = (scores >= of_label).sum(1).numpy()
        is_known = number[found.label[rows]] > 0
        result[rows] = np.where(is_known, rank, n_items)
    return result


def _scores(
    network, table, number: np.ndarray, prefixes: list, length: int
) -> torch.Tensor:
    """Scores by the mart's ids, (rows, n_items)."""
    x = torch.zeros(len(prefixes), length, dtype=torch.int64)
    for row, prefix in enumerate(prefixes):  # padding is in front
        x[row, length - len(prefix) :] = torch.from_numpy(number[prefix])
    state = network.encode_sessions({"x": x}, table)[:, -1]
    scores = (state @ table.T)[:, number]
    return scores.masked_fill(torch.from_numpy(number == 0), -torch.inf)


class BestEpoch(Callback):
    """Validates after each epoch, keeps the best weights, stops with patience."""

    def __init__(self, patience: int, *asked) -> None:
        self.patience, self.asked = patience, asked
        self.history: list[float] = []
        self.best: dict[str, torch.Tensor] = {}

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        """Ask validation users."""
        found = ranks(pl_module, *self.asked)
        pl_module.train()
        value = float((1 / found).mean())
        if value > max(self.history, default=-1):
            self.best = copy.deepcopy(pl_module.torch_model.state_dict())
        self.history.append(value)
        since = len(self.history) - 1 - int(np.argmax(self.history))
        trainer.should_stop = since >= self.patience


def measured(found: np.ndarray, user: np.ndarray, seed: int) -> dict[str, list[float]]:
    """Value and 95% interval over users of each metric."""
    of_rank = {"recall@10": found <= 10, "mrr": 1 / found, "accuracy@1": found <= 1}
    _, owner = np.unique(user, return_inverse=True)
    counts = np.bincount(owner)
    drawn = np.random.default_rng(seed).integers(0, len(counts), (2000, len(counts)))
    result = {}
    for name, values in of_rank.items():
        totals = np.bincount(owner, values)
        means = totals[drawn].sum(1) / counts[drawn].sum(1)
        bounds = np.percentile(means, [2.5, 97.5])
        result[name] = [round(float(x), 4) for x in (values.mean(), *bounds)]
    return result


def main() -> None:
    """Fit one model and print what it reaches as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("duckdb")
    parser.add_argument("dataset")
    parser.add_argument("--model", choices=LAYERS, default="sasrec")
    parser.add_argument("--exclude", choices=("last", "prefix"), default="last")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--length", type=int, default=50, help="most items read")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--patience", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ranks", help="Parquet file for each test pair's rank")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seed_everything(options.seed)
    connection = duckdb.connect(options.duckdb, read_only=True)
    counted = "select count(*) from vocab where dataset = ?"
    ((n_items,),) = connection.execute(counted, [options.dataset]).fetchall()
    val, test = (asked(connection, options.dataset, s) for s in ("val", "test"))
    settings = dict(pair.split("=", 1) for pair in options.set)
    how = (n_items, options.exclude, options.length)
    stopper = BestEpoch(options.patience, val, *how)

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=options.epochs,
            accelerator="cpu",
            callbacks=[stopper],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    model = SASRecModel(
        session_max_len=options.length,
        transformer_layers_type=LAYERS[options.model],
        get_trainer_func=trainer,
        **{key: json.loads(value) for key, value in settings.items()},
    )
    before = time.process_time()
    model.fit(interactions(connection, options.dataset, options.length))
    seconds = time.process_time() - before
    kept = next(c for c in model.fit_trainer.callbacks if isinstance(c, BestEpoch))
    model.torch_model.load_state_dict(kept.best)
    found = ranks(model.lightning_model, test, *how)
    if options.ranks:
        frame = pd.DataFrame({"pair_id": test.pair_id, "rank": found})
        frame.to_parquet(options.ranks, index=False)
    report = {
        **vars(options),
        "n_test_pairs": len(found),
        "val_mrr": round(max(kept.history), 4),
        "best_epoch": int(np.argmax(kept.history)) + 1,
        "cpu_seconds": round(seconds, 1),
        "test": measured(found, test.user, options.seed),
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
