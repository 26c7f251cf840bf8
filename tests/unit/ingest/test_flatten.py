import json

import pytest

from training.ingest.flatten import Counts, Flattener
from training.ingest.row_group import RowGroup
from training.ingest.scanner import FormError, Scanner

AT = "2017-02-25T12:34:56"
EVERY_EVENT = ("",)


def flatten(document, prefixes=EVERY_EVENT, cut: int = 0) -> tuple[list[tuple], Counts]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    scanner, flattener, rows = Scanner(), Flattener(prefixes), RowGroup()
    for chunk in (data[:cut], data[cut:]):
        flattener.add(scanner.feed(chunk), rows)
    scanner.finish()
    table = rows.table()
    owners = [table.column(name).to_pylist() for name in table.schema.names[:4]]
    stamps = [str(stamp) for stamp in table.column("timestamp").to_pylist()]
    return list(zip(*owners, stamps, strict=True)), flattener.counts()


def test_events_get_their_owners_and_a_session_may_span_courses():
    document = [
        ["c", {"u": {"s": [["a", AT], ["b", AT]], "t": []}, "v": {"s": [["a", AT]]}}],
        ["d", {"w": {}, "u": {"s": [["a", "2017-02-25 12:34:57"]]}}],
    ]
    rows, counts = flatten(document, ("a",), cut=40)
    assert rows == [
        ("c", "u", "s", "a", "2017-02-25 12:34:56"),
        ("c", "v", "s", "a", "2017-02-25 12:34:56"),
        ("d", "u", "s", "a", "2017-02-25 12:34:57"),
    ]
    # w has no event; the session s of u spans two courses and is one
    assert counts == Counts(4, 3, 1, n_users=2, n_courses=2, n_sessions=2)


@pytest.mark.parametrize("document", [[], [["c", {}]], [["c", {"u": {"s": []}}]]])
def test_nothing_to_keep(document):
    assert flatten(document) == ([], Counts(0, 0, 0, 0, 0, 0))


def test_a_course_may_stand_twice():
    document = [["c", {"u": {"s": [["a", AT]]}}], ["c", {"u": {"s": [["a", AT]]}}]]
    rows, counts = flatten(document)
    assert rows == [("c", "u", "s", "a", "2017-02-25 12:34:56")] * 2
    assert (counts.n_users, counts.n_courses, counts.n_sessions) == (1, 1, 1)


@pytest.mark.parametrize("second", ['"u"', '"\\u0075"'])
def test_a_user_who_stands_twice_in_a_course(second):
    data = f'[["c", {{"u": {{}}, "v": {{}}, {second}: {{}}}}]]'.encode()
    for cut in range(len(data)):
        with pytest.raises(FormError, match="course 'c': user 'u' stands twice"):
            flatten(data, cut=cut)


def test_a_session_that_stands_twice_in_a_user():
    data = b'[["c", {"u": {"s": [], "s": []}}]]'
    with pytest.raises(FormError, match="course 'c', user 'u': session 's' stands"):
        flatten(data)


@pytest.mark.parametrize(
    "stamp",
    [
        *["", "2017-02-25", "2017-13-05T00:00:00", "2017-02-29T00:00:00"],
        *["2017-02-25T12:34:56Z", "2017-02-25T12:34:56.5", "2017-02-25T12:34"],
        *["2017-02-25T12:34:60", "2017-02-25T24:00:00", "25-02-2017T12:34:56"],
        *["2017-02-25T12+01:00", "2017-02-25t12:34:56", "  2017-2-5T12:34:56"],
        *["２017-02-25T12:34", "1488026096"],
    ],
)
def test_a_timestamp_that_does_not_parse_is_named_with_its_owner(stamp):
    document = [["c", {"u": {"s": [["a", AT]]}, "v": {"t": [["a", AT], ["b", stamp]]}}]]
    for cut in (0, 30, 60):
        with pytest.raises(FormError) as error:
            flatten(document, ("a",), cut)  # of a dropped event, too
        assert str(error.value).startswith(
            f"course 'c', user 'v', session 't': timestamp {stamp!r} is not of the form"
        )
