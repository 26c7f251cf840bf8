"""What MAML and its kin reach on a log, against no support and against fine-tuning.

    python -m benchmarks.bench_adaptation DUCKDB DATASET --runs DIR --log sample
    python -m benchmarks.bench_adaptation DUCKDB DATASET --runs DIR --log sample \\
        --model anil --model anil_warm

Trains by the ordinary command those of the sixteen (or of `--model`) that no finished
run in DIR holds, all in one run, for which the base network is trained but once; then
puts what all finished runs of DIR say into `results/adaptation.json`, one entry a log.
So the table grows call by call. A run that was interrupted is taken up by
`moocmeta-train --resume`. Of a model in several runs the latest counts.

What all rows of a table share, the network that is adapted, seed and candidates, must
be alike in all runs of DIR, and is refused before anything is trained; what else was
set stands in each row beside today's settings.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.adaptation_runs import (
    Kept,
    asked_of,
    common_of,
    kept_in,
    require_alike,
)
from benchmarks.run import HERE, circumstances
from training.config import load_config
from training.evaluation.intervals import paired_comparisons
from training.evaluation.metrics import RANKING
from training.recommendation.gains import BY_RELIABILITY, CONTROL

NAMES = tuple(
    method + start + weighting
    for method in ("maml", "fomaml", "meta_sgd", "anil")
    for start in ("", "_warm")
    for weighting in ("", BY_RELIABILITY)
)
BESIDE = ("gru", CONTROL)  # each run trains them, too
REFERENCES = (*BESIDE, "cavia", "best")  # where a run has them
METRICS = ("recall@10", "mrr")
STEPS = 3000  # of the outer loop at most, as published
PAPER = HERE.parent / "configs" / "paper.yaml"
IN_ROW = {"validate_every", "optimiser.epochs", "optimiser.patience"}  # of its own


def rows_of(kept: Mapping[str, Kept]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each model with its row of the table, in the order of the line-up."""
    today = load_config([PAPER], {"mart": "any"}, ())
    for name in (*REFERENCES, *NAMES):
        if name in kept:
            usual = asked_of(today, name)
            given = kept[name].settings(name)
            own = {
                key: value
                for key, value in given.items()
                if key not in IN_ROW and value != usual.get(key)
            }
            row = _fit_of(kept[name], name) | ({"set": own} if own else {})
            yield name, {**row, **_reached(kept, name)}


def _fit_of(run: Kept, name: str) -> dict[str, Any]:
    """How it was fitted, in outer steps where there are any."""
    model, settings = run.metrics["models"][name], run.settings(name)
    row = {"at": run.manifest["created_at"]}
    if history := model.get("history"):
        # a run may have been paused: an epoch's median knows nothing of it
        seconds = float(np.median([epoch["seconds"] for epoch in history]))
        row["seconds"] = round(seconds * len(history), 1)
    if name not in NAMES:
        return row
    every = settings["validate_every"]
    return {
        **row,
        "patience": settings["optimiser.patience"],
        "validated_every": every,
        "best_step": model["best_epoch"] * every,
        "steps": len(history) * every,
        "steps_at_most": settings["optimiser.epochs"] * every,
    }


def _reached(kept: Mapping[str, Kept], name: str) -> dict[str, Any]:
    """Metrics, and differences paired by user or, where repeated, by split."""
    run = kept[name]
    model = run.metrics["models"][name]
    gains = model.get("adaptation") or {}
    row: dict[str, Any] = {
        "adapted": {m: _rounded(model["test"][m], model["ci95"][m]) for m in METRICS}
    }
    if gains:
        zero_shot = {m: round(gains["zero_shot"][m], 6) for m in METRICS}
        row |= {"zero_shot": zero_shot, "less_zero_shot": _less(gains["vs_zero_shot"])}
    if gains.get("vs_fine_tune"):
        row["less_fine_tune"] = _less(gains["vs_fine_tune"])
    uniform = name.removesuffix(BY_RELIABILITY)
    if uniform != name and uniform in kept:
        row["less_uniform"] = _less(_compared(run, name, kept[uniform], uniform))
    if run.metrics["repeat_splits"]:
        row["over_splits"] = _over_splits(run.metrics["repeat_splits"], name)
    return row


def _compared(run: Kept, name: str, other_run: Kept, other: str) -> dict[str, Any]:
    """Two models of two runs on the same queries, paired by user."""
    ranks = run.ranks(name)
    own, reference = (
        {m: np.asarray(RANKING[m](found)) for m in METRICS}
        for found in (ranks, other_run.ranks(other).loc[ranks.index])
    )
    users = ranks.index.get_level_values("user_id").to_numpy()
    compared = paired_comparisons(own, reference, users, seed=run.metrics["seed"])
    return {metric: result.as_json() for metric, result in compared.items()}


def _over_splits(repeated: dict[str, Any], name: str) -> dict[str, Any]:
    model = repeated["models"][name]
    return {
        "n": repeated["n"],
        **{m: [round(model[m][x], 6) for x in ("mean", "sd")] for m in METRICS},
        **{
            f"less_{other}": _less({m: model[m]["less"][other] for m in METRICS})
            for other in BESIDE
            if other != name
        },
    }


def _less(compared: Mapping[str, Any]) -> dict[str, list[float | None]]:
    return {
        m: _rounded(compared[m]["difference"], compared[m]["ci95"]) for m in METRICS
    }


def _rounded(value: float, interval: list[float] | None) -> list[float | None]:
    """Value, low and high end; the ends None where one user says nothing."""
    ends: list[Any] = interval or [None, None]
    return [x if x is None else round(x, 6) for x in (value, *ends)]


def train(
    marts: Path,
    out: Path,
    names: list[str],
    *options: str,
    patience: int,
    validate_every: int,
    repeat_splits: int,
) -> None:
    """One run of the ordinary command, of 3,000 outer steps at most."""
    settings = {
        "optimiser.patience": patience,
        "optimiser.epochs": -(-STEPS // validate_every),
        "validate_every": validate_every,
    }
    command = [Path(sys.executable).parent / "moocmeta-train", *options]
    command += ["--config", PAPER, "--quiet"]
    command += ["--out", out]
    command += ["--repeat-splits", repeat_splits] if repeat_splits else []
    for name in (*BESIDE, *names):
        command += ["--model", name]
    for name in names:
        for key, value in settings.items():
            command += ["--set", f"models.{name}.{key}={value}"]
    subprocess.run(
        [str(part) for part in command],
        check=True,
        stdout=subprocess.DEVNULL,
        env={"OMP_NUM_THREADS": "1", **os.environ, "MOOCMETA_DUCKDB": str(marts)},
    )


def entry_of(kept: Mapping[str, Kept]) -> dict[str, Any]:
    """What the results say of one log."""
    metrics = next(iter(kept.values())).metrics
    of_log = ("mart", "dataset", "n_items", "n_train_users", "n_train_pairs")
    return {
        **circumstances(),
        **{name: metrics[name] for name in (*of_log, "n_test_users")},
        "models": dict(rows_of(kept)),
    }


@click.command()
@click.argument("duckdb", type=click.Path(exists=True, path_type=Path))
@click.argument("dataset")
@click.option("--mart", default="episodes_k5_q10", show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), required=True)
@click.option("--log", required=True, help="The entry's name in the results.")
@click.option("--model", "models", multiple=True, type=click.Choice(NAMES))
@click.option("--patience", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--validate-every", type=click.IntRange(1), default=100, show_default=True
)
@click.option("--set", "settings", multiple=True, help="As of moocmeta-train.")
@click.option("--repeat-splits", type=click.IntRange(0), default=0, show_default=True)
@click.option("--only-read", is_flag=True, help="Train nothing.")
def main(
    duckdb: Path,
    dataset: str,
    mart: str,
    runs: Path,
    log: str,
    models: tuple[str, ...],
    settings: tuple[str, ...],
    only_read: bool,
    **numbers: int,
) -> None:
    """Train what is missing and renew the log's entry in the results."""
    kept = kept_in(runs)
    missing = [name for name in models or NAMES if name not in kept]
    if missing and not only_read:
        asked = load_config([PAPER], {"mart": mart}, settings)
        for run in list(kept.values())[:1]:
            require_alike(run.common, common_of(asked), "what --set asks for")
        options = ["--mart", mart, "--dataset", dataset]
        options += [part for setting in settings for part in ("--set", setting)]
        train(duckdb, runs, missing, *options, **numbers)
    kept = kept_in(runs)
    if not kept:
        raise click.ClickException(f"no finished run in {runs}; name its parent")
    entry = entry_of(kept)
    path = HERE / "results" / "adaptation.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    result = {**known.get("result", {}), log: entry}
    text = json.dumps({"benchmark": "adaptation", "result": result}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    click.echo(json.dumps(entry, indent=2))


if __name__ == "__main__":
    main()
