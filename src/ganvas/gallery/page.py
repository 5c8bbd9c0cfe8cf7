"""The page of a gallery's folder: every figure there, with its sentence and its numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganvas.files import disk_errors, write_whole
from ganvas.gallery.catalogue import ITEMS

PAGE = "index.md"
HEAD = """# Gallery

How adversarial games behave, in figures with the numbers behind them: items G1 to G15 of a lecture
on GANs, a check of the theory, and the studies of critics of the WGAN and WGAN-GP papers.
`ganvas gallery` computes them and writes this page; `NAME.json` beside each figure holds its
numbers.
"""


def write_page(folder: Path) -> Path:
    """Write ``index.md`` about all items whose numbers lie in the folder; return its path.

    Raises:
        GanvasError: a file cannot be read or written.
    """
    parts = [HEAD]
    for item in ITEMS:
        held = folder / f"{item.name}.json"
        if held.is_file():
            with disk_errors(held):
                numbers = json.loads(held.read_text("utf-8"))
            parts.append(section(numbers, (folder / f"{item.name}.gif").is_file()))
    path = folder / PAGE
    write_whole(path, "\n".join(parts).encode())
    return path


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
