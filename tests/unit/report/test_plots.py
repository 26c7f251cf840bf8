"""Plots as text: what is drawn, the same bytes each time, bare of anything foreign."""

import re
from xml.etree import ElementTree

import pytest

from training.report.plots import Estimate, Line, categories, curves, estimates, ladder

ROWS = [
    Estimate("GRU", 0.7, [0.6, 0.8], series=0),
    Estimate("SASRec", 0.65, None, [0.4, 0.9], series=1),
]
LINES = [
    Line("GRU", [1, 2, 3], [3.0, 2.0, 1.5], 0, [[1, 4], None, [1, 2]], marked_x=2),
    Line("SASRec", [1], [2.5], 9, [None]),  # more series than markers
]


def texts(svg: str) -> str:
    root = ElementTree.fromstring(svg.replace("xlink:href", "href"))
    return " ".join(element.text for element in root.iter("text") if element.text)


def draw() -> list[str]:
    return [
        estimates(ROWS, "recall@10", (0.9, "optimum")),
        estimates(ROWS[:1], "share", tick_format="{x:.0%}"),
        curves(LINES, "epoch", "loss"),
        categories(["zero", "one", "two", "three"], LINES, "slice", "recall@10"),
        ladder([("raw rows", 1_000), ("of users with enough events", 0)], "rows"),
    ]


@pytest.fixture(scope="module")
def drawings():
    return draw()


def test_drawn_again_byte_for_byte(drawings):
    assert draw() == drawings


def test_bare_svg_that_scales(drawings):
    for svg in drawings:
        assert svg.startswith("<svg")
        root = ElementTree.fromstring(svg.replace("xlink:href", "href"))
        assert {"viewBox"} == {"viewBox", "width", "height"} & set(root.attrib)
        assert not re.search(r"http|<metadata|<style|<!--|xmlns", svg)


def test_labels_are_text(drawings):
    dots, shares, lines, groups, steps = (texts(svg) for svg in drawings)
    assert all(word in dots for word in ("GRU", "SASRec", "recall@10", "optimum"))
    assert "%" in shares
    assert all(word in lines for word in ("GRU", "SASRec", "epoch", "loss"))
    assert all(word in groups for word in ("zero", "three", "slice"))
    assert all(word in steps for word in ("raw rows", "1,000", "of users with"))


def test_ids_differ_between_plots(drawings):
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in drawings]
    flat = [name for of_one in ids for name in of_one]
    assert len(flat) == len(set(flat))
    for svg, own in zip(drawings, ids, strict=True):
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
        assert set(used) <= set(own)


def height_of(svg: str) -> float:
    return float(re.search(r'viewBox="0 0 \S+ (\S+)"', svg)[1])


def test_noise_looks_flat_and_ticks_are_those_asked_for():
    noise = [Line("GRU", [0, 1, 20], [0.75, 0.751, 0.75], 0)]
    svg = curves(noise, "steps", "recall@10", ticks=[0, 1, 20], least_span=0.05)
    assert {"0.74", "0.76", "0", "1", "20"} <= set(texts(svg).split())
    assert "0.76" not in texts(curves(noise, "steps", "recall@10")).split()


def test_a_long_legend_takes_no_room_from_the_plot():
    lines = [Line(f"a model of a long name {n}", [0], [0.5], n, [None]) for n in (1, 2)]
    one, two = (categories(["all"], lines[:n], "slice", "recall@10") for n in (1, 2))
    assert height_of(two) > height_of(one)
