"""What a form says of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from training.ingest.engine import Engine, literal
from training.ingest.sources import Source


def as_it_is(source: Source, engine: Engine) -> Source:
    """The file's own columns."""
    return source


@dataclass(frozen=True)
class Form:
    """One form of logs.

    Args:
        name: as `--form` takes it.
        kinds: of files that can have it.
        read: a source as one with the form's columns; raises a `UserError` where the
            file is not what the form says.
        keys: columns by key, the best first; empty leaves all to guessing.
        course: column of an event's course: where a log has several, these are the
            items. Empty: the form knows no courses.
        drops: SQL condition on the form's columns by reason: rows that are no
            learner's work.
        ungraded: the same for tracing: rows that are no graded answer.
        once: column that names a row; empty: rows have no name.
        quote: around a CSV's values.
        signs: sets of columns, any of which only such a file has.
    """

    name: str
    kinds: tuple[str, ...]
    read: Callable[[Source, Engine], Source] = as_it_is
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    course: str = ""
    drops: Mapping[str, str] = field(default_factory=dict)
    ungraded: Mapping[str, str] = field(default_factory=dict)
    once: str = ""
    quote: str = '"'
    signs: Sequence[Sequence[str]] = ()

    def has_signs(self, source: Source) -> bool:
        """Whether a file that was read as a table is of this form."""
        return any(set(sign) <= set(source.columns) for sign in self.signs)


def at(*steps: str) -> str:
    """The text at a path of `json`; a number counts an array's entries."""
    return f"(json ->> {literal(path(*steps))})"


def path(*steps: str) -> str:
    """A JSON path."""
    return "$" + "".join(
        f"[{step}]" if step.isdigit() else f'."{step}"' for step in steps
    )
