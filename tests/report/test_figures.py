"""Standalone figures: values land where they should, and the file is one valid picture."""

from __future__ import annotations

import base64
import io
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ganvas.report import figures as f
from ganvas.report import marks as m
from ganvas.report.axes import Axis, written

SPACE = "{http://www.w3.org/2000/svg}"


def plane(log: bool = False) -> m.Plane:
    return m.Plane(Axis(0, 10, 0, 100), Axis(1, 100, 100, 0, log=log))


def test_points_map_to_pixels_and_gaps_to_none():
    places = plane(log=True).points([0, 5, 10, 1], [1, 10, math.nan, -1])
    assert places == [(0, 100), pytest.approx((50, 50)), None, None]


def test_a_line_lifts_its_pen_at_gaps():
    drawn = m.Line([0, 1, 2, 3, 4], [1, 1, math.nan, 1, 1]).draw(plane())
    assert drawn.count("M") == 2
    assert drawn.count("L") == 2


def test_bars_stand_on_zero_and_empty_ones_are_left_out():
    up = m.Plane(Axis(0, 3, 0, 30), Axis(-1, 3, 40, 0))
    drawn = m.Bars([0, 1, 2, 3], [3, 0, 1]).draw(up)
    assert drawn.count("M") == 2
    assert "M0.00 30.00V0.00H10.00V30.00Z" in drawn


def test_pictures_are_inside_the_file_pixel_for_pixel():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    drawn = m.Picture(pixels, 0, 4, 1, 4).draw(plane())
    held = drawn.partition("base64,")[2].partition('"')[0]
    image = Image.open(io.BytesIO(base64.b64decode(held)))
    assert np.array_equal(np.asarray(image), pixels)


def marks() -> list[m.Mark]:
    x = np.linspace(0, 1, 5)
    return [
        m.Area(x, x**2, "area <&>", 3),
        m.Line(x, x, "line", dashed=True, arrow=True),
        m.Dots(x, 1 - x, "dots", 1),
        m.Words(0.5, 0.5, "a < b"),
    ]


def test_a_figure_is_one_valid_svg_with_all_its_words():
    panels = [
        f.Panel("first", marks(), x_label="x, units", y_label="y"),
        f.Panel("second", marks(), log_y=True, y=(1e-3, 10.0)),
        f.Panel("third", marks(), bare=True, square=True),
        f.Panel("fourth", marks(), x=(0.5, 4.5), y=(4.5, 0.5)),  # a y axis that runs down
    ]
    root = ElementTree.fromstring(f.figure("all & more", panels, columns=3))
    words = [text.text for text in root.iter(f"{SPACE}text")]
    for wanted in ("all & more", "first", "x, units", "area <&>", "a < b", "fourth"):
        assert wanted in words
    assert int(root.attrib["width"]) == 3 * f.WIDTH
    assert len(list(root.iter(f"{SPACE}clipPath"))) == 4


def test_figures_without_values_are_drawn_all_the_same():
    for log in (False, True):
        figure = f.figure("empty", [f.Panel("none", [m.Line([], [])], log_y=log, log_x=log)])
        assert ElementTree.fromstring(figure).tag == f"{SPACE}svg"


def test_square_panels_have_one_unit():
    panel = f.Panel("ring", [m.Line([-1, 1], [-1, 1])], square=True)
    text = f.figure("square", [panel])
    path = text[text.index('"M', text.index("clip-path")) + 1 :].partition('"')[0]
    start, end = (tuple(map(float, part.split())) for part in path[1:].split("L"))
    assert end[0] - start[0] == pytest.approx(start[1] - end[1], abs=0.02)


def test_numbers_on_axes():
    assert written(-0.5, log=False) == "−0.5"
    assert written(1e-5, log=True) == "1e−5"
    assert written(1e-17, log=False) == "0"
