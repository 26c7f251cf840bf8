"""Whether the arms can be compared: overlap, effective sizes, balance."""

from training.report import causal_plots, numbers
from training.report.blocks import Figure, Row, Section, Table, Text
from training.report.record import Run

ARMS = {"treated": "clicked", "control": "not clicked"}


def overlap(run: Run) -> Section | None:
    """Propensities by arm, what was left out, and the features before and after."""
    effects = run.metrics["effects"]
    intro = Text(
        "The propensity is the chance of a click as the history shows it. Only where "
        "both arms have impressions of one propensity is there something to compare. "
        f"Nuisances of {run.title(effects['nuisance'])}."
    )
    figures = Row([_histogram(effects["overlap"]), _love_plot(run)])
    return Section(
        "overlap", "Can they be compared?", [intro, figures, _table(effects["overlap"])]
    )


def _histogram(found: dict) -> Figure:
    shares = {
        arm: [count / max(found[arm]["n"], 1) for count in found[arm]["histogram"]]
        for arm in ARMS
    }
    used = max(
        place
        for arm in ARMS
        for place, share in enumerate(shares[arm])
        if share or place == 0
    )
    last = used + 1  # empty bins on the right would press the others together
    medians = "; ".join(
        f"{words} median {found[arm]['quantiles']['0.5']:.3f}"
        for arm, words in ARMS.items()
    )
    trim = found["trim"]
    cuts = [cut for cut in (trim, 1 - trim) if cut <= found["bin_edges"][last]]
    return Figure(
        "Overlap of the arms",
        causal_plots.mirrored_shares(
            found["bin_edges"][: last + 1],
            (ARMS["treated"], shares["treated"][:last]),
            (ARMS["control"], shares["control"][:last]),
            "propensity",
            cuts,
        ),
        f"Mirrored histogram of propensities by arm: {medians}.",
        f"Impressions with a propensity below {trim:g} or above {1 - trim:g} (dashed) "
        "have no counterpart and are left out.",
    )


def _love_plot(run: Run) -> Figure:
    effects = run.metrics["effects"]
    rows = [
        (name.replace("_", " "), abs(row["before"]), abs(row["after"]))
        for name, row in effects["balance"].items()
    ]
    rows.sort(key=lambda row: -row[1])
    limit = effects["checks"]["balance"]["limit"]
    worst = max(rows, key=lambda row: row[2])
    return Figure(
        "Balance of the features",
        causal_plots.before_and_after(rows, "absolute standardised difference", limit),
        f"Love plot of {len(rows)} features; after weighting the largest difference "
        f"is {worst[2]:.2f}, in {worst[0]}.",
        "How far clicked and unclicked impressions differ in each feature, in standard "
        "deviations, as seen and weighted by inverse propensity. Dots right of the "
        "dashed line are not balanced.",
    )


def _table(found: dict) -> Table:
    quantiles = list(found["treated"]["quantiles"])
    rows = [
        [
            words,
            numbers.count(found[arm]["n"]),
            numbers.count(found[arm]["n_trimmed"]),
            numbers.count(round(found[arm]["effective_n"])),
            *(numbers.metric(found[arm]["quantiles"][q]) for q in quantiles),
        ]
        for arm, words in ARMS.items()
    ]
    percentiles = [f"{100 * float(q):g}%" for q in quantiles]
    return Table(
        "The arms: impressions, those left out, how many equally weighted ones tell as "
        "much (effective), and quantiles of the propensity.",
        ["Arm", "Impressions", "Left out", "Effective", *percentiles],
        rows,
    )
