"""The benchmark as one self-contained page: tables, panels of samples, coverage along training."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ganvas.bench.lines import (
    Line,
    curve,
    groups_of,
    header,
    measures_of,
    orderings,
    protocol,
    table_row,
)
from ganvas.bench.rows import Row
from ganvas.bench.tables import STACKS
from ganvas.data import draw
from ganvas.data.laws import law
from ganvas.report import html
from ganvas.report.charts import Series, line_chart
from ganvas.report.svg import COLOURS
from ganvas.slices import slices

CUBE = 10
"""Stacked digits: edge of the cube of modes, drawn as ten planes of ten by ten."""


@dataclass(frozen=True)
class Part:
    """What the page says of one data set, with one preset of networks."""

    data: str
    preset: str
    protocol: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    curves: Sequence[str]
    pictures: Sequence[tuple[str, str]]


def page(found: Sequence[Line]) -> str:
    """Return the whole page as HTML text."""
    parts = [part(data, preset, group) for (data, preset), group in groups_of(found).items()]
    return html.page("benchmark.html", "Mode coverage", "ganvas.bench", parts=parts)


def part(data: str, preset: str, group: Sequence[Line]) -> Part:
    """Return one data set's table, curves and pictures."""
    measures = measures_of(group)
    return Part(
        data,
        preset,
        protocol(group).replace("`", ""),
        header(measures),
        [table_row(line, measures) for line in group],
        orderings(group),
        curves(group),
        pictures(data, group),
    )


def curves(group: Sequence[Line]) -> list[str]:
    """Return modes against rounds, mean over seeds, a few methods a chart."""
    series = [
        Series(line.method, [float(rounds) for rounds in means], list(means.values()))
        for line in group
        if (means := curve(line))
    ]
    return [
        line_chart(series[some], title="Modes during training", x_label="round", y_label="modes")
        for some in slices(len(series), COLOURS)
    ]


def pictures(data: str, group: Sequence[Line]) -> list[tuple[str, str]]:
    """Return a picture of each method's first run, beside the law itself: caption and address."""
    if data in STACKS:
        return [(line.method, shown(cube(line.rows[0]))) for line in group]
    truth = law(data)
    view = None
    if truth.box is not None:
        left, bottom, right, top = truth.box[:2].T.ravel().tolist()
        view = (left, bottom, right, top)
    points, _ = truth.reference(2500)
    drawn = [("the law", draw.scatter(points[:, :2], view))]
    for line in group:
        kept = next((row["points"] for row in line.rows if row.get("points")), None)
        if kept:
            drawn.append((line.method, draw.scatter(np.asarray(kept, np.float32), view)))
    return [(name, shown(picture)) for name, picture in drawn]


def cube(row: Row) -> Image.Image:
    """Return how often each of 1,000 modes was met: ten planes side by side."""
    counts = np.asarray(row["histogram"], np.float64).reshape(CUBE, CUBE, CUBE)
    fair = counts.sum() / counts.size or 1.0
    levels = (255 - 255 * np.clip(counts / (2 * fair), 0, 1)).astype(np.uint8)
    return draw.grid(levels[..., None])


def shown(picture: Image.Image) -> str:
    """Return a picture as the address that shows it."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return html.embedded(stream.getvalue())
