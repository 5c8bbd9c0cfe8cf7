"""Levels of images: base · 2ᵏ pixels along each side."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, Any

from pydantic import Field, NonNegativeInt

from ganvas.config import Settings
from ganvas.errors import UsageError
from ganvas.networks.convolutional import Size


class Levels(Settings, ABC):
    """How often a network halves images, for any sides that are base · 2ᵏ.

    Attributes:
        base: halve the sides as long as the smaller one keeps so many pixels.
        doublings: number of levels after the first instead.
    """

    kind: Any
    base: Annotated[int, Field(ge=1)] = 4
    doublings: NonNegativeInt | None = None

    def sizes(self, size: Size) -> list[Size]:
        """Return (height, width) of all levels, coarsest first.

        Raises:
            UsageError: the sides cannot be halved, or not so often.
        """
        most = halvings_of(size, self.base)
        count = most if self.doublings is None else self.doublings
        if not most and self.doublings is None:
            good = [max(2 * self.base, round(side / 4) * 4) for side in size]
            told = str(good[0]) if good[0] == good[1] else f"{good[0]}x{good[1]}"
            raise UsageError(
                f"{self.kind} networks need sides that are {self.base} or more times a power of "
                f"two (28×28 is 7×7 · 4, 64×96 is 4×6 · 16), and {size[0]}×{size[1]} halves to no "
                f"such level: set data.size={told} data.resize=fit-crop"
            )
        if any(side % (1 << count) for side in size):
            raise UsageError(
                f"doublings={count} needs sides that are multiples of {1 << count}, not "
                f"{size[0]}×{size[1]}: these have at most {halvings_of(size, 1)}"
            )
        return [(size[0] >> level, size[1] >> level) for level in range(count, -1, -1)]


def halvings_of(size: Size, least: int) -> int:
    """Return how often both sides can be halved until the smaller one would fall below a number."""
    count = 0
    while not any(side % (2 << count) for side in size) and min(size) >> (count + 1) >= least:
        count += 1
    return count
