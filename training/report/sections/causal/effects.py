"""Effects by estimator and nuisances, and among kinds of trials."""

from collections.abc import Iterable

from training.report import numbers, plots
from training.report.blocks import Cell, Figure, Folded, Row, Section, Table, Text
from training.report.record import Run
from training.report.sections.causal.words import ESTIMATORS, points_of

ESTIMANDS = {"ATE": "over all impressions", "ATT": "over the clicked impressions"}
KINDS = {
    "history_length": "By events so far",
    "minutes_in_session": "By minutes in the session",
    "hour_utc": "By hour (UTC)",
    "product_shown": "By how often the product is shown",
}


def effects(run: Run) -> Section | None:
    """Every estimator with every model's nuisances, as plots and as a table."""
    intro = Text(
        "Each row is another way to make the arms alike. Where the ways agree, the "
        "result does not hang on one of them; what the history does not show, none of "
        "them sees. IPW and outcome regression trust one model each, AIPW is right if "
        "either is."
    )
    figures = [_forest(run, estimand) for estimand in ESTIMANDS]
    return Section("effects", "Effect of a click", [intro, Row(figures), _table(run)])


def groups(run: Run) -> Section | None:
    """AIPW among trials of one kind."""
    found = run.metrics["effects"]["subgroups"]
    intro = Text(
        "Effects among some impressions. With so many intervals one in twenty misses "
        "its value by chance: differences between groups are hints, not findings."
    )
    figures = [_group_plot(run, kind) for kind in found]
    rows: list[list[Cell | str]] = [
        [
            Cell(f"{KINDS.get(kind, kind)}: {row['group']}"),
            numbers.count(row["n_trials"]),
            numbers.count(row["n_treated"]),
            points_of(row) if "estimate" in row else numbers.NOTHING,
        ]
        for kind, entries in found.items()
        for row in entries
    ]
    columns = ["Group", "Impressions", "Clicked", "AIPW (95% interval)"]
    table = Table("Effects among some impressions.", columns, rows)
    folded = Folded("The numbers behind these plots", [table])
    return Section("groups", "Where it is stronger", [intro, Row(figures), folded])


def _rows(run: Run, estimand: str) -> Iterable[tuple[str, int, dict]]:
    """(label, series, effect): the raw difference once, then model by model."""
    found = run.metrics["effects"]["by_nuisance"]
    first = next(iter(found.values()))
    yield ESTIMATORS["raw"], len(found), first[estimand]["raw"]
    for model, by_estimand in found.items():
        for name, effect in by_estimand[estimand].items():
            if name != "raw":
                title = f"{ESTIMATORS[name]}, {run.title(model).lower()}"
                yield title, run.series(model), effect


def _forest(run: Run, estimand: str) -> Figure:
    rows = [
        plots.Estimate(label, effect["estimate"], effect["ci95"], series=series)
        for label, series, effect in _rows(run, estimand)
    ]
    truth = run.metrics["effects"]["truth"]
    reference = (truth[estimand], "truth") if truth else (0.0, "none")
    spoken = "; ".join(f"{row.label} {numbers.signed(row.value)}" for row in rows)
    dashed = "the true effect" if truth else "no effect"
    return Figure(
        f"{estimand}: {ESTIMANDS[estimand]}",
        plots.estimates(rows, "change of the chance of a purchase", reference),
        f"Dot plot of effects with 95% intervals: {spoken}.",
        f"Dots are estimates, bars 95% intervals by user. The dashed line is {dashed}.",
    )


def _table(run: Run) -> Table:
    found = {estimand: list(_rows(run, estimand)) for estimand in ESTIMANDS}
    rows: list[list[Cell | str]] = []
    for place, (label, series, _) in enumerate(found["ATE"]):
        cells = []
        for estimand in ESTIMANDS:
            effect = found[estimand][place][2]
            bounds = effect["ci95"]
            cells.append(
                Cell(
                    numbers.signed(effect["estimate"]),
                    numbers.signed_interval(bounds) if bounds else "",
                )
            )
        rows.append([Cell(label, series=series), *cells])
    if truth := run.metrics["effects"]["truth"]:
        rows.append(
            ["True effect (simulated)", *(numbers.signed(truth[e]) for e in ESTIMANDS)]
        )
    columns = ["Estimator and nuisances", *ESTIMANDS]
    return Table("Effects with 95% intervals, clustered by user.", columns, rows)


def _group_plot(run: Run, kind: str) -> Figure:
    main = run.metrics["effects"]["estimates"]["aipw"]["estimate"]
    rows = [
        plots.Estimate(row["group"], row["estimate"], row["ci95"])
        for row in run.metrics["effects"]["subgroups"][kind]
        if "estimate" in row
    ]
    spoken = "; ".join(f"{row.label} {numbers.signed(row.value)}" for row in rows)
    return Figure(
        KINDS.get(kind, kind),
        plots.estimates(rows, "AIPW", (main, "all")),
        f"Dot plot of effects with 95% intervals: {spoken}.",
        "The dashed line is the effect over all impressions.",
    )
