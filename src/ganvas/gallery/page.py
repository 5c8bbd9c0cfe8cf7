"""The pages of a gallery's folder: every figure there, with its sentence and its numbers.

``gallery.html`` is whole by itself, for reading; ``index.md`` is the same for the documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganvas.files import disk_errors, write_whole
from ganvas.gallery.catalogue import ITEMS
from ganvas.report import html

PAGE, TEXT = "gallery.html", "index.md"
KINDS = {"svg": "image/svg+xml", "gif": "image/gif"}
"""Kinds of pictures of an item, by the suffixes of their files."""
HEAD = """# Gallery

How adversarial games behave, in figures with the numbers behind them: items G1 to G15 of a lecture
on GANs, a check of the theory, and the studies of critics of the WGAN and WGAN-GP papers.
`ganvas gallery` computes them and writes this page; `NAME.json` beside each figure holds its
numbers.
"""


def write_page(folder: Path) -> Path:
    """Write both pages about all items whose numbers lie in the folder; return that for reading.

    Raises:
        GanvasError: a file cannot be read or written.
    """
    text, items = [HEAD], list[dict[str, Any]]()
    for item in ITEMS:
        held = folder / f"{item.name}.json"
        if held.is_file():
            with disk_errors(held):
                numbers = json.loads(held.read_text("utf-8"))
            text.append(section(numbers, (folder / f"{item.name}.gif").is_file()))
            items.append(shown(folder, numbers))
    write_whole(folder / TEXT, "\n".join(text).encode())
    path = folder / PAGE
    write_whole(path, html.page("gallery.html", "Gallery", "ganvas.gallery", items=items).encode())
    return path


def shown(folder: Path, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page for reading says of one item, from its JSON and its pictures."""
    files = {folder / f"{numbers['item']}.{suffix}": kind for suffix, kind in KINDS.items()}
    pictures = list[tuple[str, str]]()
    for path, kind in files.items():
        if path.is_file():
            with disk_errors(path):
                pictures.append((numbers["title"], html.embedded(path.read_bytes(), kind)))
    rows = [
        (row["quantity"], _number(row["value"]), _number(row["expected"]))
        for row in numbers["rows"]
    ]
    return {**numbers, "pictures": pictures, "rows": rows}


def section(numbers: Mapping[str, Any], moving: bool) -> str:
    """Return the part of the page about one item, from its JSON."""
    name, title = numbers["item"], numbers["title"]
    lines = [f"## {name}: {title}", "", f"![{title}]({name}.svg)", ""]
    if moving:
        lines += [f"![{name}, animated]({name}.gif)", ""]
    lines += [numbers["text"], "", "| quantity | value | expected |", "| --- | ---: | ---: |"]
    for row in numbers["rows"]:
        quantity = row["quantity"].replace("|", "\\|")
        lines.append(f"| {quantity} | {_number(row['value'])} | {_number(row['expected'])} |")
    return "\n".join(
        [*lines, "", f"Numbers: [{name}.json]({name}.json), seed {numbers['seed']}.", ""]
    )


def _number(value: float | str | None) -> str:
    """Write a number of a JSON file for people."""
    if value is None:
        return ""
    if isinstance(value, str):
        return {"inf": "∞", "-inf": "−∞"}.get(value, value)
    return f"{value:.6g}".replace("-", "−")
