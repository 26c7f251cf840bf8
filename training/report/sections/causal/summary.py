"""What a product manager must know first: the caution, what failed, the effect."""

from training.report import numbers
from training.report.blocks import Block, Points, Section, Text, Tiles
from training.report.record import Run
from training.report.sections.causal.words import CHECKS, points_of, purchase_of


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
    main = effects["estimates"]["aipw"]
    bounds = main["ci95"]
    horizon = effects.get("outcome_horizon_sec")
    text = (
        f"A click changes the chance of {purchase_of(effects)} within "
        f"{numbers.span(horizon) if horizon else 'the horizon'} by "
        f"{points_of(main)} (AIPW, average over impressions"
    )
    text += "; 95% interval by user)." if bounds else ")."
    if bounds and bounds[0] <= 0 <= bounds[1]:
        text += " That cannot be told from no effect."
    if window := effects.get("treatment_window_sec"):
        text += f" A click counts within {numbers.span(window)} of the impression."
    text += _as_they_are(effects)
    if truth := effects["truth"]:
        text += (
            " These data are simulated: the true effect is "
            f"{numbers.signed(truth['ATE'])}."
        )
    return text


def _as_they_are(effects: dict) -> str:
    """The raw difference, over all trials; the estimate is over the kept ones."""
    is_trimmed = effects["n_trials_kept"] < effects["n_trials"]
    which = ", those without a counterpart too," if is_trimmed else ""
    return (
        f" Clicked and unclicked impressions as they are{which} differ by "
        f"{points_of(effects['estimates']['raw'])}: that tells who clicks as well, not "
        "only what a click does."
    )


def _tiles(effects: dict) -> list[tuple[str, str]]:
    bought = f"followed by {purchase_of(effects)}"
    return [
        (numbers.count(effects["n_trials"]), "impressions"),
        (numbers.count(effects["n_users"]), "users"),
        (numbers.count(effects["n_treated"]), "clicked"),
        (numbers.percent(effects["outcome_rate"]), bought),
        (numbers.count(effects["n_censored"]), "censored, left out"),
        (numbers.percent(effects["overlap"]["trimmed_share"]), "without counterpart"),
    ]
