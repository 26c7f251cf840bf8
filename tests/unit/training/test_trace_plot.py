"""The plot of one student's mastery."""

import pandas as pd
import pytest

from training.tracing.trace import Trace
from training.tracing.trace_plot import mastery_plot


@pytest.mark.parametrize("name", [r"a$\foo$", "a$x$", "$", "x^2_1", "a<b&c"])
def test_names_stand_in_the_plot_as_they_are(name):
    """Two dollars make no formula."""
    steps = pd.DataFrame(
        {
            "answered_at": pd.to_datetime(["2020-01-01 08:00", "2020-01-02 09:00"]),
            "skill_key": name,
            "item_key": name + "1",
            "actual": [True, False],
            "mastery": [0.5, 0.25],
            "drift_flag": [True, False],
        }
    )
    svg = mastery_plot(Trace("run", "some_set", name + "2", "test", steps))
    shown = name.replace("&", "&amp;").replace("<", "&lt;")
    for text in (f">{shown}<", f">{shown}1<", f">Mastery of {shown}2 in some_set<"):
        assert text in svg


def test_where_time_is_an_order_the_plot_counts_answers():
    steps = pd.DataFrame(
        {
            "nth": [3, 9],
            "answered_at": pd.to_datetime(["2000-01-01", "2001-01-01"]),
            "skill_key": "add",
            "item_key": ["p", "q"],
            "actual": [True, False],
            "mastery": [0.5, 0.25],
            "drift_flag": [False, False],
        }
    )
    trace = Trace("run", "some_set", "u", "test", steps, time_is_order=True)
    svg = mastery_plot(trace)
    assert ">n-th answer<" in svg and "2000-" not in svg and "2001-" not in svg
    assert "answered_at" not in trace.as_json()["steps"][0]
