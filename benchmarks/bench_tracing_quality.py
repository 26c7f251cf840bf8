"""What knowledge tracing reaches on a simulated log whose truth is known.

    python -m benchmarks.bench_tracing_quality

Simulates an EDM Cup log, builds its marts with dbt, trains the whole line-up and
compares predictions with the oracle and item parameters with those that were drawn.
Drift is looked for in several logs, for one log has few drifting items.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
DATASET = "edm_cup_2023"
WELL_KNOWN = 200  # responses of an item whose parameters are compared


def run(users: int = 4000, drift_logs: int = 2, seed: int = 20260107) -> dict:
    """Test metrics, distance to the oracle, recovery of items and of drift."""
    with tempfile.TemporaryDirectory(prefix="moocmeta-bench-") as folder:
        scratch = Path(folder)
        first = _trained(scratch / "0", users, seed, [])
        metrics = json.loads((first / "metrics.json").read_text(encoding="utf-8"))
        items = [_items(scratch / "0", first)]
        for number in range(1, drift_logs):
            log = scratch / str(number)
            only_irt = ["--model", "wd_irt", "--seed", str(seed)]
            items.append(_items(log, _trained(log, users, seed + number, only_irt)))
    return {
        "command": f"moocmeta simulate {DATASET} --users {users} --seed {seed}",
        "n_train_responses": metrics["n_train_responses"],
        "n_test_responses": metrics["n_test_responses"],
        "n_test_users": metrics["n_test_users"],
        "models": {
            name: {
                "test": _rounded(model["test"]),
                "auc_ci95": [round(bound, 4) for bound in model["ci95"]["auc"]],
            }
            for name, model in metrics["models"].items()
        },
        "oracle_auc": round(metrics["oracle"]["test"]["auc"], 4),
        "sakt_less_gbt_auc": _gap(metrics, "sakt", "gbt"),
        "oracle_less_sakt_auc": round(
            metrics["oracle"]["test"]["auc"] - metrics["models"]["sakt"]["test"]["auc"],
            4,
        ),
        "items": _recovery(items[0]),
        "drift": _drift(pd.concat(items)),
    }


def _trained(folder: Path, users: int, seed: int, options: list[str]) -> Path:
    """Run folder of a line-up on a log of its own."""
    env = {
        "MOOCMETA_DATA_DIR": str(folder),
        "MOOCMETA_DUCKDB": str(folder / "moocmeta.duckdb"),
        "OMP_NUM_THREADS": "1",
    }
    simulate = ["simulate", DATASET, "--out", folder, "--users", users]
    _call([BIN / "moocmeta", *simulate, "--seed", seed, "--quiet"], env)
    paths = ["--target-path", folder / "target", "--log-path", folder / "logs"]
    marts = ["+kt_sequences", "+responses", "+response_features", "+skills"]
    marts += ["+vocab", "+sessions"]
    no_tests = ["--exclude-resource-type", "test", "unit_test"]
    _call([BIN / "dbt", "--quiet", "build", *no_tests, "--select", *marts, *paths], env)
    train = [BIN / "moocmeta-train", "--mart", "kt_sequences", "--quiet", *options]
    _call([*train, "--out", folder / "runs"], env)
    (metrics,) = (folder / "runs").glob("*/metrics.json")
    return metrics.parent


def _call(command: list, env: dict[str, str]) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
    )


def _items(folder: Path, run_dir: Path) -> pd.DataFrame:
    """Estimated beside true parameters of the items that train users answered."""
    exports = run_dir / "exports"
    drift = pd.read_parquet(exports / "item_drift.parquet")
    flags = drift.groupby("item_id")["drift_flag"].max().rename("is_flagged")
    truth = pd.read_parquet(folder / "truth" / DATASET / "items.parquet")
    found = pd.read_parquet(exports / "item_params.parquet").join(flags, "item_id")
    return found.merge(truth, on="item_key", suffixes=("", "_true"))


def _recovery(items: pd.DataFrame) -> dict:
    known = items[items["n_responses"] >= WELL_KNOWN]
    return {
        "n": len(known),
        "responses_of_an_item": round(known["n_responses"].mean()),
        **{
            f"correlation_of_{name}": round(
                float(np.corrcoef(known[name], known[f"{name}_true"])[0, 1]), 4
            )
            for name in ("difficulty", "discrimination", "guessing")
        },
    }


def _drift(items: pd.DataFrame) -> dict:
    is_planted = items["drift"] != 0
    is_flagged = items["is_flagged"].eq(True)
    n_found = int((is_planted & is_flagged).sum())
    return {
        "items": len(items),
        "planted": int(is_planted.sum()),
        "flagged": int(is_flagged.sum()),
        "recall": round(n_found / is_planted.sum(), 4),
        "share_of_false_discoveries": round(1 - n_found / is_flagged.sum(), 4),
    }


def _gap(metrics: dict, model: str, other: str) -> float:
    models = metrics["models"]
    return round(models[model]["test"]["auc"] - models[other]["test"]["auc"], 4)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


@click.command()
@click.option("--users", default=4000, show_default=True)
@click.option("--drift-logs", type=click.IntRange(1), default=2, show_default=True)
@click.option("--seed", default=20260107, show_default=True)
def main(users: int, drift_logs: int, seed: int) -> None:
    """Measure and print as JSON."""
    click.echo(json.dumps(run(users, drift_logs, seed), indent=2))


if __name__ == "__main__":
    main()
