"""The plot of one student's mastery."""

import pandas as pd
import pytest

from training.tracing.trace import Trace
from training.tracing.trace_page import trace_page
from training.tracing.trace_plot import mastery_plot


@pytest.mark.parametrize("name", [r"a$\foo$", "a$x$", "$", "x^2_1", "a<b&c"])
def test_names_stand_in_the_plot_as_they_are(name):
    """Two dollars make no formula."""
    steps = pd.DataFrame(
        {
            "nth": [1, 2],
            "answered_at": pd.to_datetime(["2020-01-01 08:00", "2020-01-02 09:00"]),
            "skill_key": "7",
            "skill": name,
            "item_key": name + "1",
            "actual": [True, False],
            "predicted": [0.5, 0.5],
            "mastery": [0.5, 0.25],
            "drift_flag": [True, False],
            "misfit_flag": [False, False],
        }
    )
    svg = mastery_plot(Trace("run", "some_set", name + "2", "test", steps), top=3)
    shown = name.replace("&", "&amp;").replace("<", "&lt;")
    for text in (f">{shown}<", f">Mastery of {shown}2 in some_set<"):
        assert text in svg
    assert ">2020-01-02<" in svg


def test_a_page_tells_what_a_teacher_asks():
    """Skills by practice, one drawn, one in the table; odd items; no invented time."""
    steps = pd.DataFrame(
        {
            "nth": [1, 2, 2, 3],
            "answered_at": pd.to_datetime(["2010-02-15 07:16:44"] * 4),
            "skill_key": ["a", "a", "b", None],
            "skill": ["Adding", "Adding", "Dividing", None],
            "item_key": ["p1", "p2", "p2", "p3"],
            "actual": [True, False, False, True],
            "predicted": [0.5, 0.4, 0.4, 0.9],
            "mastery": [0.625, 0.5, 0.25, None],
            "drift_flag": [False, True, True, None],
            "misfit_flag": [False, False, False, True],
        }
    )
    trace = Trace("run", "some_set", "u", "test", steps, time_is_order=True)
    assert trace.skills["n"].tolist() == [2, 1]
    assert trace.skills["last"].tolist() == [0.5, 0.25]
    page = trace_page(trace, top=1)
    drawn, table = page.split("<figcaption>", 1)
    assert ">Adding<" in drawn and ">Dividing<" not in drawn
    assert "The other 1 skill, most practised first." in table
    assert "p2: grew harder or easier over time" in page
    assert "p3: answered unlike predicted" in page
    assert "Adding, Dividing" in page
    assert "2010-02" not in page and "2010-02" not in mastery_plot(trace, top=2)
    assert "n-th answer" in page
    assert "answered_at" not in trace.as_json()["steps"][0]
    assert (
        page.count("<tr>") == 1 + 1 + 1 + 3
    )  # other skills and answers, with headings


def test_a_student_of_one_answer_without_a_skill_has_a_page():
    steps = pd.DataFrame(
        {
            "nth": [1],
            "answered_at": pd.to_datetime(["2020-01-01 08:00"]),
            "skill_key": [None],
            "skill": [None],
            "item_key": ["p"],
            "actual": [True],
            "predicted": [0.5],
            "mastery": [None],
            "drift_flag": [None],
            "misfit_flag": [False],
        }
    )
    trace = Trace("run", "some_set", "u", "test", steps)
    assert "name no skill" in trace_page(trace, top=10)
    assert ">2020-01-01<" in mastery_plot(trace, top=10)
