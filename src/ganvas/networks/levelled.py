"""Generators that are made of levels, each of twice the sides of the one before.

They have ``sizes`` (height, width) of all levels, coarsest first, and name their parts alike:
``first`` is the coarsest level's, ``blocks`` are those of each further one, ``to_image`` makes
images of the maps of each. What the coarsest level begins with (``constant``, ``opening``) and what
leads around blocks (``shortcuts``) has names of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from torch import nn

from ganvas.networks.convolutional import Size

COARSEST = ("constant", "opening", "first")
BESIDE = ("blocks", "shortcuts")
IMAGES = "to_image"


class Levelled(NamedTuple):
    """A generator of levels.

    Attributes:
        network: the generator.
        sizes: (height, width) of all levels, coarsest first.
        images: how many layers make images: one for each level, or one of the finest.
    """

    network: nn.Module
    sizes: Sequence[Size]
    images: int

    def level_of(self, name: str) -> int | None:
        """Return the level of a tensor, by its name in the state; None: of none, or of all."""
        parts = name.split(".")
        for part, after in zip(parts, [*parts[1:], ""], strict=True):
            if part in COARSEST:
                return 0
            if part in BESIDE:
                return int(after) + 1
            if part == IMAGES:
                return int(after) if self.images > 1 else len(self.sizes) - 1
        return None


def levelled(network: nn.Module) -> Levelled | None:
    """Return a network as one of levels, None if it is not."""
    sizes: Any = getattr(network, "sizes", None)
    inside = cast(Iterable[tuple[str, nn.Module]], network.named_modules())
    parts = {name.rpartition(".")[2]: part for name, part in inside}
    blocks, images = parts.get("blocks"), parts.get(IMAGES)
    if sizes is None or not isinstance(blocks, nn.ModuleList):
        return None
    if not isinstance(images, nn.ModuleList) or len(blocks) != len(sizes) - 1:
        return None
    return Levelled(network, cast("Sequence[Size]", sizes), len(images))
