"""The result in words and a few key numbers."""

from collections.abc import Callable, Iterable

from training.report import numbers
from training.report.blocks import Block, Points, Section, Text, Tiles
from training.report.record import Run
from training.report.sections.verdicts import Gap, comparisons

TILES = {
    "n_test_users": "test users",
    "n_test_queries": "test queries",
    "n_train_users": "training users",
    "n_train_pairs": "training pairs",
    "n_items": "items to rank",
}

VERDICTS: dict[str, Callable[[Gap], bool]] = {
    "Above": lambda gap: gap.is_clear and gap.value > 0,
    "Cannot be told apart from": lambda gap: not gap.is_clear,
    "Below": lambda gap: gap.is_clear and gap.value < 0,
}


def headline(run: Run) -> Section | None:
    """Who leads, by how much, and what cannot be told apart."""
    metric = run.headline_metric
    if metric is None:
        return None
    points = [*_against_baseline(run, metric), *_optimum(run, metric)]
    blocks: list[Block] = [
        Text(_leader(run, metric)),
        Points(points),
        Tiles(_tiles(run)),
    ]
    return Section("summary", "Summary", blocks)


def _leader(run: Run, metric: str) -> str:
    leader = run.ranked[0]
    value = numbers.metric(run.test(leader, metric))
    bounds = run.interval(leader, metric)
    shown = f" (95% interval {numbers.interval(bounds)})" if bounds else ""
    asked = numbers.counted(run.metrics["n_test_queries"], "query")
    users = numbers.counted(run.metrics["n_test_users"], "test user")
    return (
        f"{run.title(leader)} has the highest {metric}: {value}{shown} on "
        f"{asked} of {users}."
    )


def _against_baseline(run: Run, metric: str) -> Iterable[str]:
    """A sentence each for the models above, level with and below that baseline."""
    gaps = comparisons(run, metric)
    if not gaps:
        return
    title = run.title(run.metrics["best_baseline"])
    name = f"{title}, the best baseline by validation"  # said once
    for verdict, belongs in VERDICTS.items():
        group = {model: gap for model, gap in gaps.items() if belongs(gap)}
        if group:
            yield f"{verdict} {name}: {_listed(run, group)}."
            name = title


def _listed(run: Run, gaps: dict[str, Gap]) -> str:
    """The best two with their evidence, the rest by name: the table has it all."""
    told = [
        f"{run.title(model)} ({numbers.signed(gap.value)}, {gap.evidence})"
        for model, gap in gaps.items()
    ]
    named = [run.title(model) for model in gaps][2:]
    if not named:
        return numbers.listed(told)
    return f"{', '.join(told[:2])}, then {numbers.listed(named)}"


def _optimum(run: Run, metric: str) -> Iterable[str]:
    leader = run.ranked[0]
    adapts = bool(run.models[leader].get("adaptation"))
    known = "bayes_optimal_given_support" if adapts else "bayes_optimal"
    best = (run.metrics.get(known) or {}).get(metric)
    if best:
        share = numbers.percent(run.test(leader, metric) / best)
        given = " by who knows the support" if adapts else ""
        yield (
            f"These data are simulated, so the best value reachable{given} is known: "
            f"{numbers.metric(best)}. {run.title(leader)} reaches {share} of it."
        )


def _tiles(run: Run) -> list[tuple[str, str]]:
    tiles = [
        (numbers.count(run.metrics[key]), words)
        for key, words in TILES.items()
        if key in run.metrics
    ]
    if (unseen := run.metrics.get("share_unseen_labels")) is not None:
        tiles.append((numbers.percent(unseen), "test labels never seen in training"))
    return tiles
