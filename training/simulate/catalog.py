"""The data sets that can be simulated; the only place that lists them."""

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from training.errors import UserError
from training.files import appearing_whole, write_json
from training.settings import checked
from training.simulate.ads import ad_events
from training.simulate.ads.process import AdSettings
from training.simulate.courses import mars, xuetangx
from training.simulate.courses.drift import CourseSettings
from training.simulate.practice import assistments_2009, edm_cup_2023
from training.simulate.request import Counts, Request, Simulate, Size

DATASETS: dict[str, Simulate] = {
    "xuetangx": xuetangx.simulate,
    "mars": mars.simulate,
    "ad_events": ad_events.simulate,
    "edm_cup_2023": edm_cup_2023.simulate,
    "assistments_2009": assistments_2009.simulate,
}
# what `--set` may change; the other processes are as they are
SETTINGS: dict[str, type] = {"ad_events": AdSettings, "xuetangx": CourseSettings}
MARKER = "simulated.json"  # in the truth folder: which raw files are simulated


def write_dataset(
    dataset: str,
    out: Path,
    *,
    size: Size | None,
    seed: int,
    form: Literal["flat", "native"],
    show_progress: bool,
    settings: dict[str, Any] | None = None,
) -> Counts:
    """Write `out/raw/<dataset>/` and `out/truth/<dataset>/`, each whole or not at all.

    An earlier simulation is replaced.

    Args:
        settings: of the data set's process, over its defaults.
    Raises:
        UserError: the raw folder holds a file that no simulation wrote, the
            output cannot be written, or a setting does not fit.
    """
    process = _process_settings(dataset, settings or {})
    raw, truth = out / "raw" / dataset, out / "truth" / dataset
    _refuse_foreign_files(raw, truth)
    with ExitStack() as stack:
        raw_scratch = stack.enter_context(appearing_whole(raw))
        truth_scratch = stack.enter_context(appearing_whole(truth))
        request = Request(
            raw_scratch, truth_scratch, size, seed, form, show_progress, process
        )
        counts = DATASETS[dataset](request)
        write_json(truth_scratch / MARKER, _marker(request, counts))
    return counts


def _process_settings(dataset: str, settings: dict[str, Any]) -> Any:
    if not settings:
        return None
    if dataset not in SETTINGS:
        able = ", ".join(sorted(SETTINGS))
        raise UserError(f"--set: {dataset} has no settings; name DATASET: {able}")
    return checked(SETTINGS[dataset], settings, "--set")


def _marker(request: Request, counts: Counts) -> dict[str, Any]:
    return {
        "seed": request.seed,
        "form": request.form,
        "size": asdict(request.size) if request.size else None,
        "counts": {
            "n_users": counts.n_users,
            "n_events": counts.n_events,
            "n_true_pairs": counts.n_true_rows,
        },
        "raw_files": {
            path.name: path.stat().st_size for path in sorted(request.raw.iterdir())
        },
    }


def _refuse_foreign_files(raw: Path, truth: Path) -> None:
    """Real data must never be replaced by a simulation."""
    if not raw.is_dir():
        return
    try:
        ours = json.loads((truth / MARKER).read_bytes())["raw_files"]
    except (OSError, ValueError, KeyError, TypeError):
        ours = {}
    for path in sorted(raw.iterdir()):
        if not path.is_file() or ours.get(path.name) != path.stat().st_size:
            raise UserError(
                f"{path} was not written by simulate and is not replaced; "
                "move it away or choose another --out"
            )
