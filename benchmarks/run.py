"""Run benchmarks and keep their results with the machine's facts and the commit.

python -m benchmarks.run [NAME …]
"""

import importlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import click
import psutil
import torch

HERE = Path(__file__).resolve().parent
NAMES = (
    *("ingest", "own_log", "dbt_build", "training", "scoring", "lists", "meta"),
    *("causal_trials", "causal_coverage", "causal_order"),
    *("tracing_dbt_build", "tracing_training", "tracing_quality", "tracing_drift"),
    *("mart_dir", "processes", "scale", "numbering"),
)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
def main(names: tuple[str, ...]) -> None:
    """Run NAMES, or every benchmark; each leaves results/NAME.json."""
    for name in names or NAMES:
        result = importlib.import_module(f"benchmarks.bench_{name}").run()
        record = {"benchmark": name, **circumstances(), "result": result}
        text = json.dumps(record, indent=2)
        (HERE / "results" / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        click.echo(text)


def circumstances() -> dict:
    """When, at which commit and on what machine."""
    commit = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    is_changed = _git("status", "--porcelain", "--", ":/", ":!/benchmarks/results")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit + (" with changes" if is_changed else ""),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(HERE), *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
