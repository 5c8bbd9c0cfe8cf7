"""Style mixing: styles of some layers are those of another code (Karras et al. 2019, 2020)."""

from __future__ import annotations

import re
from typing import Final

from torch import Tensor

from ganvas.errors import UsageError, did_you_mean

OF_18: Final = {"coarse": (0, 4), "middle": (4, 8), "fine": (8, 18)}
"""Slots by name, of the 18 of images of 1024 pixels; of fewer slots the same shares."""
RANGE: Final = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")


def slots_of(words: str, count: int) -> list[int]:
    """Return slots from words such as ``coarse``, ``0-3`` or ``0,1,6``.

    Args:
        words: as above.
        count: of the slots that there are.

    Raises:
        UsageError: there are no such slots.
    """
    if words in OF_18:
        first, end = (round(count * slot / 18) for slot in OF_18[words])
        return [*range(first, end)]
    found = set[int]()
    for word in words.split(","):
        match = RANGE.fullmatch(word.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or not first <= last < count:
            raise UsageError(
                f"--slots {words}: expected {', '.join(OF_18)}, or slots among 0 to {count - 1}, "
                f"such as 0-3.{did_you_mean(words, OF_18)}"
            )
        found |= {*range(first, last + 1)}
    return sorted(found)


def mixed(codes: Tensor, sources: Tensor, slots: list[int]) -> Tensor:
    """Return codes (N, L, D) with some slots of sources (M, L, D), each with each: (N, M, L, D)."""
    found = codes[:, None].repeat(1, len(sources), 1, 1)
    found[:, :, slots] = sources[None, :, slots].to(found)
    return found
