import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.ingest.scanner import (
    COURSE,
    EVENT_TYPE,
    SESSION,
    TIMESTAMP,
    USER,
    FormError,
    Scanner,
)

PLAIN = (
    '[["c", {"u": {"s": [["load_video", "2017-02-25T12:34:56"]], "e": []}}], ["d", {}]]'
)
# ids that hold quotes, brackets, escapes, several bytes and a surrogate pair
ODD_IDS = [
    ["课程+{[]}", {'u"]}': {"\\": [["a", "b"], ["\\\\\"'", "\n"]], "": []}, "𝄞": {}}],
    ["", {}],
]


def scan(data: bytes, *cuts: int) -> list[tuple[int, str]]:
    """Level and text of every string of a document that arrives cut at `cuts`."""
    scanner = Scanner()
    found = []
    for start, stop in pairwise([0, *sorted(cuts), len(data)]):
        strings = scanner.feed(data[start:stop])
        texts = strings.take(np.arange(len(strings.levels))).to_pylist()
        found += zip(strings.levels.tolist(), texts, strict=True)
    scanner.finish()
    return found


def fault(data: bytes, *cuts: int) -> str:
    with pytest.raises(FormError) as error:
        scan(data, *cuts)
    return str(error.value)


def test_strings_carry_their_level():
    assert scan(PLAIN.encode()) == [
        (COURSE, "c"),
        (USER, "u"),
        (SESSION, "s"),
        (EVENT_TYPE, "load_video"),
        (TIMESTAMP, "2017-02-25T12:34:56"),
        (SESSION, "e"),
        (COURSE, "d"),
    ]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_cut_anywhere_changes_nothing(ascii_only, indent):
    data = json.dumps(ODD_IDS, ensure_ascii=ascii_only, indent=indent).encode()
    whole = scan(data)
    texts = [text for _, text in whole]
    assert texts == [
        *["课程+{[]}", 'u"]}', "\\", "a", "b", "\\\\\"'", "\n", "", "𝄞", ""],
    ]
    for cut in range(len(data) + 1):
        assert scan(data, cut) == whole, cut
    assert scan(data, *range(len(data))) == whole  # byte by byte


def test_an_event_is_never_torn_between_two_feeds():
    scanner = Scanner()
    for byte in PLAIN.encode():
        levels = scanner.feed(bytes([byte])).levels.tolist()
        assert levels.count(EVENT_TYPE) == levels.count(TIMESTAMP)


@pytest.mark.parametrize(
    ("document", "place", "expected"),
    [
        ('{"c": 1}', 0, "expected `[`"),
        ('[{"c": 1}]', 1, "expected `[` or `]`"),
        ("[5]", 1, "expected `[` or `]`"),
        ('[["c"]]', 5, "expected `,`"),
        ('[["c", ["u"]]]', 7, "expected `{`"),
        ('[["c", {"u": null}]]', 13, "expected `{`"),
        ('[["c", {"u": {"s": {}}}]]', 19, "expected `[`"),
        ('[["c", {"u": {"s": [[]]}}]]', 21, "expected a string"),
        ('[["c", {"u": {"s": [["t"]]}}]]', 24, "expected `,`"),
        ('[["c", {"u": {"s": [["t", 5]]}}]]', 26, "expected a string"),
        ('[["c", {"u": {"s": [["t", "x", "y"]]}}]]', 29, "expected `]`"),
        ('[["c", {"u": {"s": [["t", "x"],]}}]]', 31, "expected `[`"),
        ('[["c", {"u": {},}]]', 16, "expected a string"),
        ('[["c", {}],]', 11, "expected `[`"),
        ('[["c", {}}]]', 9, "expected `]`"),
        ('[["c", {}]] x', 12, "expected nothing more"),
        ('[]"c"', 2, "expected nothing more"),
        ('[["c", {}]]\n[["d", {}]]', 12, "expected nothing more"),
        ('[[c", {"u": {}}]]', 2, "expected a string"),
        ('[["c, {"u": {}}]]', 8, "expected `,`"),
        ('[[\\"c", {}]]', 2, "expected a string"),
        ('[["c\n", {}]]', 4, "control character 0x0a"),
        ('[["c, \n{"u": {}}]]', 6, "control character 0x0a"),
        ('[["c\\q", {}]]', 3, "malformed escape"),
        ('[["\\ud83d", {}]]', 3, "malformed escape"),
        ('[["\\u12"]]', 3, "malformed escape"),
    ],
)
def test_a_fault_is_named_with_its_place(document, place, expected):
    for cuts in [(), range(len(document))]:
        message = fault(document.encode(), *cuts)
        assert message.startswith(f"byte {place}: ")
        assert expected in message


def test_the_earliest_fault_is_named():
    assert fault(b'[["c" {"u\n": {}}]]').startswith("byte 6: expected `,`")
    assert fault(b'[["c" {"u\xff": {}}]]').startswith("byte 6: expected `,`")


def test_what_is_not_utf8():
    assert fault(b'[["c\xe8", {}]]') == "byte 4: not UTF-8"
    assert fault("[]".encode("utf-16")).startswith("byte 0: expected `[`")


@pytest.mark.parametrize("document", [b"", b" \n\t "])
def test_an_empty_document(document):
    assert fault(document).startswith("is empty; expected [[course_id, ")


@pytest.mark.parametrize("document", [PLAIN, json.dumps(ODD_IDS, indent=1)])
def test_no_beginning_of_a_document_passes(document):
    data = document.encode()
    for stop in range(1, len(data)):
        assert f"stops at byte {stop} " in fault(data[:stop])


def test_an_endless_string_is_refused(monkeypatch):
    monkeypatch.setattr("training.ingest.scanner.MAX_REST_BYTES", 100)
    assert "byte 0: no string ends" in fault(b'[["' + b"c" * 200, 50, 100, 150)
    assert "byte 1: expected" in fault(b"[" + b"c" * 200, 50, 100, 150)


def test_places_count_from_the_offset():
    scanner = Scanner(offset=3)
    with pytest.raises(FormError, match=r"^byte 4: "):
        scanner.feed(b'[x"c"')
    with pytest.raises(FormError, match="stops at byte 4 "):
        fed = Scanner(offset=3)
        fed.feed(b"[")
        fed.finish()


@given(
    text=st.text(st.sampled_from('"\\{}[],: a\u00e9\U0001d11e'), max_size=30),
    cut=st.integers(0, 30),
)
def test_any_text_is_read_as_json_reads_it(text, cut):
    data = json.dumps([[text, {}]], ensure_ascii=False).encode()
    assert scan(data, min(cut, len(data))) == [(COURSE, text)]
