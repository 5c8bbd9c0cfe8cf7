"""Conditions that lie in space, looked at on the way down by layers like a discriminator's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from ganvas.networks.convolutional import Block, Down, Size
from ganvas.nn import fan

if TYPE_CHECKING:
    from ganvas.networks.dcgan import DCGANGenerator


class Encoder(nn.Module):
    """Conditions that lie in space as maps of levels 0 to S, and a vector of all that is seen.

    Args:
        config: of the generator.
        planes: of the conditions.
        sizes: of the levels.
        units: numbers of the vector.

    Attributes:
        channels: of each level's maps; at level 0 they are the conditions.
    """

    def __init__(self, config: DCGANGenerator, planes: int, sizes: list[Size], units: int) -> None:
        super().__init__()
        self.size = sizes[0]
        self.channels = [planes]
        blocks: list[Block] = []
        for level in range(1, len(sizes)):
            given, width = self.channels[-1], config.channels(level)
            maps = width * fan(config.activation)
            down = Down(given, maps, config.kernel, sizes[level - 1], config.biased)
            blocks.append(config.block(down, width, config.norm))
            self.channels.append(width)
        self.blocks = nn.ModuleList(blocks)
        self.vector = nn.Linear(self.channels[-1] * sizes[-1][0] * sizes[-1][1], units)

    def forward(self, maps: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the maps of each level, finest first, and the vector (N, units)."""
        found = [maps]
        for block in self.blocks:
            found.append(block(found[-1]))
        return found, self.vector(found[-1].flatten(1))
