"""Plots of effects: who overlaps, who is alike, what an unseen cause could do."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np

from training.report.canvas import (
    GRID,
    INK,
    SERIES,
    STYLE,
    blank,
    inline,
    marker,
    reference_line,
)


def mirrored_shares(
    edges: Sequence[float],
    above: tuple[str, Sequence[float]],
    below: tuple[str, Sequence[float]],
    x_label: str,
    cuts: Sequence[float] = (),
) -> str:
    """Two groups' shares by bin, one upwards and one downwards.

    Args:
        edges: bounds of the bins, one more than there are shares.
        above, below: name and share of each bin.
        cuts: values beyond which trials are left out, drawn as dashed lines.
    """
    with mpl.rc_context(STYLE):
        figure, axes = blank(2.9)
        for series, sign, (name, shares) in ((0, 1, above), (1, -1, below)):
            heights = sign * np.asarray(shares)
            widths = np.diff(edges)
            axes.bar(
                edges[:-1],
                heights,
                widths,
                align="edge",
                color=SERIES[series],
                alpha=0.75,
                label=name,
            )
        axes.axhline(0, color=INK, linewidth=0.8)
        for cut in cuts:
            axes.axvline(cut, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(x_label)
        axes.set_ylabel("share of the arm")
        figure.legend(loc="outside upper left", ncols=2)
        return inline(figure)


def before_and_after(
    rows: Sequence[tuple[str, float, float]], x_label: str, limit: float
) -> str:
    """A dot before and one after, a row each; the limit is a dashed line (love plot).

    Args:
        rows: name, value before and value after, the first row on top.
    """
    with mpl.rc_context(STYLE):
        figure, axes = blank(0.95 + 0.24 * len(rows))
        heights = np.arange(len(rows))[::-1]
        before = [row[1] for row in rows]
        after = [row[2] for row in rows]
        axes.hlines(heights, before, after, color=GRID, linewidth=1.6)
        for series, values, name in ((1, before, "as seen"), (0, after, "weighted")):
            axes.plot(values, heights, marker(series), color=SERIES[series], label=name)
        axes.set_yticks(heights, [row[0] for row in rows])
        axes.tick_params(axis="y", labelcolor=INK, labelsize=9)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(x_label)
        reference_line(axes, limit, f"{limit:g}")
        figure.legend(loc="outside upper left", ncols=2)
        return inline(figure)


def bounds(
    x: Sequence[float],
    inner: tuple[Sequence[float], Sequence[float]],
    outer: tuple[Sequence[float], Sequence[float]],
    x_label: str,
    y_label: str,
) -> str:
    """A band that widens to the right, a lighter one around it, and the line of 0.

    Args:
        inner, outer: low and high ends at each x.
    """
    with mpl.rc_context(STYLE):
        figure, axes = blank(2.9)
        for ends, alpha, name in (
            (outer, 0.18, "with its 95% interval"),
            (inner, 0.4, "effect"),
        ):
            axes.fill_between(
                x, *ends, color=SERIES[0], alpha=alpha, linewidth=0, label=name
            )
        axes.axhline(0, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set_xlim(x[0], x[-1])
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        figure.legend(loc="outside upper left", ncols=2)
        return inline(figure)
