"""Each kind of number, as it is written."""

import pytest

from training.report import numbers


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (numbers.metric, 0.65549, "0.655"),
        (numbers.metric, -0.2, "−0.200"),
        (numbers.metric, None, "–"),
        (numbers.signed, 0.0123, "+0.012"),
        (numbers.signed, -0.0126, "−0.013"),
        (numbers.signed, -0.0001, "0.000"),
        (numbers.interval, (0.631, 0.679), "0.631–0.679"),
        (numbers.interval, None, "–"),
        (numbers.signed_interval, (-0.02, 0.01), "−0.020 to +0.010"),
        (numbers.p_value, 0.0005, "p\u00a0<\u00a00.001"),
        (numbers.p_value, 0.0341, "p\u00a0=\u00a00.034"),
        (numbers.p_value, 1.0, "p\u00a0=\u00a01.000"),
        (numbers.count, 1_234_567, "1,234,567"),
        (numbers.count, None, "–"),
        (numbers.percent, 0.0123, "1.2%"),
        (numbers.seconds, 0.234, "0.23 s"),
        (numbers.seconds, 67.2, "1 min 7 s"),
        (numbers.seconds, 59.7, "1 min 0 s"),
        (numbers.seconds, None, "–"),
        (numbers.span, 86_400, "24 hours"),
        (numbers.span, 3600, "1 hour"),
        (numbers.span, 300, "5 minutes"),
        (numbers.span, 90, "90 seconds"),
        (numbers.size, 999, "999 B"),
        (numbers.size, 2_345_678, "2.3 MB"),
        (numbers.plain, 122.0, "122"),
        (numbers.plain, 431.55, "431.6"),
        (numbers.plain, 6.5, "6.5"),
        (numbers.plain, 0.4417, "0.442"),
        (numbers.plain, None, "–"),
        (numbers.plain, "text", "text"),
        (numbers.listed, ["A"], "A"),
        (numbers.listed, ["A", "B", "C"], "A, B and C"),
    ],
)
def test_written(write, value, text):
    assert write(value) == text


def test_counted_nouns():
    assert numbers.counted(1, "query") == "1 query"
    assert numbers.counted(2_000, "query") == "2,000 queries"
    assert numbers.counted(2, "test user") == "2 test users"
