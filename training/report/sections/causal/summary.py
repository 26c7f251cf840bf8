"""What a product manager must know first: the caution, what failed, the effect."""

from training.report import numbers
from training.report.blocks import Block, Points, Section, Text, Tiles
from training.report.record import Run
from training.report.sections.causal.words import CHECKS, points_of


def summary(run: Run) -> Section | None:
    """The caution, the failed checks, then the estimate in words."""
    effects = run.metrics["effects"]
    blocks: list[Block] = [Text(effects["caution"], is_note=True)]
    blocks += [Text(words, is_note=True) for words in _failed(effects["checks"])]
    blocks.append(Text(_headline(run)))
    if effects["warnings"]:
        blocks.append(Points(effects["warnings"]))
    blocks.append(Tiles(_tiles(effects)))
    return Section("summary", "Summary", blocks)


def _failed(checks: dict) -> list[str]:
    return [
        f"Check failed: {CHECKS.get(name, name)}. {check['words']}"
        for name, check in checks.items()
        if check["passed"] is False
    ]


def _headline(run: Run) -> str:
    effects = run.metrics["effects"]
    main, raw = effects["estimates"]["aipw"], effects["estimates"]["raw"]
    bounds = main["ci95"]
    text = (
        "A click changes the chance of a purchase within the horizon by "
        f"{points_of(main)} (AIPW, average over impressions"
    )
    text += "; 95% interval by user)." if bounds else ")."
    if bounds and bounds[0] <= 0 <= bounds[1]:
        text += " That cannot be told from no effect."
    text += (
        f" Clicked and unclicked impressions as they are differ by {points_of(raw)}: "
        "the rest is who clicks, not what a click does."
    )
    if truth := effects["truth"]:
        text += (
            " These data are simulated: the true effect is "
            f"{numbers.signed(truth['ATE'])}."
        )
    return text


def _tiles(effects: dict) -> list[tuple[str, str]]:
    return [
        (numbers.count(effects["n_trials"]), "impressions compared"),
        (numbers.count(effects["n_users"]), "users"),
        (numbers.count(effects["n_treated"]), "clicked"),
        (numbers.percent(effects["outcome_rate"]), "followed by a purchase"),
        (numbers.count(effects["n_censored"]), "censored, left out"),
        (numbers.percent(effects["overlap"]["trimmed_share"]), "without counterpart"),
    ]
