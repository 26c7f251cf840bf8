"""Mastery over time as an SVG file that stands alone."""

import io

import matplotlib as mpl
import matplotlib.dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.tracing.trace import Trace

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "moocmeta",
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
}
RIGHT, WRONG = "#1b7f4b", "#c23b22"


def mastery_plot(trace: Trace) -> str:
    """A panel a skill: mastery after each answer, and the difficulty of its item.

    Filled green dots are right answers, hollow red ones wrong; a cross marks an item
    whose difficulty drifts. The same trace gives the same bytes.
    """
    steps = trace.steps.dropna(subset=["skill_key"])
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
        locator = mdates.AutoDateLocator()
        panels[-1].xaxis.set_major_locator(locator)
        panels[-1].xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
        panels[-1].set_ylim(0, 1)
        figure.suptitle(f"Mastery of {trace.user_id} in {trace.dataset}", fontsize=12)
        figure.supylabel("mastery after the answer", fontsize=10)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _panel(axes: Axes, skill: str, steps) -> None:
    at, mastery = steps["answered_at"], steps["mastery"]
    axes.step(at, mastery, where="post", color="#999999", linewidth=1.2)
    is_right = steps["actual"].to_numpy(bool)
    axes.plot(at[is_right], mastery[is_right], "o", color=RIGHT, label="right")
    axes.plot(
        at[~is_right], mastery[~is_right], "o", mfc="white", mec=WRONG, label="wrong"
    )
    drifts = steps["drift_flag"].eq(True).to_numpy()
    axes.plot(at[drifts], mastery[drifts], "x", color="black", label="item drifts")
    axes.set_title(skill, loc="left", fontsize=10)
    if axes.get_subplotspec().is_first_row():
        axes.legend(loc="lower right", ncols=3, fontsize=8, frameon=False)
