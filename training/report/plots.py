"""Plots by what they show: same data, same bytes; colours follow the page's theme."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.ticker import MaxNLocator

from training.report import numbers
from training.report.canvas import (
    GRID,
    INK,
    LEGEND_WIDTH,
    MUTED,
    N_SERIES,
    PAPER,
    SERIES,
    STYLE,
    blank,
    finish,
    inline,
    marker,
    reference_line,
)

TICK_SIZE = 9  # points
TICK_CHARACTERS = 54  # of that size that fit below an x axis, gaps included


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; `wide` is an outer range, drawn thinner."""

    label: str
    value: float
    interval: Sequence[float] | None = None
    wide: Sequence[float] | None = None
    series: int = 0


@dataclass(frozen=True)
class Line:
    """A named line; `intervals` has one entry a point, `marked_x` is set apart."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    series: int
    intervals: Sequence[Sequence[float] | None] | None = None
    marked_x: float | None = None


def estimates(
    rows: Sequence[Estimate],
    x_label: str,
    reference: tuple[float, str] | None = None,
    tick_format: str | None = None,
) -> str:
    """One dot with its interval a row, the first row on top.

    Args:
        reference: a value for every row to be read against, and its name.
        tick_format: of the x axis, e.g. "{x:.0%}".
    """
    with mpl.rc_context(STYLE):
        figure, axes = blank(0.75 + 0.33 * len(rows))
        for height, row in enumerate(reversed(rows)):
            colour = SERIES[row.series % N_SERIES]
            for bounds, width in ((row.wide, 1.0), (row.interval, 2.4)):
                if bounds is not None:
                    axes.plot(bounds, [height] * 2, color=colour, linewidth=width)
            axes.plot(row.value, height, marker(row.series), color=colour)
        axes.set_yticks(range(len(rows)), [row.label for row in reversed(rows)])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        if tick_format:
            axes.xaxis.set_major_formatter(tick_format)
        axes.set_xlabel(x_label)
        if reference:
            reference_line(axes, *reference)
        return inline(figure)


def curves(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    ticks: Sequence[float] | None = None,
    least_span: float = 0.0,
) -> str:
    """Lines over whole numbers, with a ring at each line's marked point.

    Args:
        ticks: of the x axis; chosen by its width where None.
        least_span: what the y axis spans at least, so that noise looks flat.
    """
    with mpl.rc_context(STYLE):
        figure, axes = blank(2.9)
        for line in lines:
            colour = SERIES[line.series % N_SERIES]
            axes.plot(
                line.x,
                line.y,
                color=colour,
                marker=marker(line.series),
                markersize=3.5,
                label=line.label,
            )
            for x, y in zip(line.x, line.y, strict=True):
                if x == line.marked_x:
                    axes.plot(x, y, "o", ms=10, mec=INK, mfc="none", mew=1.2)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        if ticks is not None:
            axes.set_xticks(ticks)
        finish(figure, axes, x_label, y_label, len(lines))
        low, high = axes.get_ylim()
        missing = max(least_span - (high - low), 0)
        axes.set_ylim(low - missing / 2, high + missing / 2)
        return inline(figure)


def categories(
    names: Sequence[str],
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    from_zero: bool = True,
) -> str:
    """Dots with intervals by category, side by side where they would overlap.

    Args:
        names: tick labels of x = 0, 1, …, broken into lines where they are long.
        from_zero: whether the y axis starts at 0; else where the values do.
    """
    with mpl.rc_context(STYLE):
        figure, axes = blank(3.3)
        step = 0.7 / max(len(lines), 1)
        for number, line in enumerate(lines):
            shift = (number - (len(lines) - 1) / 2) * step
            colour = SERIES[line.series % N_SERIES]
            for x, bounds in zip(line.x, line.intervals or [], strict=True):
                if bounds is not None:
                    axes.plot([x + shift] * 2, bounds, color=colour, linewidth=1.4)
            shifted = [x + shift for x in line.x]
            axes.plot(shifted, line.y, color=colour, linewidth=1, alpha=0.4)
            axes.plot(
                shifted,
                line.y,
                marker(line.series),
                color=colour,
                label=line.label,
                clip_on=False,
            )
        room = max(TICK_CHARACTERS // max(len(names), 1), 5)
        axes.set_xticks(
            range(len(names)),
            [
                "\n".join(textwrap.fill(part, room) for part in name.split("\n"))
                for name in names
            ],
            fontsize=TICK_SIZE,
        )
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.grid(visible=False, axis="x")
        x_label = textwrap.fill(x_label, LEGEND_WIDTH)
        finish(figure, axes, x_label, y_label, len(lines))
        if from_zero:
            axes.set_ylim(bottom=0)
        return inline(figure)


def calibrations(lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """What happened against what was predicted, both shares, with the diagonal."""
    with mpl.rc_context(STYLE):
        figure, axes = blank(3.6)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        for line in lines:
            axes.plot(
                line.x,
                line.y,
                color=SERIES[line.series % N_SERIES],
                marker=marker(line.series),
                markersize=4,
                linewidth=1.2,
                label=line.label,
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        finish(figure, axes, x_label, y_label, len(lines))
        return inline(figure)


def histogram(counts: Sequence[int], x_label: str, y_label: str) -> str:
    """Counts in bins of equal width over [0, 1]."""
    with mpl.rc_context(STYLE):
        figure, axes = blank(2.9)
        width = 1 / len(counts)
        left = [number * width for number in range(len(counts))]
        axes.bar(left, counts, width, align="edge", color=SERIES[0], edgecolor=PAPER)
        axes.grid(visible=False, axis="x")
        axes.set_xlim(0, 1)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return inline(figure)


def ladder(steps: Sequence[tuple[str, int]], x_label: str) -> str:
    """Counts from step to step on a logarithmic axis, each written beside its dot."""
    with mpl.rc_context(STYLE):
        names = [textwrap.fill(name, 24) for name, _ in steps]
        most_lines = max(name.count("\n") + 1 for name in names)
        figure, axes = blank(0.75 + max(0.4, 0.2 * most_lines) * len(steps))
        heights = range(len(steps) - 1, -1, -1)
        sizes = [max(size, 1) for _, size in steps]  # log axis: 0 sits at 1
        left = min(sizes) / 2
        axes.hlines(heights, left, sizes, color=GRID, linewidth=3)
        axes.plot(sizes, heights, "o", color=SERIES[0])
        for height, (_, size) in zip(heights, steps, strict=True):
            axes.annotate(
                numbers.count(size),
                (max(size, 1), height),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_xscale("log")
        axes.set_xlim(left, max(sizes) * 12)
        axes.set_ylim(-0.6, len(steps) - 0.4)
        axes.set_yticks(heights, names)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.minorticks_off()
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(x_label)
        return inline(figure)
