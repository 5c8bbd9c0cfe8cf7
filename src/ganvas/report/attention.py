"""A figure of what the maps of networks look for: pictures, and guided gradients below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.report.figures import Panel, figure
from ganvas.report.pairs import strip

Array = npt.NDArray[Any]


def attention_figure(title: str, found: Mapping[str, Sequence[Array]]) -> str:
    """Return one row of panels for each map, one column for each network.

    Args:
        title: of the figure.
        found: by network, for each map uint8 pairs (n, 2, H, W, C): picture and gradient.
    """
    panels: list[Panel] = []
    for number, pairs in enumerate(zip(*found.values(), strict=True), 1):
        panels += [
            strip(f"map {number}, {name}", pair) for name, pair in zip(found, pairs, strict=True)
        ]
    return figure(title, panels, columns=2 * len(found))


def shaded(gradients: Array) -> Array:
    """Return gradients (n, H, W, C) as uint8: grey is 0, each item's largest one black or white."""
    largest = np.abs(gradients).max(axis=(1, 2, 3), keepdims=True)
    unit = gradients / np.where(largest > 0, largest, 1)
    return np.rint(127.5 + 127.5 * unit).astype(np.uint8)
