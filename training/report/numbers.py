"""One way to write each kind of number, so that tables, plots and prose agree."""

from collections.abc import Sequence

MINUS = "−"
NOTHING = "–"
NO_BREAK = "\u00a0"


def metric(value: float | None) -> str:
    """0.6554 -> "0.655"; None -> a dash."""
    return NOTHING if value is None else f"{value:.3f}".replace("-", MINUS)


def signed(value: float) -> str:
    """0.0123 -> "+0.012", -0.2 -> "−0.200", nothing -> "0.000"."""
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", MINUS)


def interval(bounds: Sequence[float] | None) -> str:
    """(0.631, 0.679) -> "0.631–0.679"; None -> a dash."""
    return NOTHING if bounds is None else "–".join(metric(bound) for bound in bounds)


def signed_interval(bounds: Sequence[float] | None) -> str:
    """(-0.02, 0.01) -> "−0.020 to +0.010"; None -> a dash."""
    return NOTHING if bounds is None else " to ".join(signed(bound) for bound in bounds)


def p_value(p: float) -> str:
    """0.0341 -> "p = 0.034", 0.0005 -> "p < 0.001"; never broken across lines."""
    text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return text.replace(" ", NO_BREAK)


def count(value: int | None) -> str:
    """1234567 -> "1,234,567"; None -> a dash."""
    return NOTHING if value is None else f"{value:,}"


def counted(value: int, noun: str) -> str:
    """A count with its noun: (1, "query") -> "1 query", 20 -> "20 queries"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{value:,} {noun if value == 1 else plural}"


def percent(share: float) -> str:
    """0.0123 -> "1.2%"."""
    return f"{100 * share:.1f}%".replace("-", MINUS)


def seconds(value: float | None) -> str:
    """0.234 -> "0.23 s", 67.2 -> "67 s", 252 -> "4 min 12 s"; None -> a dash."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def span(seconds: int) -> str:
    """86_400 -> "24 hours", 300 -> "5 minutes", 90 -> "90 seconds"."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            return counted(seconds // length, unit)
    return counted(seconds, "second")


def size(n_bytes: int) -> str:
    """2_345_678 -> "2.3 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} B"


def plain(value: object) -> str:
    """A number of unknown kind: whole ones as counts, others by their size."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return NOTHING if value is None else str(value)
    if float(value).is_integer():
        return count(int(value))
    text = metric(value) if abs(value) < 1 else f"{value:,.1f}"
    return text.replace("-", MINUS)


def listed(names: Sequence[str]) -> str:
    """["A", "B", "C"] -> "A, B and C"."""
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last
