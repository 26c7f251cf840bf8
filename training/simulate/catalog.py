"""The data sets that can be simulated; the only place that lists them."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import msgspec

from training.errors import UserError
from training.files import appearing_whole, write_json
from training.simulate import assistments_2009, edm_cup_2023, mars, xuetangx
from training.simulate.request import Counts, Request, Simulate, Size

DATASETS: dict[str, Simulate] = {
    "xuetangx": xuetangx.simulate,
    "mars": mars.simulate,
    "edm_cup_2023": edm_cup_2023.simulate,
    "assistments_2009": assistments_2009.simulate,
}
MARKER = "simulated.json"  # in the truth folder: which raw files are simulated


def write_dataset(
    dataset: str,
    out: Path,
    *,
    size: Size | None,
    seed: int,
    form: Literal["flat", "native"],
    show_progress: bool,
) -> Counts:
    """Write `out/raw/<dataset>/` and `out/truth/<dataset>/`, each whole or not at all.

    An earlier simulation is replaced.

    Raises:
        UserError: the raw folder holds a file that no simulation wrote, or the
            output cannot be written.
    """
    raw, truth = out / "raw" / dataset, out / "truth" / dataset
    _refuse_foreign_files(raw, truth)
    with ExitStack() as stack:
        raw_scratch = stack.enter_context(appearing_whole(raw))
        truth_scratch = stack.enter_context(appearing_whole(truth))
        request = Request(raw_scratch, truth_scratch, size, seed, form, show_progress)
        counts = DATASETS[dataset](request)
        write_json(truth_scratch / MARKER, _marker(request, counts))
    return counts


def _marker(request: Request, counts: Counts) -> dict[str, Any]:
    return {
        "seed": request.seed,
        "form": request.form,
        "size": asdict(request.size) if request.size else None,
        "counts": asdict(counts),
        "raw_files": {
            path.name: path.stat().st_size for path in sorted(request.raw.iterdir())
        },
    }


def _refuse_foreign_files(raw: Path, truth: Path) -> None:
    """Real data must never be replaced by a simulation."""
    if not raw.is_dir():
        return
    try:
        ours = msgspec.json.decode((truth / MARKER).read_bytes())["raw_files"]
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        ours = {}
    for path in sorted(raw.iterdir()):
        if not path.is_file() or ours.get(path.name) != path.stat().st_size:
            raise UserError(
                f"{path} was not written by simulate and is not replaced; "
                "move it away or choose another --out"
            )
