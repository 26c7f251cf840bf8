"""What plots of a page share: paper, inks that follow its theme, and inline SVG."""

import hashlib
import io
import re
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

WIDTH = 4.5  # inches; text keeps a readable size from 340 to 450 CSS pixels
MARKERS = "osD^vPX*"
N_SERIES = len(MARKERS)
LEGEND_ROW = 0.22  # inches
LEGEND_WIDTH = 45  # characters of names that fit side by side

# Stand-ins that become CSS variables, so that one SVG serves light and dark pages.
INK, MUTED, GRID, PAPER = "#010001", "#010002", "#010003", "#010004"
SERIES = [f"#0200{index:02x}" for index in range(N_SERIES)]
CSS_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"} | {
    colour: f"series-{index}" for index, colour in enumerate(SERIES)
}

STYLE: dict[Any, Any] = {  # keys of matplotlib's rcParams
    "svg.fonttype": "none",  # text stays text: sharp, searchable, in the page's font
    "svg.hashsalt": "moocmeta",
    "font.family": "DejaVu Sans",  # ships with matplotlib: same layout everywhere
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.handletextpad": 0.3,
    "legend.columnspacing": 1.2,
    "legend.borderpad": 0,
    "lines.markersize": 5.5,
    "lines.linewidth": 1.7,
}


def blank(height: float) -> tuple[Figure, Axes]:
    """An empty plot of so many inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def whole_numbers(most: int) -> MaxNLocator:
    """Ticks at whole numbers."""
    return MaxNLocator(most, integer=True, min_n_ticks=1)


def marker(series: int) -> str:
    """A series' sign, which tells it apart without colour."""
    return MARKERS[series % N_SERIES]


def reference_line(axes: Axes, value: float, name: str) -> None:
    """A dashed line at a value of the x axis, its name above."""
    axes.axvline(value, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        name,
        (value, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        color=MUTED,
    )


def finish(
    figure: Figure, axes: Axes, x_label: str, y_label: str, n_lines: int
) -> None:
    """Name the axes, and the lines above them."""
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.margins(y=0.08)
    labels = axes.get_legend_handles_labels()[1]
    fitting = max(LEGEND_WIDTH // max(map(len, labels), default=1), 1)
    columns = max(min(n_lines, fitting, 3), 1)
    # the legend takes no room from the plot
    extra_rows = (n_lines - 1) // columns
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * extra_rows)
    figure.legend(loc="outside upper left", ncols=columns)


def inline(figure: Figure) -> str:
    """Bare `<svg>` element without metadata, fixed colours, fonts or global styles."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    for pattern in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<!--.*?-->"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r'\s(xmlns(:xlink)?|version)="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?)\swidth="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?)\sheight="[^"]*"', r"\1", text, count=1)
    for colour, variable in CSS_VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    return _with_own_ids(text.strip())


def _with_own_ids(text: str) -> str:
    """Ids that no other plot on the page has: every plot calls itself figure_1."""
    prefix = f"p{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}", text)
