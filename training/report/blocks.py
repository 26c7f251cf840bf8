"""What a section is made of; the template knows how each kind looks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Text:
    """A paragraph. `is_note` sets it apart as a caution."""

    text: str
    is_note: bool = False
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Cell:
    """One cell: the value, smaller lines below it, and how it stands out.

    Args:
        value: what is read first.
        detail: smaller lines below, e.g. an interval.
        series: number of the plots' colour that marks this row, or None.
        is_best: whether the value is the best of its column.
    """

    value: str
    detail: str = ""
    series: int | None = None
    is_best: bool = False


@dataclass(frozen=True)
class Table:
    """A table in its own scroll box; the first cell of a row is its heading.

    Args:
        caption: what to see.
        columns: headings.
        rows: as many cells each as there are columns; strings count as plain cells.
        is_text: left-aligned throughout, for names and fingerprints.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    is_text: bool = False
    kind: ClassVar[str] = "table"

    @property
    def cells(self) -> list[list[Cell]]:
        """Rows with every entry a `Cell`."""
        return [
            [entry if isinstance(entry, Cell) else Cell(entry) for entry in row]
            for row in self.rows
        ]


@dataclass(frozen=True)
class Figure:
    """A plot. `label` says in words what it shows, for those who cannot see it."""

    title: str
    svg: str
    label: str
    caption: str
    is_wide: bool = False
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Points:
    """Short statements, one a line."""

    points: Sequence[str]
    kind: ClassVar[str] = "points"


@dataclass(frozen=True)
class Row:
    """Blocks side by side where the page is wide enough."""

    blocks: Sequence["Block"]
    kind: ClassVar[str] = "row"


@dataclass(frozen=True)
class Tiles:
    """Key numbers: (value, what it counts)."""

    tiles: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "tiles"


@dataclass(frozen=True)
class Code:
    """A command to copy."""

    text: str
    label: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Folded:
    """Blocks that open on demand."""

    summary: str
    blocks: Sequence["Block"]
    kind: ClassVar[str] = "folded"


Block = Text | Points | Table | Figure | Row | Tiles | Code | Folded


@dataclass(frozen=True)
class Section:
    """A part of the page with an anchor of its own."""

    anchor: str
    title: str
    blocks: Sequence[Block] = field(default_factory=list)
