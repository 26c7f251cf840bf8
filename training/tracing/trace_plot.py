"""Mastery over time as an SVG file that stands alone."""

import io
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.tracing.trace import Trace

STYLE: dict[Any, Any] = {  # keys of matplotlib's rcParams
    "svg.fonttype": "none",
    "svg.hashsalt": "moocmeta",
    "font.family": "DejaVu Sans",
    "text.parse_math": False,  # a dollar in an id is a dollar
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
}
MOST_LABELLED = 40  # answers of a panel that are named after their item
MOST_DATES = 12
RIGHT, WRONG = "#1b7f4b", "#c23b22"


def mastery_plot(trace: Trace) -> str:
    """A panel a skill: mastery after each answer, named after the item answered.

    Filled green dots are right answers, hollow red ones wrong; a cross marks an item
    whose difficulty drifts. The same trace gives the same bytes.
    """
    steps = trace.steps.dropna(subset=["skill_key"])
    # answers come minutes apart and then weeks: equal steps keep them readable
    steps = steps.assign(
        x=steps["nth"]
        if trace.time_is_order
        else steps["answered_at"].rank(method="dense")
    )
    skills = list(dict.fromkeys(steps["skill_key"]))
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(8, 1.2 + 1.9 * max(len(skills), 1)), layout="constrained"
        )
        panels = figure.subplots(
            max(len(skills), 1), 1, sharex=True, sharey=True, squeeze=False
        )[:, 0]
        for axes, skill in zip(panels, skills, strict=False):
            _panel(axes, skill, steps[steps["skill_key"] == skill])
        if trace.time_is_order:
            panels[-1].set_xlabel("n-th answer", fontsize=10)
        else:
            _date(panels[-1], steps)
        panels[-1].set_ylim(0, 1)
        figure.suptitle(f"Mastery of {trace.user_id} in {trace.dataset}", fontsize=12)
        figure.supylabel("mastery after the answer", fontsize=10)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _panel(axes: Axes, skill: str, steps) -> None:
    at, mastery = steps["x"], steps["mastery"]
    axes.step(at, mastery, where="post", color="#999999", linewidth=1.2)
    is_right = steps["actual"].to_numpy(bool)
    axes.plot(at[is_right], mastery[is_right], "o", color=RIGHT, label="right")
    axes.plot(
        at[~is_right], mastery[~is_right], "o", mfc="white", mec=WRONG, label="wrong"
    )
    drifts = steps["drift_flag"].eq(True).to_numpy()
    axes.plot(at[drifts], mastery[drifts], "x", color="black", label="item drifts")
    if len(steps) <= MOST_LABELLED:
        for row in steps.itertuples():
            axes.annotate(
                row.item_key,
                (row.x, row.mastery),
                xytext=(2, 5),
                textcoords="offset points",
                rotation=60,
                fontsize=6,
            )
    axes.set_title(skill, loc="left", fontsize=10)
    place = axes.get_subplotspec()
    if place is not None and place.is_first_row():
        axes.legend(loc="lower right", ncols=3, fontsize=8, frameon=False)


def _date(axes: Axes, steps: pd.DataFrame) -> None:
    """Name the first answer of each day, of every n-th day where there are many."""
    first = steps.groupby(steps["answered_at"].dt.date)["x"].min()
    shown = first.iloc[:: max(1, len(first) // MOST_DATES)]
    names = [f"{day:%Y-%m-%d}" for day in shown.index]
    axes.set_xticks(shown, names, rotation=45, ha="right", fontsize=8)
