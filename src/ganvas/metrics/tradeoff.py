"""Variety against fidelity: samples at several values of one option, such as a truncation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

EDGE = 2
"""Levels of 255 that count as an end."""
BEYOND = 0.1
"""A larger share of saturated numbers than real items have, by so much, is an artefact."""


@dataclass(frozen=True)
class Point:
    """Samples at one value of the option.

    Attributes:
        value: of the option; None: without it.
        frechet: Fréchet distance from real items.
        inception: Inception-type score; None without a classifier.
        agreement: share of samples that show what they were asked for; None without classes.
        within: variance within classes, in units of real items; None without classes.
        saturated: share of numbers at an end of their range, of images; None of other data.
    """

    value: float | None
    frechet: float
    inception: float | None = None
    agreement: float | None = None
    within: float | None = None
    saturated: float | None = None


def saturation(images: npt.NDArray[Any]) -> float:
    """Return the share of numbers of uint8 images that stand at an end of their range."""
    return float(((images <= EDGE) | (images >= 255 - EDGE)).mean())


def spoilt(points: Sequence[Point], real: float) -> list[Point]:
    """Return the points whose samples are saturated, as real items are not.

    Models that are not amenable to truncation give such images for latents that they were not
    trained with (Brock et al. 2019, section 3.1): 84 % of those that train without orthogonal
    regularisation, and 40 % of those with it.

    Args:
        points: of one model.
        real: the saturation of real items.
    """
    return [p for p in points if p.saturated is not None and p.saturated > real + BEYOND]


def operating_points(points: Sequence[Point], real: float | None) -> dict[str, Point]:
    """Return the points that papers report (Brock et al. 2019, table 2), by name.

    "untruncated"; "best distance", the least Fréchet distance of all, untruncated samples
    included; and of data with a classifier "score of real items", whose Inception-type score is
    nearest to theirs, and "highest score".

    Args:
        points: at least one.
        real: the Inception-type score of as many held-out items.
    """
    plain = next((point for point in points if point.value is None), None)
    found = {} if plain is None else {"untruncated": plain}
    found["best distance"] = min(points, key=lambda point: point.frechet)
    scored = [(point.inception, point) for point in points if point.inception is not None]
    if scored and real is not None:
        found["score of real items"] = min(scored, key=lambda one: abs(one[0] - real))[1]
        found["highest score"] = max(scored, key=lambda one: one[0])[1]
    return found
