"""What a CUDA device makes of each network: its seconds, and what it reaches.

    dbt run-operation export_marts --args '{out: exports}'
    python -m benchmarks.bench_devices exports

One run of the ordinary command a mart on the CPU, one on CUDA and one on CUDA with
bf16, at the same seed and settings. Each trains until its own validation stops, so
epochs may differ by some: sums are rounded otherwise, and dropout is drawn otherwise.
What differs in the test metrics is to be seen beside the CPU's interval over users.

Seconds of CUDA are of one process after another, those of the CPU of one thread with
models side by side, one a core.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.run import HERE, circumstances
from training.runs import Run, run_ids

RUNS = {
    "cuda": ("--device", "cuda"),
    "cuda_bf16": ("--device", "cuda", "--precision", "bf16"),
    "cpu": ("--device", "cpu"),
}
LINEUPS = {
    "episodes_k5_q10": (
        *("gru", "sasrec", "fine_tune", "cavia", "best"),
        *("maml", "maml_warm", "fomaml", "meta_sgd", "anil"),
    ),
    "kt_sequences": ("sakt", "wd_irt", "dkt"),
    "causal_trials": ("causal_transformer",),
}


def runs_of(mart_dir: Path, mart: str) -> dict[str, dict[str, Any]]:
    """`metrics.json` of a run on each device."""
    found = {}
    for device, said in RUNS.items():
        with tempfile.TemporaryDirectory() as out:
            command = [str(Path(sys.executable).parent / "moocmeta-train")]
            command += ["--mart", mart, "--mart-dir", str(mart_dir), "--quiet"]
            command += [*said, "--out", out]
            for name in LINEUPS[mart]:
                command += ["--model", name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            (run_id,) = run_ids(Path(out), "manifest.json")
            found[device] = Run(Path(out) / run_id).read_json("metrics.json")
    return found


def rows_of(found: dict[str, dict[str, Any]], lineup: tuple[str, ...]) -> dict:
    """By model: seconds of an epoch, epochs, and metrics less those of the CPU."""
    return {
        name: {
            device: _row(found[device]["models"][name], found["cpu"]["models"][name])
            for device in reversed(RUNS)
        }
        for name in lineup
    }


def _row(model: dict[str, Any], on_cpu: dict[str, Any]) -> dict[str, Any]:
    history = model.get("history") or []
    seconds = [epoch["seconds"] for epoch in history]
    metrics = {
        name: value for name, value in model["test"].items() if value is not None
    }
    row: dict[str, Any] = {
        "epochs": len(history),
        # the first one also loads kernels
        "epoch_seconds": round(float(np.median(seconds)), 3) if seconds else None,
        "first_epoch_seconds": round(seconds[0], 3) if seconds else None,
        "train_seconds": round(model["train_seconds"], 1),
    }
    if model is on_cpu:
        return row | {"test": metrics, "ci95": model.get("ci95")}
    less = {name: round(v - on_cpu["test"][name], 6) for name, v in metrics.items()}
    return row | {"less_cpu": less}


@click.command()
@click.argument("mart_dir", type=click.Path(exists=True, path_type=Path))
@click.option("--mart", "marts", multiple=True, type=click.Choice(list(LINEUPS)))
def main(mart_dir: Path, marts: tuple[str, ...]) -> None:
    """Fill results/devices.json, mart by mart."""
    if not torch.cuda.is_available():
        raise click.ClickException("no CUDA device here: there is nothing to compare")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    path = HERE / "results" / "devices.json"
    for mart in marts or LINEUPS:
        found = runs_of(mart_dir, mart)
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        entry = {**circumstances(), "device": torch.cuda.get_device_name()}
        entry["models"] = rows_of(found, LINEUPS[mart])
        result = {**known.get("result", {}), mart: entry}
        text = json.dumps({"benchmark": "devices", "result": result}, indent=2)
        path.write_text(text + "\n", encoding="utf-8")
        click.echo(json.dumps(entry, indent=2))


if __name__ == "__main__":
    main()
