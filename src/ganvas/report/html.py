"""Self-contained HTML pages: one skeleton, one stylesheet, every word escaped.

Nothing on a page is loaded from elsewhere: style and charts are inline, pictures are data URIs,
and there is no script, which a content security policy in the page itself also tells the browser.
Templates escape what they are given; only what `ganvas.report.svg` drew is put in as it is.
"""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ganvas.report.axes import number
from ganvas.report.svg import DARK, PALETTE

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def page(template: str, title: str, package: str = "ganvas.report", **values: object) -> str:
    """Return a page from one of the templates of a package.

    Args:
        template: extends ``skeleton.html``, and may use the macros of ``parts.html``.
        title: of the window.
        package: has the template in its folder ``templates``.
        values: what the template shows.
    """
    common = {"title": title, "policy": POLICY, "style": stylesheet()}
    return _environment(package).get_template(template).render(common | values)


def stylesheet() -> Markup:
    """Return the style of all pages, with the palette for light and for dark."""
    text = files("ganvas.report").joinpath("style.css").read_text("utf-8")
    light, dark = (
        " ".join(f"--c{i}: {colour};" for i, colour in enumerate(colours))
        for colours in (PALETTE, DARK)
    )
    lines = [
        f":root {{ {light} }}",
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}",
        *(f".c{i} {{ --c: var(--c{i}); }}" for i in range(len(PALETTE))),
    ]
    return Markup("\n".join([text.rstrip(), *lines, ""]))


def embedded(content: bytes, kind: str = "image/png") -> str:
    """Return a picture's file as the address that shows it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


@cache
def _environment(package: str) -> Environment:
    folders = [PackageLoader(name) for name in dict.fromkeys((package, "ganvas.report"))]
    made = Environment(
        loader=ChoiceLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["number"] = number
    return made
