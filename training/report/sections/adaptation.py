"""What a learner's few support pairs bring, by method, steps and number of pairs."""

from collections.abc import Sequence
from typing import Any

from training.report import numbers, plots
from training.report.blocks import Block, Cell, Figure, Row, Section, Table, Text
from training.report.record import Run
from training.report.sections.verdicts import SIGNIFICANT

METRIC = "recall@10"
DIFFERENCES = {
    "vs_zero_shot": "less zero-shot",
    "vs_fine_tune": "less fine-tuning",
    "vs_maml_warm": "less warm MAML",
}
LEAST_SPAN = 0.05  # of recall; smaller gains shall not look steep
N_CURVES = 5  # the best ones; more would hide each other
# The published comparison: warm start by reliability, for one method.
ABLATION = {
    "from scratch": ("maml", "maml_adaptive"),
    "warm start": ("maml_warm", "maml_warm_adaptive"),
}


def adaptation(run: Run) -> Section | None:
    """Gains of adapting over zero-shot and over fine-tuning."""
    models = [name for name in run.ranked if run.models[name].get("adaptation")]
    if not models:
        return None
    blocks: list[Block] = [Text(_intro(run)), _gains(run, models)]
    blocks.append(Row(_curves(run, models)))
    if ablation := _ablation(run):
        blocks.append(ablation)
    if orders := run.metrics.get("gradient_orders"):
        blocks.append(Text(_orders(orders)))
    return Section("adaptation", "What a few interactions bring", blocks)


def _block(run: Run, model: str) -> dict[str, Any]:
    return run.models[model]["adaptation"]


def _intro(run: Run) -> str:
    steps = _outer_steps(run)
    learned = (
        f"Those that learn to adapt by gradient steps did so for {steps} outer steps; "
        "configs/paper.yaml has the published 3,000."
        if steps
        else ""
    )
    return (
        "These models may use a learner's support pairs before they answer; the "
        "baselines may not. Zero-shot is the same model without any support. "
        "Fine-tuning, the control, takes the same steps without having learned to. "
        + learned
    )


def _outer_steps(run: Run) -> str:
    """How many outer steps the meta-learners took, from their logs."""
    settings = run.config.get("models") or {}
    taken = {
        settings[name]["validate_every"] * len(block["history"])
        for name, block in run.models.items()
        if block.get("history") and "validate_every" in settings.get(name, {})
    }
    return numbers.listed([f"{n:,}" for n in sorted(taken)]) if taken else ""


def _gains(run: Run, models: Sequence[str]) -> Table:
    gaps = [_block(run, name)["gap_closed"] or {} for name in models]
    has_gap = any(METRIC in gap for gap in gaps)
    columns = ["Model", "zero-shot", "adapted"]
    rows: list[list[Cell | str]] = []
    for name, gap in zip(models, gaps, strict=True):
        block = _block(run, name)
        row: list[Cell | str] = [
            Cell(run.title(name), series=run.series(name)),
            numbers.metric(block["zero_shot"][METRIC]),
            Cell(
                numbers.metric(run.test(name, METRIC)),
                numbers.interval(run.interval(name, METRIC)),
            ),
        ]
        if has_gap:
            closed = gap.get(METRIC)
            row.append(numbers.NOTHING if closed is None else numbers.percent(closed))
        rows.append([*row, *(difference(block.get(key)) for key in DIFFERENCES)])
    note = (
        " The gap is that from the trained network without support to the Bayes "
        "optimum that knows the support, by exact filtering over the programmes."
        if has_gap
        else ""
    )
    return Table(
        f"{METRIC} with and without support, with paired differences by user.{note}",
        [*columns, *(["gap closed"] if has_gap else []), *DIFFERENCES.values()],
        rows,
    )


def difference(compared: dict[str, Any] | None) -> Cell:
    if compared is None:
        return Cell(numbers.NOTHING)
    found = compared[METRIC]
    bounds = found["ci95"]
    detail = f"{numbers.signed_interval(bounds)}\n" if bounds else ""
    is_clear = bool(bounds) and not bounds[0] <= 0 <= bounds[1]
    return Cell(
        numbers.signed(found["difference"]),
        detail + numbers.p_value(found["p"]),
        is_best=is_clear and found["p"] < SIGNIFICANT and found["difference"] > 0,
    )


def _curves(run: Run, models: Sequence[str]) -> list[Figure]:
    kinds = {
        "by_steps": (
            "steps on the support",
            "A curve that falls has begun to forget what most learners do.",
        ),
        "by_support": ("support pairs", "The latest pairs are kept."),
    }
    figures = []
    for kind, (axis, hint) in kinds.items():
        lines = [
            line for name in models if (line := _line(run, name, kind)) is not None
        ][:N_CURVES]
        if not lines:
            continue
        spoken = "; ".join(
            f"{line.label} from {numbers.metric(line.y[0])} to "
            f"{numbers.metric(line.y[-1])}"
            for line in lines
        )
        figures.append(
            Figure(
                f"{METRIC} by {axis}",
                plots.curves(
                    lines, axis, METRIC, ticks=lines[0].x, least_span=LEAST_SPAN
                ),
                f"{METRIC} by {axis}: {spoken}.",
                f"On all test queries. {hint}",
            )
        )
    return figures


def _line(run: Run, name: str, kind: str) -> plots.Line | None:
    block = _block(run, name)
    if not block[kind]:
        return None
    points = {int(at): values[METRIC] for at, values in block[kind].items()}
    points.setdefault(0, block["zero_shot"][METRIC])
    at = sorted(points)
    return plots.Line(run.title(name), at, [points[x] for x in at], run.series(name))


def _ablation(run: Run) -> Table | None:
    names = [name for pair in ABLATION.values() for name in pair]
    if not all(name in run.models for name in names):
        return None
    rows: list[list[Cell | str]] = [
        [
            start,
            *(
                Cell(
                    numbers.metric(run.test(name, METRIC)),
                    numbers.interval(run.interval(name, METRIC)),
                )
                for name in (uniform, adaptive)
            ),
            difference(_block(run, adaptive)["vs_uniform"]),
        ]
        for start, (uniform, adaptive) in ABLATION.items()
    ]
    return Table(
        f"{METRIC} of MAML by start, without and with regard to reliability.",
        ["", "uniform", "by reliability", "difference"],
        rows,
    )


def _orders(orders: dict[str, Any]) -> str:
    return (
        f"First- against second-order meta-gradient after {orders['inner_steps']} "
        f"steps at the inner rate {orders['inner_rate']:g}, at the trained network: "
        f"cosine {orders['cosine']:.4f}, difference "
        f"{numbers.percent(orders['relative_difference'])} of the second-order one."
    )
