"""What only knowledge tracing has to show."""

from typing import Any

from training.report import numbers, plots
from training.report.blocks import (
    Block,
    Cell,
    Figure,
    Folded,
    Points,
    Row,
    Section,
    Table,
    Text,
    Tiles,
)
from training.report.record import Run
from training.report.sections import results
from training.report.sections.verdicts import comparisons

TILES = {
    "n_test_responses": "test responses",
    "n_test_users": "test users",
    "n_train_responses": "training responses",
    "n_train_users": "training users",
    "n_items": "items",
    "n_skills": "skills",
}
# Name in metrics.json -> title, axis.
KINDS = {
    "latency": ("By time taken", "time from seeing the item to the answer"),
    "help": ("By help", "help asked for before the answer"),
    "attempt": ("By attempt", "how often the user has now answered the item"),
    "reliability_tier": ("By session", "reliability tier of the session"),
}
RESAMPLED = (
    "Every model predicts the same responses as {}, the baseline that did best on "
    "validation users, and all share the resamples of the users, so differences are "
    "taken draw by draw. p is twice the share of draws on the other side of zero; it "
    "is not corrected for the number of comparisons."
)


def summary(run: Run) -> Section:
    """Who leads, and what cannot be told apart."""
    metrics, leader = run.metrics, run.ranked[0]
    bounds = run.interval(leader, "auc")
    shown = f" (95% interval {numbers.interval(bounds)})" if bounds else ""
    asked = numbers.counted(metrics["n_test_responses"], "response")
    users = numbers.counted(metrics["n_test_users"], "test user")
    text = (
        f"{run.title(leader)} has the highest AUC: "
        f"{numbers.metric(run.test(leader, 'auc'))}{shown} on {asked} of {users}, "
        f"{numbers.percent(metrics['share_correct'])} of them right."
    )
    points = [
        f"{run.title(model)} less {run.title(metrics['best_baseline'])}: "
        f"{numbers.signed(gap.value)} AUC, {gap.evidence}."
        for model, gap in comparisons(run, "auc").items()
    ]
    if best := (metrics.get("oracle") or {}).get("test"):
        points.append(
            "These data are simulated, so the best reachable AUC is known: "
            f"{numbers.metric(best['auc'])}."
        )
    points.append(
        f"{numbers.percent(metrics['share_unseen_items'])} of the test responses are "
        "to items that no training user answered."
    )
    tiles = [(numbers.count(metrics[key]), words) for key, words in TILES.items()]
    return Section("summary", "Summary", [Text(text), Points(points), Tiles(tiles)])


def comparison(run: Run) -> Section | None:
    """Differences to the best baseline."""
    return results.comparison(run, RESAMPLED)


def oracle(run: Run) -> Section | None:
    """What is missing to the process that made the data."""
    found = run.metrics.get("oracle")
    if not found:
        return None
    intro = Text(
        "These data are simulated, so the chance of every answer is known. The oracle "
        "predicts that chance; no model does better on average. Below: each model "
        "less the oracle on the same responses, with a 95% interval."
    )
    names = run.metric_names
    known = [numbers.metric(found["test"][name]) for name in names]
    rows: list[list[Cell | str]] = [["Oracle", *known]]
    for model in run.ranked:
        cells = [_gap(found["models"][model][name]) for name in names]
        rows.append([Cell(run.title(model), series=run.series(model)), *cells])
    table = Table("The oracle's metrics, and what models lack.", ["", *names], rows)
    return Section("oracle", "Distance to the oracle", [intro, table])


def calibration(run: Run) -> Section:
    """Whether a predicted chance of 70% comes true 7 times out of 10."""
    lines = [
        plots.Line(
            run.title(model),
            [row["predicted"] for row in block["calibration"]],
            [row["actual"] for row in block["calibration"]],
            run.series(model),
        )
        for model, block in run.models.items()
    ]
    spoken = "; ".join(
        f"{run.title(model)} {numbers.metric(run.test(model, 'ece'))}"
        for model in run.models
    )
    figure = Figure(
        "Calibration",
        plots.calibrations(lines, "predicted chance", "share right"),
        f"Share of right answers by predicted chance. Calibration error: {spoken}.",
        "A model on the dashed line can be taken at its word. Each dot is a tenth of "
        "the scale; dots of few responses scatter.",
    )
    tables: list[Block] = [
        Table(
            run.title(model),
            ["Predicted", "Mean", "Share right", "Responses"],
            [
                [
                    f"{row['low']:.1f} to {row['high']:.1f}",
                    numbers.metric(row["predicted"]),
                    numbers.metric(row["actual"]),
                    numbers.count(row["n"]),
                ]
                for row in block["calibration"]
            ],
        )
        for model, block in run.models.items()
    ]
    folded = Folded("The numbers behind this plot", tables)
    return Section("calibration", "Calibration", [figure, folded])


def behaviour(run: Run) -> Section:
    """AUC by how the answer came about."""
    slices = run.metrics["slices"]
    figures = [
        _slice_plot(run, kind, rows)
        for kind, rows in slices.items()
        if len(rows) > 1  # one slice compares nothing
    ]
    note = Text(
        "Time and help are known only after the answer. They show where the models "
        "are strong and weak; no model uses them for the same answer."
    )
    first: list[list[Cell | str]] = [
        [
            Cell(run.title(model), series=run.series(model)),
            Cell(
                numbers.metric(block["first_attempts"]["auc"]),
                numbers.interval(block["first_attempts"]["ci95"]),
            ),
            numbers.count(block["first_attempts"]["n"]),
        ]
        for model, block in run.models.items()
    ]
    table = Table(
        "AUC on first attempts only: answers to items the user had not met.",
        ["Model", "AUC", "Responses"],
        first,
    )
    tables: list[Block] = [
        _slice_table(run, kind, rows) for kind, rows in slices.items()
    ]
    return Section(
        "behaviour",
        "Where the models are strong and weak",
        [
            note,
            *(Row(figures[at : at + 2]) for at in range(0, len(figures), 2)),
            table,
            Folded("The numbers behind these plots", tables),
        ],
    )


def soundness(run: Run) -> Section:
    """What was tampered with, to see that no model looks ahead."""
    checks = run.metrics["checks"]
    moved = checks["moved_by"]
    names = list(next(iter(moved.values())))
    rows: list[list[Cell | str]] = [
        [
            Cell(run.title(model), series=run.series(model)),
            *(f"{moved[model][name]:.1g}" for name in names),
            _coin(checks["random_answers"].get(model)),
        ]
        for model in moved
    ]
    table = Table(
        "Largest change of a prediction when what it must not see is changed, on "
        "validation users; and AUC ± standard error against answers drawn by a coin.",
        ["Model", *names, "random answers"],
        rows,
    )
    text = Text("The run stops when a prediction moves or a coin can be predicted.")
    return Section("soundness", "No model looks ahead", [text, table])


def _coin(found: dict[str, float] | None) -> str:
    if found is None:
        return numbers.NOTHING
    return f"{numbers.metric(found['auc'])} ± {numbers.metric(found['standard_error'])}"


def _gap(block: dict[str, Any] | None) -> Cell:
    if block is None:
        return Cell(numbers.NOTHING)
    return Cell(
        numbers.signed(block["difference"]), numbers.signed_interval(block["ci95"])
    )


def _slice_plot(run: Run, kind: str, rows: list[dict[str, Any]]) -> Figure:
    title, axis = KINDS[kind]
    lines = []
    for model in run.models:
        known = [
            (x, row["models"][model])
            for x, row in enumerate(rows)
            if row["models"][model]["auc"] is not None
        ]
        lines.append(
            plots.Line(
                run.title(model),
                [x for x, _ in known],
                [found["auc"] for _, found in known],
                run.series(model),
                [found["ci95"] for _, found in known],
            )
        )
    ticks = [f"{row['slice']}\n{numbers.count(row['n'])}" for row in rows]
    spoken = "; ".join(
        f"{line.label} {', '.join(numbers.metric(value) for value in line.y)}"
        for line in lines
    )
    return Figure(
        f"AUC {title[0].lower()}{title[1:]}",
        plots.categories(
            ticks,
            lines,
            f"{axis}, below it the number of responses",
            "AUC",
            from_zero=False,
        ),
        f"AUC {title.lower()} ({', '.join(row['slice'] for row in rows)}): {spoken}.",
        "Bars are 95% intervals.",
    )


def _slice_table(run: Run, kind: str, rows: list[dict[str, Any]]) -> Table:
    title, _ = KINDS[kind]
    return Table(
        f"{title}: responses, share right and AUC, with 95% intervals below.",
        [
            "",
            "Responses",
            "Users",
            "Right",
            *(run.title(model) for model in run.models),
        ],
        [
            [
                row["slice"],
                numbers.count(row["n"]),
                numbers.count(row["n_users"]),
                Cell(
                    numbers.metric(row["correct"]),
                    numbers.interval(row["correct_ci95"]),
                ),
                *(
                    Cell(
                        numbers.metric(row["models"][model]["auc"]),
                        numbers.interval(row["models"][model]["ci95"]),
                    )
                    for model in run.models
                ),
            ]
            for row in rows
        ],
    )
