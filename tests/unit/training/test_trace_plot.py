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
