"""Values of strangers' files as SQL: ids, answers, skills and lengths of time."""

from collections.abc import Iterable

from training.ingest.engine import literal, name

# what software writes where nothing is, in any case
NULL_WORDS = ("", "nan", "null", "none", "na", "n/a", "<na>", "#n/a", "nat", "\\n")
RIGHT = ("1", "1.0", "true", "t", "yes", "y", "correct", "right")
WRONG = ("0", "0.0", "false", "f", "no", "n", "incorrect", "wrong")
_BLANKS = (" ", "\t", "\n", "\r")
_EXACT_FLOATS = {"FLOAT": 1 << 24, "DOUBLE": 1 << 53}
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE")


def is_number(kind: str) -> bool:
    """Whether a column's type counts something."""
    return kind.removeprefix("U").startswith((*_NUMBERS, "DECIMAL"))


def text_of(column: str, kind: str, *, is_whole: bool = False) -> str:
    """A value as text without blanks around it; null where there is none.

    Args:
        is_whole: every value of the column is a number without a fraction, so that
            7.0 is `7`. A column of other texts keeps it as it is.
    """
    value = name(column)
    if kind in _EXACT_FLOATS:
        is_exact = f"{value} = floor({value}) and abs({value}) < {_EXACT_FLOATS[kind]}"
        return f"case when {is_exact} then cast(cast({value} as bigint) as varchar) end"
    if kind == "BLOB":
        value = f"try(decode({value}))"
    if not kind.startswith(("VARCHAR", "BLOB", "DECIMAL")):
        return f"cast({value} as varchar)"
    if kind.startswith("DECIMAL"):
        value, is_whole = f"cast({value} as varchar)", True
    # asked first, since cutting costs ten times as much
    ends = " or ".join(f"ends_with({value}, {literal(blank)})" for blank in _BLANKS)
    return (
        f"case when {value} < '!' or {ends} "
        f"then {_id(trimmed(value), is_whole)} else {_id(value, is_whole)} end"
    )


def trimmed(text: str) -> str:
    """A text without blanks and line ends around it."""
    return f"trim({text}, {literal(''.join(_BLANKS))})"


def _id(text: str, is_whole: bool) -> str:
    cut = f"when {is_whole_number(text)} then split_part({text}, '.', 1) "
    return (
        f"case when {is_null(text)} then null {cut if is_whole else ''}else {text} end"
    )


def is_null(text: str) -> str:
    """Whether a trimmed text says that nothing is there."""
    return f"strlen({text}) <= 4 and {_is_one_of(f'lower({text})', NULL_WORDS)}"


def _is_one_of(text: str, words: Iterable[str]) -> str:
    """A long `in` would become a join, its text computed for every row."""
    return f"list_contains([{', '.join(map(literal, words))}], {text})"


def is_whole_number(text: str) -> str:
    """Whether a trimmed text is a number without a fraction."""
    return f"regexp_full_match({text}, '-?[0-9]+([.]0+)?')"


def correct_of(column: str, kind: str) -> str:
    """Whether an answer was right: 1 alone is, partial credit is not; else null."""
    value = name(column)
    if kind == "BOOLEAN":
        return value
    text = f"lower(trim(cast({value} as varchar)))"
    return (
        f"case when {_is_one_of(text, RIGHT)} then true "
        f"when {_is_one_of(text, WRONG)} then false "
        f"when try_cast({text} as double) >= 0 and try_cast({text} as double) <= 1 "
        f"then try_cast({text} as double) = 1 end"
    )


def latency_of(column: str, kind: str) -> str:
    """Seconds that an answer took; milliseconds where the name says so; else null."""
    number = _number(name(column))
    is_in_ms = column.lower().startswith("ms_") or column.lower().endswith("_ms")
    seconds = f"{number} / 1e3" if is_in_ms else number
    return f"case when {number} >= 0 and isfinite({number}) then {seconds} end"


def _number(value: str) -> str:
    """A number; 5,5 is one too, and 1,234 none: it could be either."""
    text = f"trim(cast({value} as varchar))"
    with_comma = f"regexp_full_match({text}, '-?[0-9]+,([0-9]{{1,2}}|[0-9]{{4,}})')"
    return (
        f"coalesce(try_cast({value} as double), case when {with_comma} "
        f"then try_cast(replace({text}, ',', '.') as double) end)"
    )


def is_no_number(value: str) -> str:
    """Whether a text says something that is no number."""
    text = f"trim({value})"
    return f"{value} is not null and not ({is_null(text)}) and {_number(value)} is null"


def skills_of(column: str, kind: str, separator: str | None) -> str:
    """The skills of an answer as a sorted list without repeats, never null."""
    empty = "cast([] as varchar[])"
    if kind.endswith("[]"):
        raw = f"cast({name(column)} as varchar[])"
    else:
        text = f"trim(cast({name(column)} as varchar))"
        listed = (
            f"when {text} like '[%]' then coalesce("
            f"try_cast(try_cast(replace({text}, '''', '\"') as json) as varchar[]), "
            f"[{text}])"
        )
        parts = (
            f"string_split({text}, {literal(separator)})" if separator else f"[{text}]"
        )
        raw = f"case when {text} is null then {empty} {listed} else {parts} end"
    whole = "regexp_replace(trim(skill), '^(-?[0-9]+)[.]0+$', '\\1')"
    return (
        "coalesce(list_sort(list_distinct(list_transform(list_filter("
        f"{raw}, lambda skill: skill is not null and not ({is_null('trim(skill)')})), "
        f"lambda skill: {whole}))), {empty})"
    )
