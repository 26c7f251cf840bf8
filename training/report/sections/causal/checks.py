"""What must come out as nothing, and what an unseen cause could do."""

from training.report import causal_plots
from training.report.blocks import Block, Figure, Points, Row, Section, Text
from training.report.record import Run
from training.report.sections.causal.words import CHECKS

VERDICTS = {True: "Passed", False: "Failed", None: "Not made"}


def checks(run: Run) -> Section | None:
    """Every check with its verdict, and the sensitivity curve."""
    found = run.metrics["effects"]["checks"]
    intro = Text(
        "A passed check is no proof: it is one way less in which the numbers could be "
        "wrong. A sound run fails each placebo check at most one time in a hundred."
    )
    points = [
        f"{VERDICTS[check['passed']]}: {CHECKS.get(name, name)}. {check['words']}"
        for name, check in found.items()
    ]
    blocks: list[Block] = [intro, Points(points)]
    if "strength" in found.get("unseen_confounder", {}):
        blocks.append(Row([_sensitivity(found["unseen_confounder"])]))
    return Section("checks", "Checks", blocks)


def _sensitivity(curve: dict) -> Figure:
    return Figure(
        "If something unseen mattered",
        causal_plots.bounds(
            curve["strength"],
            (curve["low"], curve["high"]),
            (curve["low_ci95"], curve["high_ci95"]),
            "strength of an unseen cause",
            "effect of a click",
        ),
        "Band of possible effects that widens with the strength of an unseen cause; it "
        f"reaches 0 at {curve['robustness_value']:.1%}, with its interval at "
        f"{curve['robustness_value_ci95']:.1%}.",
        "The strength is the share of what the history leaves open, of clicks and of "
        "purchases alike, that the unseen cause explains. Where the bands reach 0, "
        "such a cause alone could make the whole effect.",
    )
