"""Samples as commands are told of them: by seed, or by seed and number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ganvas.errors import UsageError

if TYPE_CHECKING:
    from ganvas.model.trained import Array

WORD = re.compile(r"(\d{1,18})(?:-(\d{1,18})|:(\d{1,6}))?")
MOST = 10_000
"""Samples that a range of seeds may name."""
OneLabel = Annotated[
    str | None,
    typer.Option(
        "--label",
        help="One class for all, by index or name; by default that of the first sample named.",
    ),
]


def places(words: str, option: str) -> list[tuple[int, int]]:
    """Return samples as (seed, number) from words such as ``3``, ``0-8`` or ``0:17``.

    A seed alone is its first sample, a range the first samples of all its seeds, and ``0:17``
    number 17 of seed 0, counted from 0 as `ganvas sample` draws them.

    Raises:
        UsageError: a word is none of these.
    """
    found: list[tuple[int, int]] = []
    for word in words.split(","):
        match = WORD.fullmatch(word.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or not first <= last < first + MOST:
            raise UsageError(
                f"{option} {words}: expected seeds, such as 0,1,2 or 0-8, or 0:17 for number 17 of "
                "seed 0; a seed has samples 0 to 999999"
            )
        found += [(seed, int(match[3] or 0)) for seed in range(first, last + 1)]
    return found


def slot_numbers(words: str) -> list[int]:
    """Return slots of styles from words such as ``2``, ``0-3`` or ``0,4-7``.

    Raises:
        UsageError: they are none.
    """
    return [seed for seed, _ in places(words, "--slots")]


def numbers(words: str, option: str) -> list[float]:
    """Return numbers from words such as ``-1,0,1``.

    Raises:
        UsageError: they are none.
    """
    try:
        found = [float(word) for word in words.split(",")]
    except ValueError:
        found = [float("nan")]
    if any(abs(number) > 1e6 or number != number for number in found):
        raise UsageError(f"{option} {words}: expected numbers, such as -1,-0.5,0,0.5,1")
    return found


def named(samples: Sequence[tuple[int, int]]) -> list[str]:
    """Return samples in the words that `places` reads."""
    return [f"{seed}:{number}" for seed, number in samples]


def rows(groups: Sequence[Sequence[Array | None]], columns: int) -> Array:
    """Return pictures row by row, uint8 (rows · columns, H, W, C).

    Args:
        groups: of each row, pictures (n, H, W, C) one after the other, and None for a white one.
        columns: of all rows; white pictures fill them up.
    """
    import numpy as np

    first = next(part for group in groups for part in group if part is not None)
    white = np.full_like(first[:1], 255)
    shown = [np.concatenate([white if p is None else p for p in group]) for group in groups]
    filled = [np.concatenate([x, white.repeat(columns - len(x), 0)]) for x in shown]
    return np.concatenate(filled)
