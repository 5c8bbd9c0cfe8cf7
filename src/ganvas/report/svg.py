"""SVG as text: elements whose words are escaped, colours, and pictures inside the file.

Every colour is written twice: as an attribute, which any viewer of a file knows, and as a class
``c0`` … ``c9``, by which the stylesheet of a page gives it for light and for dark.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PALETTE = (
    *("#2a62b8", "#c8541b", "#1f8a70", "#9b3fa0", "#b8860b", "#2997b8", "#c2386b", "#6b7a12"),
    *("#1d2125", "#9aa4ac"),
)
"""Colours on light paper: eight for what is told apart, black and grey."""
DARK = (
    *("#7aa7f0", "#f0935f", "#5cc7ab", "#d48ad8", "#e0b64a", "#6cc7e3", "#ee86ab", "#b5c352"),
    *("#e6e8ea", "#667078"),
)
"""The same on dark paper."""
COLOURS = 8
INK, FAINT = 8, 9
"""Places in the palette of black and grey."""

STYLE = (
    "svg{font:11px system-ui,'Segoe UI',Roboto,Helvetica,Arial,'DejaVu Sans',sans-serif}"
    "text{fill:#4c555c}.title,.head{fill:#1d2125;font-size:13px;font-weight:600}"
    ".head{font-size:15px}.middle{text-anchor:middle}.end{text-anchor:end}.ink{fill:#1d2125}"
    ".grid{stroke:#e2e5e7;stroke-width:.7}.axis{stroke:#667078;stroke-width:.9}"
    "path{stroke-linejoin:round;stroke-linecap:round}"
)
"""What a standalone picture brings along."""

Pixels = NDArray[np.uint8]
Place = tuple[float, float]


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """Return an element around ``content``, which is SVG already.

    Attributes without a value are left out; ``class_`` is class, ``stroke_width`` stroke-width.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_written(value)}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def text(x: float, y: float, words: str, kind: str = "", **attributes: object) -> str:
    """Return words at a place, or nothing if there are none."""
    return element("text", escape(words), class_=kind, x=x, y=y, **attributes) if words else ""


def told(words: str) -> str:
    """Return what hovering over the element around it shows."""
    return element("title", escape(words))


def path(data: str, colour: int, **attributes: object) -> str:
    """Return a curve in a colour of the palette."""
    look = {"class_": f"line c{colour}", "stroke": PALETTE[colour], "fill": "none"}
    return element("path", d=data, **look, **attributes)


def filled(name: str, content: str, colour: int, **attributes: object) -> str:
    """Return an element filled with a colour of the palette."""
    look = {"class_": f"filled c{colour}", "fill": PALETTE[colour]}
    return element(name, content, **look, **attributes)


def curve(places: Iterable[Place | None]) -> str:
    """Return path data through places; None lifts the pen, and a lone place becomes a dot."""
    drawn, alone, pen = list[str](), False, "M"
    for place in (*places, None):
        if place is None:
            drawn += ["h0.01"] if alone else []  # a subpath of no length would not show
            alone, pen = False, "M"
        else:
            drawn.append(f"{pen}{place[0]:.2f} {place[1]:.2f}")
            alone, pen = pen == "M", "L"
    return "".join(drawn)


def image(pixels: Pixels, x: float, y: float, width: float, height: float, **given: object) -> str:
    """Return uint8 pixels (H, W) or (H, W, 3) as a picture whose bytes are inside the file."""
    place = {"x": x, "y": y, "width": width, "height": height}
    return element("image", href=f"data:image/png;base64,{png(pixels)}", **place, **given)


def moved(content: str, x: float, y: float, turn: int = 0) -> str:
    """Return elements with their origin at a place, turned about it by so many degrees."""
    turned = f" rotate({turn})" if turn else ""
    return element("g", content, transform=f"translate({x:g} {y:g}){turned}")


def clipped(content: str, box: tuple[float, float, float, float], name: str) -> str:
    """Return elements of which nothing shows outside of a box (x, y, width, height)."""
    x, y, width, height = box
    frame = element("rect", x=x, y=y, width=width, height=height)
    return element("clipPath", frame, id=name) + element("g", content, clip_path=f"url(#{name})")


def document(width: float, height: float, title: str, parts: Sequence[str], head: float) -> str:
    """Return a standalone picture with its paper, style and title, ``head`` from the left."""
    size = {"width": f"{width:.0f}", "height": f"{height:.0f}"}
    return element(
        "svg",
        element("style", STYLE)
        + element("rect", **size, rx="8", fill="#fdfdfc")
        + text(head, 21, title, "head")
        + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        **size,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=title,
    )


def png(pixels: Pixels) -> str:
    """Return uint8 pixels (H, W) or (H, W, 3) as base64 text of a PNG file."""
    held = io.BytesIO()
    shown = Image.fromarray(pixels)
    # Few colours are enough for maps and digits, and the files stay small.
    (shown.quantize(64) if pixels.ndim == 3 else shown).save(held, "PNG", optimize=True)
    return base64.b64encode(held.getvalue()).decode()


def _written(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))
