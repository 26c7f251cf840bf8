"""Times of strangers' files: which unit or form a column has, and its SQL."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from training.errors import UserError
from training.ingest.engine import Engine, literal, name, shown
from training.ingest.values import NULL_WORDS, is_number

EARLIEST, LATEST = "1990-01-01", "2100-01-01"
_SECONDS = (631_152_000, 4_102_444_800)  # the same two moments since 1970
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
ORDER = "order"
ORDER_STARTS = "2000-01-01"  # place 0 of a log whose time is only an order
_MOST_PLACES = 3_000_000_000  # seconds from there to the year 2095
_SORTABLE = re.compile(r"\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_DAY_OR_MONTH = re.compile(r"\s*\d{1,2}([-/.])\d{1,2}\1(\d{4}|\d{2})\b")
_MONTH_BY_NAME = re.compile(
    r"\s*(\d{1,2} [A-Za-z]{3,9} \d{4}|[A-Za-z]{3,9} \d{1,2}, \d{4})"
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_NAMED_MONTHS = ("%d %b %Y", "%d %B %Y", "%A, %d %B %Y", "%b %d, %Y", "%B %d, %Y")
# no zone is UTC; zones by name but these are read differently from place to place
_ISO = (
    r"\s*[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([T ] *([01]?[0-9]|2[0-3]):[0-9]{1,2}"
    r"(:[0-9]{1,2}([.,][0-9]*)?)?( ?(Z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?))?)?\s*"
)


@dataclass(frozen=True)
class Clock:
    """How a column's values become times.

    Args:
        unit: `s`, `ms`, `us` or `ns` since 1970, or `order`; None for texts.
        format: of texts that are not ISO 8601, as `strptime` writes it.
    """

    unit: str | None = None
    format: str | None = None

    @property
    def in_words(self) -> str:
        """For people."""
        if self.unit == ORDER:
            return "only an order"
        if self.unit:
            return f"{self.unit} since 1970"
        return self.format or "dates"

    def as_record(self) -> dict[str, str]:
        """For `dataset.yml`."""
        return {f"time_{k}": v for k, v in asdict(self).items() if v is not None}

    def sql(self, column: str, kind: str) -> str:
        """The time as a timestamp in UTC; null where a value is none."""
        value = name(column)
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"timezone('UTC', {value})"
        if kind.startswith(("TIMESTAMP", "DATE")):
            return f"cast({value} as timestamp)"
        if self.unit == ORDER:
            return _place_sql(value)
        if self.unit:
            return _counted_sql(value, UNITS[self.unit])
        if self.format:
            return _formatted_sql(value, self.format)
        return _iso_sql(value)


def _counted_sql(value: str, per_second: int) -> str:
    number = f"try_cast({value} as double)"
    low, high = (second * per_second for second in _SECONDS)
    micros = f"cast(round({number} * {1_000_000 / per_second!r}) as bigint)"
    return (
        f"case when {number} between {low} and {high} then make_timestamp({micros}) end"
    )


def _place_sql(value: str) -> str:
    number = f"try_cast({value} as double)"
    is_place = f"{number} between 0 and {_MOST_PLACES} and {number} = floor({number})"
    moment = f"timestamp '{ORDER_STARTS}' + to_seconds(cast({number} as bigint))"
    return f"case when {is_place} then {moment} end"


def _formatted_sql(value: str, form: str) -> str:
    text = f"regexp_replace(trim({value}), '\\s+', ' ', 'g')"
    if "," not in form and "%b" not in form and "%B" not in form:
        text = f"replace({text}, ', ', ' ')"
    forms = [form] if re.search("%[HIM]", form) else [form + clock for clock in _CLOCKS]
    return f"try_strptime({text}, [{', '.join(map(literal, forms))}])"


def _iso_sql(value: str) -> str:
    """Common forms first: patterns cost more than all else of a long log.

    No expression stands in it twice: DuckDB would compute it for every row.
    """
    quick = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
    bare = f"regexp_replace({value}, '^\\s*(.*?) ?(Z|UTC|GMT)?\\s*$', '\\1')"
    # a zone behind hours and minutes alone is not read
    whole = f"regexp_replace({bare}, '([T ] *[0-9]+:[0-9]+) ?([+-]|$)', '\\1:00\\2')"
    iso = f"replace(regexp_replace({whole}, ' ([+-])', '\\1'), ',', '.')"
    named = [
        f"{day}{comma}{clock}"
        for day in _NAMED_MONTHS
        for clock in _CLOCKS
        for comma in (("", ",") if clock else ("",))
    ]
    return (
        f"coalesce(try_strptime({value}, [{', '.join(map(literal, quick))}]), "
        f"case when regexp_full_match({value}, {literal(_ISO)}) "
        f"then timezone('UTC', try_cast({iso} as timestamptz)) "
        f"else try_strptime(trim({value}), [{', '.join(map(literal, named))}]) end)"
    )


def looks_like_time(values: Iterable[object]) -> bool:
    """Whether all values are dates, or numbers that are moments in some unit."""
    texts = [str(value).strip() for value in values]
    if not texts:
        return False
    forms = (_SORTABLE, _DAY_OR_MONTH, _MONTH_BY_NAME)
    if all(any(form.match(text) for form in forms) for text in texts):
        return True
    numbers = _numbers(texts)
    return numbers is not None and _unit_of(numbers) is not None


def clock_of(
    engine: Engine, rows: str, column: str, kind: str, values: list, where: str
) -> Clock:
    """Find a column's unit or form.

    Args:
        rows: query with all rows, asked only where the sample leaves a doubt.
        values: a sample of the column.
        where: the file, for messages.
    Raises:
        UserError: it cannot be told; the line names the option to write.
    """
    if kind.startswith(("TIMESTAMP", "DATE")):
        return Clock()
    if kind.startswith("TIME"):
        raise UserError(
            f"{where}: column {column} holds times of day and no dates; map a column "
            "with both: --map event_at=COLUMN"
        )
    texts = [str(v).strip() for v in values if str(v).strip().lower() not in NULL_WORDS]
    numbers = _numbers(texts)
    if numbers is not None or is_number(kind):
        unit = _unit_of(numbers or [])
        if unit is None:
            example = shown(texts[0]) if texts else "empty"
            raise UserError(
                f"{where}: column {column} holds numbers such as {example}: no moments "
                "between 1990 and 2100 in seconds, milliseconds, micro- or nanoseconds "
                "alike; write --time-unit s, ms, us or ns, or --time-unit order if "
                "they only say what came first"
            )
        return Clock(unit=unit)
    if any(_DAY_OR_MONTH.match(text) for text in texts):
        return Clock(format=_day_or_month_first(engine, rows, column, texts, where))
    return Clock()


def _numbers(texts: list[str]) -> list[float] | None:
    try:
        return [float(text) for text in texts] or None
    except ValueError:
        return None


def _unit_of(numbers: list[float]) -> str | None:
    """The unit in which most of the numbers are moments, if only one has any."""
    low, high = _SECONDS
    counts = {
        unit: sum(low * per <= number < high * per for number in numbers)
        for unit, per in UNITS.items()
    }
    found = [unit for unit, count in counts.items() if count]
    return max(counts, key=counts.__getitem__) if found else None


def _day_or_month_first(
    engine: Engine, rows: str, column: str, texts: list[str], where: str
) -> str:
    found = next(match for match in map(_DAY_OR_MONTH.match, texts) if match)
    example, (mark, year) = found.string, found.groups()
    year = "%Y" if len(year) == 4 else "%y"
    forms = [mark.join(("%d", "%m", year)), mark.join(("%m", "%d", year))]
    parts = f"string_split(split_part(trim({name(column)}), ' ', 1), {literal(mark)})"
    # a comma or a clock may stand behind the year
    numbers = (f"regexp_extract(parts[{n}], '^[0-9]+')" for n in (1, 2, 3))
    most = (f"max(try_cast({number} as integer))" for number in numbers)
    first, second, third = engine.rows(
        f"select {', '.join(most)} from (select {parts} as parts from ({rows}))"
    )[0]
    if mark == "-" and year == "%y" and second <= 12 and third <= 31:
        raise UserError(
            f"{where}: column {column} has years of two digits, which may come first "
            f'or last, such as {shown(example)}; write --time-format "%y-%m-%d" or '
            f'"{forms[0]}"'
        )
    if mark == "." or (first > 12 >= second):
        return forms[0]
    if second > 12 >= first:
        return forms[1]
    trouble = (
        "both days and months first"
        if first > 12
        else "days and months that cannot be told apart"
    )
    raise UserError(
        f"{where}: column {column} has {trouble}, such as {shown(example)}; write "
        f'--time-format "{forms[0]}" or "{forms[1]}"'
    )
