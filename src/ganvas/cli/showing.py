"""``ganvas gallery``: figures of how adversarial games behave, with the numbers behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.cli.options import Seed
from ganvas.cli.speech import say, table
from ganvas.duration import duration
from ganvas.given import require_folder

if TYPE_CHECKING:
    from ganvas.gallery.exhibit import Row

SIGNIFICANT = 6


def gallery(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Items such as g3 or theory; all without.", show_default=False
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where figures and numbers go.")] = Path(
        "gallery"
    ),
    seed: Seed = 0,
    listed: Annotated[bool, typer.Option("--list", help="Say which items there are.")] = False,
) -> None:
    """Draw the figures of the gallery, with the numbers behind them.

    Writes NAME.svg, NAME.json and, where it moves, NAME.gif, and a page about all.

    Example: ganvas gallery theory g3 --out gallery
    """
    from ganvas.gallery import catalogue

    items = catalogue.find(names or ())
    if listed:
        say(table([(item.name, item.title) for item in items]))
        return
    require_folder(out)
    from ganvas.gallery.exhibit import render
    from ganvas.gallery.page import write_page

    for item in items:
        done = render(item, out, seed)
        files = ", ".join(str(path) for path in done.files)
        say(f"{item.name}: {item.title} ({duration(done.seconds)}): {files}")
        if names:
            say(numbers(done.exhibit.rows) + "\n")
    say(f"the page about them: {write_page(out)}")


def numbers(rows: Sequence[Row]) -> str:
    """Return the rows of an exhibit as a table: quantity, value, what is expected, error."""
    lines = [
        (row.quantity, _number(row.value), _number(row.expected), _number(row.error, 2))
        for row in rows
    ]
    return table(lines, ("quantity", "value", "expected", "error"))


def _number(value: float | None, digits: int = SIGNIFICANT) -> str:
    if value is None:
        return ""
    return f"{value:.{digits}g}" if math.isfinite(value) else str(value)
