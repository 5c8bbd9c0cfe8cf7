"""What ``ganvas data`` says of columns of numbers, and what about them may spoil training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data.columns import Summary, counts_rows, summarise

UNEQUAL = 100
"""Columns whose spreads differ by this factor have scales of their own."""
FAR = 20
"""A number this many spreads of the middle half away from the median is far out."""
NORMAL = 1.349
"""Distance of the quartiles of a normal law, in its standard deviations."""
PICKED = 2**22
"""Numbers that quartiles are taken of, of rows at even distances, at most."""
NAMED = 5
"""How many columns a warning names."""


def report_columns(x: npt.NDArray[Any], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a line for each column of points (N, D), and warnings.

    Args:
        x: all finite; read a part at a time.
        names: of the columns; empty: they have none.
    """
    called = list(names) or [f"column {i}" for i in range(1, x.shape[1] + 1)]
    found = summarise(x)
    lines = [
        f"{name}: {low:.6g} to {high:.6g}, mean {mean:.6g}, spread {spread:.3g}"
        for name, low, high, mean, spread in zip(
            called, found.least, found.greatest, found.mean, found.spread, strict=True
        )
    ]
    warnings = [*_constant(called, found), *_unequal(called, found), *_far(called, x, found)]
    return lines, [*warnings, *_counting(called, x, found)]


def _constant(called: Sequence[str], found: Summary) -> list[str]:
    flat = [name for name, spread in zip(called, found.spread, strict=True) if spread == 0]
    if not flat:
        return []
    return [f"all rows have the same number in {some_of(flat)}: samples will have it, too"]


def _unequal(called: Sequence[str], found: Summary) -> list[str]:
    spread = np.where(found.spread > 0, found.spread, np.nan)
    if np.isnan(spread).all():
        return []
    wide, narrow = int(np.nanargmax(spread)), int(np.nanargmin(spread))
    if (ratio := float(spread[wide] / spread[narrow])) <= UNEQUAL:
        return []
    return [
        f"scales differ {ratio:,.0f}-fold ({called[wide]}: {spread[wide]:.3g}, {called[narrow]}: "
        f"{spread[narrow]:.3g}): leave data.standardise at columns, which gives each column its own"
    ]


def _far(called: Sequence[str], x: npt.NDArray[Any], found: Summary) -> list[str]:
    picked = np.asarray(x[:: -(-x.size // PICKED)], np.float64)
    low, middle, high = np.quantile(picked, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, (high - low) / NORMAL, found.spread)
    away = np.maximum(found.greatest - middle, middle - found.least)
    far = np.flatnonzero((spread > 0) & (away > FAR * spread)).tolist()
    if not far:
        return []
    worst = max(far, key=lambda i: float(away[i] / spread[i]))
    return [
        f"numbers far out in {some_of([called[i] for i in far])} ({called[worst]}: half of all "
        f"from {low[worst]:.4g} to {high[worst]:.4g}, but {found.least[worst]:.4g} to "
        f"{found.greatest[worst]:.4g} altogether): they set the scale; take logarithms, or correct "
        "what is wrong"
    ]


def _counting(called: Sequence[str], x: npt.NDArray[Any], found: Summary) -> list[str]:
    """Warn of columns that number the rows, which any generator can only spread evenly."""
    steps = found.greatest - found.least == len(x) - 1
    numbering = [
        called[i] for i in np.flatnonzero(steps).tolist() if len(x) > 2 and counts_rows(x, i)
    ]
    if not numbering:
        return []
    return [f"{some_of(numbering)} only counts the rows: leave it out if it measures nothing"]


def some_of(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
