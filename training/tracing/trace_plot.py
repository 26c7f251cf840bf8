"""Mastery over time: a small line a skill, all on one axis."""

import io
import textwrap
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from training.report import canvas
from training.tracing.trace import Trace

# the page's light colours, for a plot that stands alone
ON_PAPER = {
    canvas.INK: "#1b1f24",
    canvas.MUTED: "#59636e",
    canvas.GRID: "#dfe3e8",
    canvas.PAPER: "#ffffff",
    canvas.SERIES[0]: "#0b6bb8",
    canvas.SERIES[1]: "#c9510c",
    canvas.SERIES[2]: "#0a8a5f",
}
LINE, WRONG, RIGHT = canvas.SERIES[0], canvas.SERIES[1], canvas.SERIES[2]
WIDTH, LEFT, MARGIN = 9.0, 2.6, 0.7  # inches: all, names of skills, last values
ROW, HEAD, FOOT = 0.5, 0.45, 0.55  # inches: a skill, the legend, the axis
TITLE = 0.32  # inches, of a plot that stands alone
NAME = 34  # characters of a skill's name in a line
MOST_TICKS = 8


def mastery_plot(trace: Trace, top: int) -> str:
    """An SVG file of the `top` most practised skills.

    The same trace gives the same bytes.
    """
    with mpl.rc_context(canvas.STYLE):
        figure = _drawn(trace, top, TITLE)
        figure.suptitle(
            f"Mastery of {trace.user_id} in {trace.dataset}",
            x=0.01,
            y=1 - 0.08 / figure.get_figheight(),
            ha="left",
            va="top",
            parse_math=False,
        )
        file = io.StringIO()
        figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
    text = file.getvalue()
    for placeholder, colour in ON_PAPER.items():
        text = text.replace(placeholder, colour)
    return text


def mastery_inline(trace: Trace, top: int) -> str:
    """The same as an element of a page, in the page's colours."""
    with mpl.rc_context(canvas.STYLE):
        return canvas.inline(_drawn(trace, top, 0.0))


def _drawn(trace: Trace, top: int, above: float) -> Figure:
    skills = trace.skills.head(top)
    steps = trace.steps[trace.steps["skill_key"].isin(skills["skill_key"])]
    n_rows = max(len(skills), 1)
    head = above + HEAD
    height = head + ROW * n_rows + FOOT
    figure = Figure(figsize=(WIDTH, height))
    rows = figure.subplots(
        n_rows,
        1,
        sharex=True,
        squeeze=False,
        gridspec_kw={
            "left": LEFT / WIDTH,
            "right": 1 - MARGIN / WIDTH,
            "top": 1 - head / height,
            "bottom": FOOT / height,
            "hspace": 0.35,
        },
    )[:, 0]
    for axes, skill in zip(rows, skills.itertuples(), strict=False):
        _line(axes, skill.skill, steps[steps["skill_key"] == skill.skill_key])
    _axis(rows[-1], trace)
    _legend(figure, 1 - above / height)
    return figure


def _line(axes: Axes, name: str, steps: pd.DataFrame) -> None:
    """One skill's mastery after each answer, the last value beside it."""
    at, mastery = steps["nth"], steps["mastery"]
    axes.step(at, mastery, where="post", color=LINE, linewidth=1.2)
    is_right = steps["actual"].to_numpy(bool)
    axes.plot(at[is_right], mastery[is_right], "o", color=RIGHT, ms=3.2)
    axes.plot(at[~is_right], mastery[~is_right], "o", mfc="none", mec=WRONG, ms=3.6)
    odd = (steps["drift_flag"].eq(True) | steps["misfit_flag"].eq(True)).to_numpy()
    axes.plot(at[odd], mastery[odd], "x", color=canvas.INK, ms=5.5)
    axes.set_ylim(-0.08, 1.08)
    axes.set_yticks([0, 0.5, 1], ["", "", ""])
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(visible=False, axis="x")
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
    shown = textwrap.shorten(name, 2 * NAME, placeholder=" …") or name
    label: dict[str, Any] = {"va": "center", "fontsize": 9, "parse_math": False}
    axes.text(
        -0.015,
        0.5,
        textwrap.fill(shown, NAME),
        ha="right",
        transform=axes.transAxes,
        **label,
    )
    last = f"{mastery.iloc[-1]:.2f}"
    axes.text(1.015, 0.5, last, ha="left", transform=axes.transAxes, **label)


def _axis(axes: Axes, trace: Trace) -> None:
    """The student's answers, evenly: minutes lie between some, weeks between others."""
    answers = trace.answers
    first, last = int(answers["nth"].iloc[0]), int(answers["nth"].iloc[-1])
    axes.set_xlim(first - 0.5, max(last, first + 1) + 0.5)
    axes.tick_params(axis="x", labelbottom=True, labelsize=8.5)
    axes.spines["bottom"].set_visible(True)
    if trace.time_is_order:
        axes.xaxis.set_major_locator(canvas.whole_numbers(MOST_TICKS))
        axes.set_xlabel("n-th answer of the student", fontsize=9)
        return
    days = answers.groupby(answers["answered_at"].dt.date)["nth"].min()
    # days that would overlap are left out
    ticks: list[tuple[int, str]] = []
    room = max((last - first) / MOST_TICKS, 0.5)
    for day, nth in days.items():
        if not ticks or nth - ticks[-1][0] >= room:
            ticks.append((nth, f"{day:%Y-%m-%d}"))
    axes.set_xticks([nth for nth, _ in ticks], [name for _, name in ticks])
    axes.set_xlabel("answers of the student, by day", fontsize=9)


def _legend(figure: Figure, top: float) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "mastery, 0 to 1": {"color": LINE, "linewidth": 1.2},
        "right": {"marker": "o", "color": RIGHT, "ms": 4, "linestyle": ""},
        "wrong": {"marker": "o", "mfc": "none", "mec": WRONG, "ms": 4, "linestyle": ""},
        "item worth a look": {
            "marker": "x",
            "color": canvas.INK,
            "ms": 5,
            "linestyle": "",
        },
    }
    figure.legend(
        handles=[Line2D([], [], **style) for style in kinds.values()],
        labels=list(kinds),
        loc="upper left",
        bbox_to_anchor=(0.0, top),
        ncols=len(kinds),
        fontsize=9,
    )
