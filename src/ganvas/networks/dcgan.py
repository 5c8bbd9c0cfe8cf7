"""Convolutional networks in the manner of DCGAN, for images of any height, width and channels.

A ladder of sizes leads from the image (level 0) down by halvings, rounded up, to level S. The
discriminator climbs down with strided convolutions, the generator up with transposed ones; where
a doubling overshoots an odd size it is cropped. Sources: Radford et al. 2016 and both published
codes ("torch", kernel 4; "newmu", kernel 5); Arjovsky et al. 2017; Gulrajani et al. 2017;
Miyato et al. 2018 (standard CNN).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

import torch
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.networks.base import (
    Discriminator,
    DiscriminatorSettings,
    Generator,
    GeneratorSettings,
    Head,
    LabelUse,
    Output,
    OutputUnit,
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given, repeated
from ganvas.networks.convolutional import (
    Block,
    Down,
    Halving,
    Norm,
    Size,
    Up,
    image_shape,
    ladder,
    norm,
    normalise,
    overlapped,
)
from ganvas.networks.encoded import Encoder
from ganvas.networks.upsampling import Upsampling, deconvolution
from ganvas.nn import Activation, Init, activation, fan, initialise, lipschitz, sn

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class _Ladder(Settings):
    """What generator and discriminator have in common.

    Attributes:
        width: channels of the finest hidden level: level 1, or 0 with ``full_resolution``.
        growth: whether each coarser level has twice the channels or as many.
        max_width: limit of the doubling.
        stages: number S of halvings; None: until the smaller side is at most 7.
        kernel: of the resizing convolutions.
        extra: further 3×3 layers at every hidden level below the full resolution.
        full_resolution: put a 3×3 layer with ``width`` channels next to the image.
        full_extra: further 3×3 layers at the full resolution, if there is that one.
        alternating: resizing layers keep the channels, and one 3×3 layer between any two of them
            changes them; it takes the place of all further ones.
        norm: normalisation of inner layers.
        bias: whether convolutions and linear layers have one; None: unless there are norms.
        activation, slope: non-linearity of hidden layers.
        init, init_scale: initialisation (`ganvas.nn.initialise`).
    """

    kind: Literal["dcgan"] = "dcgan"
    width: PositiveInt = 64
    growth: Literal["double", "constant"] = "double"
    max_width: PositiveInt = 1024
    stages: PositiveInt | None = None
    kernel: Annotated[int, Field(ge=2)] = 4
    extra: NonNegativeInt = 0
    full_resolution: bool = False
    full_extra: NonNegativeInt = 0
    alternating: bool = False
    norm: Norm = "batch"
    bias: bool | None = None
    activation: Activation = "relu"
    slope: float = 0.2
    init: Init = "dcgan"
    init_scale: float | None = None

    @model_validator(mode="after")
    def _alternates_from_the_image_on(self) -> Self:
        if self.alternating and (self.extra or self.full_extra or not self.full_resolution):
            raise ValueError(
                "alternating: true needs full_resolution: true, extra: 0 and full_extra: 0"
            )
        return self

    @property
    def biased(self) -> bool:
        """Whether convolutions and linear layers have a bias."""
        return self.norm == "none" if self.bias is None else self.bias

    def sizes(self, size: Size) -> list[Size]:
        """Return the sizes of levels 0 to S."""
        stages = self.stages
        if stages is None:
            stages = next(s for s in range(1, 32) if min(ladder(size, s)[-1]) <= 7)
        return ladder(size, stages)

    def channels(self, level: int) -> int:
        """Return the channels of a hidden level."""
        if self.growth == "constant":
            return self.width
        return min(self.width * 2 ** (level - (not self.full_resolution)), self.max_width)

    def resized(self, given: int, level: int) -> int:
        """Return the channels in which a resizing layer gives what comes to a level."""
        return given if self.alternating else self.channels(level)

    def plain(self, level: int, last: int, towards: int) -> list[int]:
        """Return the channels of the 3×3 layers at a hidden level, in order.

        Args:
            level: which one.
            last: the coarsest.
            towards: the level whose channels come next.
        """
        if self.alternating:
            return [self.channels(towards)] if 0 < level < last else []
        return [self.channels(level)] * (self.extra if level else self.full_extra)

    def block(
        self, conv: nn.Module, channels: int, norm_name: Norm, conditions: Conditions = NONE
    ) -> Block:
        """Return a block around a convolution to ``channels · fan`` maps."""
        normed = norm(norm_name, channels * fan(self.activation), conditions)
        return Block(conv, normed, activation(self.activation, self.slope))

    def same(self, inputs: int, outputs: int) -> nn.Conv2d:
        """Return a 3×3 convolution that keeps the size."""
        return nn.Conv2d(inputs, outputs, 3, 1, 1, bias=self.biased)


class DCGANGenerator(_Ladder, Upsampling, GeneratorSettings):
    """Settings of the generator.

    Attributes:
        projection_norm: batch norm of the projected z by "channel", or by "unit" before it is
            reshaped (the "newmu" code).
        labels: labels join z as one-hot weights, or choose the gains of the batch norms. Conditions
            that lie in space stand beside the maps of every level.
        maps: such conditions are resized to each level; or they are "encoded" on the way down to
            it, by layers like a discriminator's, and what is seen at the end joins z, so that each
            place may depend on all of them (`Encoder`).
        keep: what a condition shows of the picture itself, such as the pixels around a hole, stands
            in samples as it is.
        places: two more maps beside those of every level say how far across and down a place is
            (Liu et al. 2018): what is drawn at any place need not be told so by maps of each.
        output: last non-linearity.
    """

    projection_norm: Literal["channel", "unit"] = "channel"
    labels: Literal["concat", "norm"] = "concat"
    maps: Literal["resized", "encoded"] = "resized"
    keep: bool = False
    places: bool = False
    output: Output = "tanh"

    @model_validator(mode="after")
    def _norms_fit(self) -> Self:
        if self.labels == "norm" and self.norm != "batch":
            raise ValueError(f"labels: norm needs norm: batch, not {self.norm}")
        if self.projection_norm == "unit" and self.norm == "layer":
            raise ValueError("projection_norm: unit needs norm: batch")
        return self

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> DCGANGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images.
        """
        return DCGANGeneratorNet(self, image_shape(domain, "dcgan"), latent, conditions)


class DCGANCritic(_Ladder):
    """Settings of layers that look at images: of discriminators, and of what is built like them.

    Attributes:
        norm_first: whether the layer next to the image is normalised, too.
        first_layer: how the first convolution that halves does so; all others by their stride.
        labels: how labels enter, if there are any; "concat" as constant maps beside the image.
        head_bias: whether the score has a bias, if other layers have one; losses of differences
            of scores do not see it.
        spectral: spectral normalisation of all layers.
    """

    activation: Activation = "leaky_relu"
    norm_first: bool = False
    first_layer: Halving = "stride"
    labels: LabelUse = "concat"
    head_bias: bool = True
    spectral: bool = False


class DCGANDiscriminator(DCGANCritic, DiscriminatorSettings):
    """Settings of the discriminator, or critic."""

    def build(self, domain: Domain, conditions: Conditions = NONE) -> DCGANDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are not images.
        """
        return DCGANDiscriminatorNet(self, image_shape(domain, "dcgan"), conditions)


class DCGANGeneratorNet(Generator):
    """z [, labels] → linear → level S → … → level 1 (or 0) → image."""

    def __init__(
        self,
        config: DCGANGenerator,
        shape: tuple[int, int, int],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        self.joined = config.labels == "concat"
        vectors, planes = conditions.vectors, conditions.planes
        sizes = config.sizes(shape[1:])
        doubled = fan(config.activation)
        tables = NONE if self.joined else vectors
        top, channels = len(sizes) - 1, config.channels(len(sizes) - 1)
        self.keep = config.keep
        self.encoder = None
        seen, joined = [planes] * len(sizes), latent + self.joined * vectors.width
        if planes and config.maps == "encoded":
            self.encoder = Encoder(config, planes, sizes, latent)
            seen, joined = self.encoder.channels, joined + latent
        self.places = config.places
        if config.places:
            seen = [maps + 2 for maps in seen]
        self.start = (channels * doubled, *sizes[top])
        units = channels * doubled * sizes[top][0] * sizes[top][1]
        self.project = nn.Linear(joined, units, config.biased)
        self.by_unit = config.projection_norm == "unit"
        self.project_norm = norm(config.norm, units if self.by_unit else self.start[0], tables)
        self.act = activation(config.activation, config.slope)
        grow = config.growing(top, deconvolution)[::-1]  # to each level
        blocks: list[Block] = []
        self.levels: list[int] = []  # of what each block is given, and of the last layer
        for level in range(top, -1 if config.full_resolution else 0, -1):
            if level < top:
                width = config.resized(channels, level)
                to, maps = sizes[level], width * doubled
                given = channels + seen[level + 1]
                up = Up(given, maps, config.kernel, to, config.biased, grow[level])
                blocks.append(config.block(up, width, config.norm, tables))
                self.levels.append(level + 1)
                channels = width
            for width in config.plain(level, top, level - 1):
                same = config.same(channels + seen[level], width * doubled)
                blocks.append(config.block(same, width, config.norm, tables))
                self.levels.append(level)
                channels = width
        self.levels.append(int(not config.full_resolution))
        self.blocks = nn.ModuleList(blocks)
        self.last = (
            config.same(channels + seen[0], shape[0])
            if config.full_resolution
            else Up(channels + seen[1], shape[0], config.kernel, sizes[0], config.biased, grow[0])
        )
        self.output = OutputUnit(config.output)
        initialise(self, config.init, config.init_scale)

    @property
    def extends(self) -> bool:
        """Whether latents may lie in space: not where units of the projection have statistics.

        Nor where one vector tells all that a condition shows, nor where maps say how far across a
        place is.
        """
        return not self.by_unit and self.encoder is None and not self.places

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return images (N, C, H, W) for z (N, latent) and conditions, such as labels (N,).

        Of z (N, latent, a, b) they are larger, by 2^S for each latent more (`overlapped`).
        """
        label = self.vector(y)
        seen: list[Tensor] = []
        if self.encoder is not None:
            seen, vector = self.encoder(self.conditions.laid(y, self.encoder.size))
            z = torch.cat([z, vector], dim=1)
        first = self.projected(z, y) if self.by_unit else self.maps(z, y)
        x = normalise(self.project_norm, first, label)
        x = self.act(x.view(-1, *self.start) if self.by_unit else x)

        def told(x: Tensor, level: int) -> Tensor:
            x = torch.cat([x, seen[level]], dim=1) if seen else self.beside(x, y)
            return with_places(x) if self.places else x

        for block, level in zip(self.blocks, self.levels[:-1], strict=True):
            x = block(told(x, level), label)
        x = self.output(self.last(told(x, self.levels[-1])))
        return self.conditions.kept(x, y) if self.keep else x

    def projected(self, z: Tensor, y: Given) -> Tensor:
        """Return the units of latents (N, latent), with labels beside them if they are joined."""
        return self.project(self.with_vector(z, y) if self.joined else z)

    def maps(self, z: Tensor, y: Given) -> Tensor:
        """Return the first maps (N, C, …) of latents, which may lie in space."""
        if z.dim() == 2:
            return self.projected(z, y).view(-1, *self.start)
        extent = (z.shape[2], z.shape[3])
        each = repeated(y, extent[0] * extent[1])
        return overlapped(self.projected(z.movedim(1, -1).flatten(0, 2), each), self.start, extent)


def with_places(x: Tensor) -> Tensor:
    """Return maps (N, C, H, W) with two more: how far across and down, −1 to 1, each place is."""
    height, width = x.shape[2:]
    across = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype).expand(height, width)
    down = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None]
    places = torch.stack([across, down.expand(height, width)])
    return torch.cat([x, places.expand(len(x), -1, -1, -1)], dim=1)


class DCGANDiscriminatorNet(Discriminator):
    """Image [, label maps] → level 1 → … → level S → flatten → score."""

    def __init__(
        self, config: DCGANCritic, shape: tuple[int, int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        sizes = config.sizes(shape[1:])
        doubled = fan(config.activation)
        channels = shape[0] + self.label_maps
        first: Norm = config.norm if config.norm_first else "none"
        blocks: list[Block] = []
        if config.full_resolution:
            same = config.same(channels, config.width * doubled)
            blocks.append(config.block(same, config.width, first))
            channels = config.width
        for level in range(not config.full_resolution, len(sizes)):
            if level:
                width, size = config.resized(channels, level), sizes[level - 1]
                how: Halving = "stride" if level > 1 else config.first_layer
                down = Down(channels, width * doubled, config.kernel, size, config.biased, how)
                blocks.append(config.block(down, width, config.norm if blocks else first))
                channels = width
            for width in config.plain(level, len(sizes) - 1, level):
                same = config.same(channels, width * doubled)
                blocks.append(config.block(same, width, config.norm))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.width = channels * sizes[-1][0] * sizes[-1][1]
        self.head = Head(
            self.width, self.classes, self.labels, bias=config.biased and config.head_bias
        )
        initialise(self, config.init, config.init_scale)
        sn(self, config.spectral)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the last maps, flattened: (N, channels · height · width of level S)."""
        return self.blocks(self.with_label_maps(x, y)).flatten(1)

    def lipschitz(self) -> float:
        """Return the product of the layers' norms."""
        return lipschitz(self.blocks) * lipschitz(self.head)


PRESETS: Presets = {
    # dcgan.torch, what most papers call DCGAN (64×64×3, latent 100): 3,576,704 and 2,765,568.
    "dcgan": (DCGANGenerator(), DCGANDiscriminator()),
    # Newmu/dcgan_code (64×64×3, latent 100): 18,885,760 and 17,232,768.
    "newmu": (
        DCGANGenerator(width=128, kernel=5, projection_norm="unit"),
        DCGANDiscriminator(width=128, kernel=5),
    ),
    # Newmu's 32×32 ImageNet model (32×32×3, latent 256): 6,690,688 and 4,586,112.
    "newmu32": (
        DCGANGenerator(
            width=128,
            max_width=512,
            kernel=3,
            stages=3,
            full_resolution=True,
            alternating=True,
            projection_norm="unit",
        ),
        DCGANDiscriminator(
            width=128, max_width=512, kernel=3, stages=3, full_resolution=True, alternating=True
        ),
    ),
    # Newmu's SVHN model (32×32×3, latent 100): 1,446,976 and 1,033,664.
    "newmuSVHN": (
        DCGANGenerator(kernel=5, stages=3, projection_norm="unit"),
        DCGANDiscriminator(kernel=5, stages=3),
    ),
    # WGAN-GP's baseline (64×64×3, latent 128): 5,364,739 and 4,316,545.
    "dcganW": (
        DCGANGenerator(kernel=5, bias=True, init="uniform"),
        DCGANDiscriminator(kernel=5, bias=True, init="uniform", norm="layer", labels="auxiliary"),
    ),
    # WGAN's generator without batch norm, constant width (64×64×3, latent 128): 444,291.
    "constant": (
        DCGANGenerator(kernel=5, init="uniform", norm="none", growth="constant"),
        DCGANDiscriminator(kernel=5, bias=True, init="uniform", norm="layer", labels="auxiliary"),
    ),
    # WGAN-GP's MNIST networks (28×28, latent 128): sides 4, 7, 14, 28.
    "mnistW": (
        DCGANGenerator(kernel=5, stages=3, norm="none", init="wgan_gp", output="sigmoid"),
        DCGANDiscriminator(kernel=5, stages=3, norm="none", init="wgan_gp", labels="auxiliary"),
    ),
    # WGAN-GP's CIFAR-10 DCGAN (32×32×3, latent 128).
    "cifarW": (
        DCGANGenerator(width=128, kernel=5, bias=True, init="wgan_gp"),
        DCGANDiscriminator(width=128, kernel=5, norm="none", init="wgan_gp", labels="auxiliary"),
    ),
    # SN-GAN's standard CNN (32×32×3, latent 128).
    "sndcgan": (
        DCGANGenerator(full_resolution=True, bias=True, init="normal"),
        DCGANDiscriminator(
            full_resolution=True,
            extra=1,
            norm="none",
            slope=0.1,
            init="normal",
            labels="projection",
            spectral=True,
        ),
    ),
    # Stacked MNIST (28×28×3): PacGAN's copy of VEEGAN's (latent 100) …
    "smD": (
        DCGANGenerator(kernel=5, stages=4, bias=True, init="normal"),
        DCGANDiscriminator(kernel=5, stages=4, bias=True, init="normal"),
    ),
    # … and of Unrolled GAN's (latent 256), with D of half and a quarter of G's width.
    "smU2": (
        DCGANGenerator(width=8, kernel=3, stages=3, full_resolution=True, bias=True),
        DCGANDiscriminator(width=4, kernel=3, stages=3, norm_first=True, bias=True, slope=0.3),
    ),
    "smU4": (
        DCGANGenerator(width=8, kernel=3, stages=3, full_resolution=True, bias=True),
        DCGANDiscriminator(width=2, kernel=3, stages=3, norm_first=True, bias=True, slope=0.3),
    ),
}
"""Networks of this family that papers and benchmarks use, by name."""
