"""Charts put every value at the pixel that the axes' affine maps give."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.report import charts
from ganvas.report.axes import Axis, number
from ganvas.report.charts import Series, bar_chart, envelope, line_chart, trend
from ganvas.report.svg import INK, PALETTE

LABELS = {"title": "T", "x_label": "round", "y_label": "loss"}
FINITE = st.floats(-1e6, 1e6)


def svg(markup: str) -> ET.Element:
    """Return the chart as a tree: this fails unless it is well-formed."""
    return ET.fromstring(f"<div>{markup}</div>").find("svg") or ET.Element("missing")


def corners(path: str) -> list[tuple[float, float]]:
    """Return the points of SVG path data made of M and L commands."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+) ([^\sMLh]+)", path)]


def lines(markup: str) -> list[str]:
    """Return the path data of the drawn lines."""
    found = [p for p in svg(markup).iter("path") if p.get("class", "").startswith("line")]
    return [p.get("d", "") for p in found]


def test_a_line_is_the_affine_image_of_its_points() -> None:
    x, y = [0.0, 10.0, 40.0], [1.0, 3.0, 2.0]
    (path,) = lines(line_chart([Series("a", x, y)], **LABELS))
    left, right = charts.LEFT, charts.WIDTH - charts.RIGHT
    bottom, top = charts.HEIGHT - charts.BOTTOM, charts.TOP
    low, high = 1 - 0.04 * 2, 3 + 0.04 * 2  # the margin is 4 % of the range
    for (px, py), a, b in zip(corners(path), x, y, strict=True):
        assert px == pytest.approx(left + a / 40 * (right - left), abs=0.006)
        assert py == pytest.approx(bottom - (b - low) / (high - low) * (bottom - top), abs=0.006)


@given(low=FINITE, width=st.floats(1e-3, 1e6), share=st.floats(0, 1))
def test_an_axis_maps_shares_of_its_range_to_shares_of_its_pixels(
    low: float, width: float, share: float
) -> None:
    axis = Axis(low, low + width, 200.0, 20.0)
    assert axis.at(low + share * width) == pytest.approx(200 - 180 * share, abs=1e-4)


def test_a_logarithmic_axis_gives_equal_room_to_equal_ratios() -> None:
    axis = Axis(0.01, 1000.0, 0.0, 100.0, log=True)
    assert [axis.at(v) for v in (0.01, 0.1, 1, 10, 100, 1000)] == pytest.approx(
        [0, 20, 40, 60, 80, 100]
    )
    assert axis.ticks() == pytest.approx([0.01, 1, 100])


@given(low=FINITE, width=st.floats(1e-3, 1e6))
def test_ticks_are_round_equally_spaced_and_inside(low: float, width: float) -> None:
    axis = Axis(low, low + width, 0, 1)
    ticks = axis.ticks(5)
    slack = 1e-6 * (width + abs(low))
    assert 2 <= len(ticks) <= 6
    assert low - slack <= ticks[0] <= ticks[-1] <= low + width + slack
    step = ticks[1] - ticks[0]
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-6)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-3 + slack / step


@given(st.lists(FINITE | st.just(math.nan), min_size=1, max_size=800), st.integers(1, 40))
def test_an_envelope_keeps_ends_and_extremes(y: list[float], columns: int) -> None:
    x = [float(i) for i in range(len(y))]
    kept = envelope(x, y, columns)
    assert kept[0][0] == x[0]
    assert kept[-1][0] == x[-1]
    assert [a for a, _ in kept] == sorted({a for a, _ in kept})
    assert all(b == y[int(a)] or math.isnan(y[int(a)]) for a, b in kept)  # a selection
    finite = [v for v in y if math.isfinite(v)]
    if finite:
        drawn = [b for _, b in kept if math.isfinite(b)]
        assert (min(drawn), max(drawn)) == (min(finite), max(finite))
    assert len(kept) <= max(2 * columns, 3 * columns + 2)


def test_an_envelope_keeps_the_one_spike_of_each_column() -> None:
    y = [0.0] * 10_000
    spikes = {137: 5.0, 4021: -3.0, 9001: 1.0}
    for at, height in spikes.items():
        y[at] = height
    kept = dict(envelope([float(i) for i in range(10_000)], y, 100))
    assert {at: kept[at] for at in spikes} == spikes
    assert len(kept) <= 202


def test_a_trend_is_the_medians_of_equal_stretches() -> None:
    y = [float(i // 4 + 100 * (i % 4 == 3)) for i in range(40)]  # one outlier in each four
    found = trend([float(i) for i in range(40)], y, parts=10)
    assert found == [(4 * k + 1.5, k) for k in range(10)]
    assert trend([0.0, 1.0], [0.0, 1.0]) == []


def test_a_gap_lifts_the_pen_and_a_lone_point_shows() -> None:
    y = [1.0, 2.0, math.nan, 3.0, math.inf, 1.0, 1.0]
    (path,) = lines(line_chart([Series("a", [float(i) for i in range(7)], y)], **LABELS))
    assert re.sub(r"[^MLh]", "", path) == "MLMhML"


def test_charts_are_whole_without_a_stylesheet() -> None:
    for line in svg(line_chart([Series("a", [0.0, 1.0], [0.0, 1.0])], **LABELS)).iter("path"):
        if line.get("class") == "line c0":
            assert (line.get("stroke"), line.get("fill")) == (PALETTE[0], "none")
    bars = svg(bar_chart(["a"], [1.0], **LABELS)).iter("rect")
    assert [bar.get("fill") for bar in bars] == [PALETTE[0]]


def test_nothing_finite_is_no_chart() -> None:
    assert line_chart([Series("a", [0.0, 1.0], [math.nan, math.inf])], **LABELS) == ""
    assert line_chart([], **LABELS) == ""
    assert bar_chart([], [], **LABELS) == ""


@pytest.mark.parametrize("y", [[0.0, 0.0], [-3.0, -3.0], [1e-12, 1e-12]])
def test_a_constant_line_is_level_and_inside(y: list[float]) -> None:
    (path,) = lines(line_chart([Series("a", [0.0, 1.0], y)], **LABELS))
    (_, first), (_, second) = corners(path)
    assert first == second
    assert charts.TOP < first < charts.HEIGHT - charts.BOTTOM


def test_hovering_tells_the_values() -> None:
    tree = svg(
        line_chart([Series("a", [0.0, 10.0], [1.0, 2.0]), Series("b", [10.0], [12345.0])], **LABELS)
    )
    bands = [r for r in tree.iter("rect") if r.get("class") == "band"]
    assert [r.findtext("title") for r in bands] == ["round 0\na 1", "round 10\na 2\nb 12.35k"]
    widths = [float(r.get("width", "nan")) for r in bands]
    assert sum(widths) == pytest.approx(charts.WIDTH - charts.LEFT - charts.RIGHT, abs=0.02)


def test_long_lines_stay_light() -> None:
    x = [float(i) for i in range(200_000)]
    markup = line_chart([Series("a", x, [math.sin(v) for v in x])], **LABELS)
    assert len(markup) < 30_000


def test_bars_have_heights_in_proportion() -> None:
    tree = svg(bar_chart(["a", "b"], [1.0, 4.0], reference=2.0, **LABELS))
    bars = [r for r in tree.iter("rect") if r.get("class", "").startswith("filled")]
    first, second = (float(r.get("height", "nan")) for r in bars)
    assert second == pytest.approx(4 * first, abs=0.05)
    assert [r.findtext("title") for r in bars] == ["a: 1", "b: 4"]
    (level,) = (p for p in tree.iter("path") if p.get("class") == f"line c{INK}")
    at = float(re.findall(r"M\S+ ([\d.]+)", level.get("d", ""))[0])
    base = charts.HEIGHT - charts.BOTTOM
    assert base - at == pytest.approx(2 * first, abs=0.05)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bars_refuse_what_has_no_height(bad: float) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        bar_chart(["a"], [bad], **LABELS)


def test_hostile_names_are_text() -> None:
    evil = "</title></svg><script>alert('1')</script>&\""
    series = [Series(evil, [0.0, 1.0], [0.0, 1.0]), Series("b", [0.0], [1.0])]
    for markup in (
        line_chart(series, title=evil, x_label=evil, y_label=evil),
        bar_chart([evil], [1.0], title=evil, x_label=evil, y_label=evil),
    ):
        assert "<script" not in markup
        assert svg(markup).get("aria-label") == evil


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (0.123456, "0.1235"),
        (9999, "9999"),
        (12345, "12.35k"),
        (-2.5e6, "-2.5M"),
        (1e-9, "1e-09"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert number(value) == words
