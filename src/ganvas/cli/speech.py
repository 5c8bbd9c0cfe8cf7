"""How the command line speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
from collections.abc import Sequence

import typer

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")


def speaks() -> bool:
    """Whether this process speaks for all that train together."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def say(text: str) -> None:
    """Print a result, on the first process only."""
    if speaks():
        typer.echo(text)


def complain(text: str) -> None:
    """Print an error: one line, or several with the later ones indented."""
    if speaks():
        typer.echo(f"error: {text}".replace("\n", "\n       "), err=True)


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Return rows as aligned columns; the last column may be of any width."""
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
