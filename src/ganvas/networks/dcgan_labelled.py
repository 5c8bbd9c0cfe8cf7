"""DCGAN networks of which every layer sees the labels (Radford et al. 2016, conditional MNIST).

Labels stand beside the input of every layer: as one-hot weights of linear ones, as constant maps of
convolutions. A ladder of sizes leads from the image (level 0) down by halvings to level S, as in
`ganvas.networks.dcgan`, with one fully connected layer beyond. Batch norms have no gain and no
offset. Source: Newmu/dcgan_code, ``mnist``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    Output,
    OutputUnit,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.networks.convolutional import Down, Size, Up, image_shape, ladder
from ganvas.networks.upsampling import Upsampling, deconvolution
from ganvas.nn import BatchNorm, Init, initialise, one_hot

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class _Labelled(Settings):
    """What generator and discriminator have in common.

    Attributes:
        width: channels of level 1; each coarser level has twice as many.
        stages: number S of halvings.
        kernel: of the convolutions.
        hidden: units of the fully connected layer.
        slope: of the discriminator's leaky rectifiers.
        init, init_scale: initialisation (`ganvas.nn.initialise`).
    """

    kind: Literal["dcgan_labelled"] = "dcgan_labelled"
    width: PositiveInt = 64
    stages: PositiveInt = 2
    kernel: Annotated[int, Field(ge=2)] = 5
    hidden: PositiveInt = 1024
    slope: float = 0.2
    init: Init = "dcgan"
    init_scale: float | None = None

    def channels(self, level: int) -> int:
        """Return the channels of level 1 or beyond."""
        return self.width << (level - 1)

    def sizes(self, size: Size) -> list[Size]:
        """Return the sizes of levels 0 to S."""
        return ladder(size, self.stages)


class LabelledGenerator(_Labelled, Upsampling, GeneratorSettings):
    """Settings of the generator.

    Attributes:
        output: last non-linearity.
    """

    output: Output = "sigmoid"

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> LabelledGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images, or a condition lies in space.
        """
        shape = image_shape(domain, "dcgan_labelled")
        conditions.refuse_maps("dcgan_labelled")
        return LabelledGeneratorNet(self, shape, latent, conditions)


class LabelledDiscriminator(_Labelled, DiscriminatorSettings):
    """Settings of the discriminator."""

    def build(self, domain: Domain, conditions: Conditions = NONE) -> LabelledDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images, or a condition lies in space.
        """
        shape = image_shape(domain, "dcgan_labelled")
        conditions.refuse_maps("dcgan_labelled")
        return LabelledDiscriminatorNet(self, shape, conditions)


class Beside(nn.Module):
    """A layer that sees labels beside its input, then batch norm if any, and a rectifier."""

    def __init__(self, layer: nn.Module, norm: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.layer, self.norm, self.act = layer, norm, act

    def forward(self, x: Tensor, weights: Tensor | None) -> Tensor:
        """Return the layer's answer to (N, C, …) and one-hot weights (N, K)."""
        return self.act(self.norm(self.layer(beside(x, weights))))


def beside(x: Tensor, weights: Tensor | None) -> Tensor:
    """Return (N, C, …) followed by K maps, constant over space, with the weights (N, K)."""
    if weights is None:
        return x
    maps = weights.to(x).view(*weights.shape, *[1] * (x.dim() - 2))
    return torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], dim=1)


def _normed(channels: int) -> BatchNorm:
    return BatchNorm(channels, affine=False)


class LabelledGeneratorNet(Generator):
    """[z, y] → hidden → [+ y] level S → … → [+ y] image."""

    def __init__(
        self,
        config: LabelledGenerator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        classes = self.classes
        sizes = config.sizes(shape[1:])
        top = config.channels(config.stages)
        self.start = (top, *sizes[-1])
        units = top * sizes[-1][0] * sizes[-1][1]
        linear = nn.Linear(latent + classes, config.hidden, bias=False)
        self.hidden = Beside(linear, _normed(config.hidden), nn.ReLU())
        linear = nn.Linear(config.hidden + classes, units, bias=False)
        self.project = Beside(linear, _normed(units), nn.ReLU())
        grow = config.growing(config.stages, deconvolution)[::-1]  # to each level
        blocks: list[nn.Module] = []
        for level in range(config.stages - 1, 0, -1):
            wide, width = config.channels(level + 1), config.channels(level)
            up = Up(wide + classes, width, config.kernel, sizes[level], False, grow[level])
            blocks.append(Beside(up, _normed(width), nn.ReLU()))
        self.blocks = nn.ModuleList(blocks)
        seen = config.width + classes
        self.last = Up(seen, shape[0], config.kernel, sizes[0], False, grow[0])
        self.output = OutputUnit(config.output)
        initialise(self, config.init, config.init_scale)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, H, W) for z (N, latent) and labels (N,) or (N, K)."""
        weights = one_hot(self.flat(y), self.classes, z.dtype) if self.classes else None
        x = self.project(self.hidden(z, weights), weights).view(-1, *self.start)
        for block in self.blocks:
            x = block(x, weights)
        return self.output(self.last(beside(x, weights)))


class LabelledDiscriminatorNet(Discriminator):
    """[image, y] → level 1 → [+ y] … → level S → [+ y] hidden → [+ y] score."""

    def __init__(
        self, config: LabelledDiscriminator, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, "concat")
        classes = self.classes
        sizes = config.sizes(shape[1:])
        channels, blocks = shape[0], list[nn.Module]()
        for level in range(1, config.stages + 1):
            width = config.channels(level)
            size = sizes[level - 1]
            down = Down(channels + classes, width, config.kernel, size, False)
            normed = _normed(width) if blocks else nn.Identity()
            blocks.append(Beside(down, normed, nn.LeakyReLU(config.slope)))
            channels = width
        self.blocks = nn.ModuleList(blocks)
        units = channels * sizes[-1][0] * sizes[-1][1]
        linear = nn.Linear(units + classes, config.hidden, bias=False)
        self.hidden = Beside(linear, _normed(config.hidden), nn.LeakyReLU(config.slope))
        self.head = Head(config.hidden + classes, bias=False)
        initialise(self, config.init, config.init_scale)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, hidden + K): the fully connected layer and the labels beside it."""
        weights = one_hot(self.flat(y), self.classes, x.dtype) if self.classes else None
        for block in self.blocks:
            x = block(x, weights)
        return beside(self.hidden(x.flatten(1), weights), weights)


PRESETS: Presets = {
    # Newmu's conditional MNIST model (28×28, latent 100, 10 classes): 6,820,538 and 6,688,202.
    # Its images lie in [0, 1]: game.pixels=unit.
    "newmuMNIST": (LabelledGenerator(), LabelledDiscriminator()),
}
"""Networks of this family that papers and benchmarks use, by name."""
