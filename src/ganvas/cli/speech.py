"""How the command line speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import typer

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
ON_NODE = ("LOCAL_RANK", "SLURM_LOCALID")


def speaks() -> bool:
    """Whether this process speaks for all that train together."""
    return _is_first(RANKS)


def say(text: str) -> None:
    """Print a result, on the first process only."""
    if speaks():
        typer.echo(text)


def complain(text: str) -> None:
    """Print an error: one line, or several with the later ones indented.

    Before processes that train together have met, the first one of each node speaks, since others
    cannot know; then the first of all. torchrun hears it from each, for its own report.
    """
    if speaks() or (_is_first(ON_NODE) and not _have_met()):
        typer.echo(f"error: {text}".replace("\n", "\n       "), err=True)
    if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        more = {"py_callstack": text, "timestamp": str(int(time.time()))}
        with suppress(OSError):
            Path(file).write_text(json.dumps({"message": {"message": text, "extraInfo": more}}))


def _is_first(names: Sequence[str]) -> bool:
    """Whether none of these variables says that another process is; what is no number says none."""
    told = (os.environ.get(name, "") for name in names)
    return not any(number.isdecimal() and int(number) for number in told)


def _have_met() -> bool:
    """Whether the processes of a run are joined; if not, torch may not be loaded yet."""
    module = sys.modules.get("torch.distributed")
    return module is not None and module.is_available() and module.is_initialized()


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Return rows as aligned columns; the last column may be of any width."""
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
