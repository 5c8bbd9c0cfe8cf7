"""The benchmark as one self-contained page: tables, panels of samples, coverage along training."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from importlib.resources import files

import numpy as np

from ganvas.bench.report import (
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
from ganvas.report.charts import COLOURS, Series, line_chart
from ganvas.report.page import POLICY

CUBE = 10
"""Stacked digits: edge of the cube of modes, drawn as ten planes of ten by ten."""


def page(found: Sequence[Line]) -> str:
    """Return the whole page as HTML text."""
    style = files("ganvas.report").joinpath("style.css").read_text("utf-8")
    sections = "\n".join(
        section(data, preset, group) for (data, preset), group in groups_of(found).items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Mode coverage · ganvas</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        "<header><h1>Mode coverage</h1><p>Every method with the same networks, batch and number of "
        "generator updates; the last iterate is measured. Published numbers come from other "
        "protocols.</p></header>\n"
        f"{sections or '<p>No finished runs of this tier.</p>'}\n</body>\n</html>\n"
    )


def section(data: str, preset: str, group: Sequence[Line]) -> str:
    """Return one data set's table, curves and panels."""
    measures = measures_of(group)
    head = "".join(f"<th>{escape(name)}</th>" for name in header(measures))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in table_row(line, measures)) + "</tr>"
        for line in group
    )
    notes = "".join(f"<li>{escape(text)}</li>" for text in orderings(group))
    return (
        f"<section><h2>{escape(data)}, networks {escape(preset)}</h2>"
        f"<p>{escape(protocol(group).replace('`', ''))}</p>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{f'<ul>{notes}</ul>' if notes else ''}"
        f'<div class="grid">{curves(group)}</div><div class="grid">{panels(data, group)}</div>'
        "</section>"
    )


def curves(group: Sequence[Line]) -> str:
    """Return modes against rounds, mean over seeds, a few methods a chart."""
    series = [
        Series(line.method, [float(rounds) for rounds in means], list(means.values()))
        for line in group
        if (means := curve(line))
    ]
    charts = [
        line_chart(
            series[start : start + COLOURS],
            title="Modes during training",
            x_label="round",
            y_label="modes",
        )
        for start in range(0, len(series), COLOURS)
    ]
    return "".join(f"<figure>{chart}</figure>" for chart in charts)


def panels(data: str, group: Sequence[Line]) -> str:
    """Return a picture of each method's first run, beside the law itself."""
    if data in STACKS:
        shown = [(line.method, cube(line.rows[0])) for line in group]
        return "".join(figure(name, picture) for name, picture in shown)
    truth = law(data)
    view = tuple(truth.box[:2].T.ravel().tolist()) if truth.box is not None else None
    points, _ = truth.reference(2500)
    shown = [("the law", scatter(points[:, :2], view))]
    for line in group:
        kept = next((row["points"] for row in line.rows if row.get("points")), None)
        if kept:
            shown.append((line.method, scatter(np.asarray(kept, np.float32), view)))
    return "".join(figure(name, picture) for name, picture in shown)


def scatter(points: np.ndarray, view: tuple[float, ...] | None) -> bytes:
    """Return a PNG of points in the plane of their first two coordinates."""
    window = (view[0], view[1], view[2], view[3]) if view is not None else None
    stream = io.BytesIO()
    draw.scatter(points, window).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def cube(row: Row) -> bytes:
    """Return a PNG of how often each of 1,000 modes was met: ten planes side by side."""
    counts = np.asarray(row["histogram"], np.float64).reshape(CUBE, CUBE, CUBE)
    fair = counts.sum() / counts.size or 1.0
    levels = (255 - 255 * np.clip(counts / (2 * fair), 0, 1)).astype(np.uint8)
    stream = io.BytesIO()
    draw.grid(levels[..., None]).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def figure(name: str, png: bytes) -> str:
    """Return a captioned picture as HTML, with its bytes inside."""
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{escape(name)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(name)}</figcaption></figure>"
    )
