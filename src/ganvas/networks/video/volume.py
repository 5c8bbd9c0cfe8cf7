"""A generator of clips by transposed 3-D convolutions: TGAN's "3D model", VGAN's one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from ganvas.networks.base import Generator, GeneratorSettings, Output, OutputUnit
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.upsampling import Upsampling, deconvolution_of_clips
from ganvas.networks.video.layers import VOLUME, Up3d, Volume, clip_shape, levels
from ganvas.nn import BatchNorm, Init, initialise

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class VolumeGenerator(Upsampling, GeneratorSettings):
    """Settings of a generator that doubles frames, height and width at each level.

    Attributes:
        width: channels of the finest hidden level; each coarser one has twice as many.
        max_width: limit of the doubling.
        stages: doublings; None: so many that the smaller side begins with 7 at most.
        output: last non-linearity.
        init, init_scale: initialisation (`ganvas.nn.initialise`).
    """

    kind: Literal["volume"] = "volume"
    whole: ClassVar[bool] = True
    width: PositiveInt = 64
    max_width: PositiveInt = 1024
    stages: PositiveInt | None = None
    output: Output = "tanh"
    init: Init = "uniform"
    init_scale: float | None = None

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> VolumeGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are no clips.
        """
        conditions.refuse_maps("volume")
        return VolumeGeneratorNet(self, clip_shape(domain, "volume"), latent, conditions)


class VolumeGeneratorNet(Generator):
    """z [, labels] → linear → level S → … → level 1 → clip; frames halve as long as there are."""

    def __init__(
        self,
        config: VolumeGenerator,
        shape: tuple[int, int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        channels, frames, *_ = shape
        volumes: list[Volume] = []
        for size in levels(shape[2:], config.stages):
            volumes.append((frames, *size))
            frames = -(-frames // 2)
        top = len(volumes) - 1

        def width(level: int) -> int:
            return min(config.width * 2 ** (level - 1), config.max_width)

        self.start = (width(top), *volumes[top])
        units = width(top) * volumes[top][0] * volumes[top][1] * volumes[top][2]
        self.project = nn.Linear(latent + self.classes, units)
        grow = config.growing(top, deconvolution_of_clips, VOLUME)[::-1]  # to each level
        layers: list[nn.Module] = []
        for level in range(top, 0, -1):
            layers += [BatchNorm(width(level)), nn.ReLU()]
            outputs = width(level - 1) if level > 1 else channels
            to = volumes[level - 1]
            layers.append(Up3d(width(level), outputs, to, True, grow[level - 1]))
        self.layers = nn.Sequential(*layers, OutputUnit(config.output))
        initialise(self, config.init, config.init_scale)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return clips (N, C, T, H, W) for z (N, latent) and labels (N,) or (N, K)."""
        return self.layers(self.project(self.with_one_hot(z, y)).unflatten(1, self.start))
