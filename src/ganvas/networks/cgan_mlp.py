"""The conditional GAN's fully connected networks (Mirza & Osindero 2014).

Latent vector (or sample) and condition each pass through a layer of their own before they meet.
The defaults are the MNIST networks; the multimodal ones differ in numbers only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

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
from ganvas.nn import Dropout, MaxOut, dropouts, initialise, one_hot

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

CganInit = Literal["pylearn2", "default"]
"""Initial weights: uniform on a small interval, as in the original GAN code, or torch's own."""


class CganMLPGenerator(GeneratorSettings):
    """Settings of the generator: z → z_width and y → y_width, joined → widths → sample.

    Attributes:
        z_width: rectified units that see z.
        y_width: rectified units that see the condition.
        widths: rectified hidden layers after the two have met.
        output: last non-linearity.
        dropout: after every hidden layer, in training.
        dropout_awake: in samples, too. A generator that trains with dropout takes much of its
            variety from it: asleep, it may draw one thing for each condition.
        init: "pylearn2" is U(−0.05, 0.05), and an output bias that `CganMLPGeneratorNet.centre`
            sets.
    """

    kind: Literal["cgan_mlp"] = "cgan_mlp"
    z_width: PositiveInt = 200
    y_width: PositiveInt = 1000
    widths: tuple[PositiveInt, ...] = (1200,)
    output: Output = "sigmoid"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    dropout_awake: bool = False
    init: CganInit = "pylearn2"

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> CganMLPGeneratorNet:
        """Return the network for a kind of data, latents of a width, and conditions."""
        return CganMLPGeneratorNet(self, domain.shape, latent, conditions)


class CganMLPDiscriminator(DiscriminatorSettings):
    """Settings of the discriminator: x → x_width and y → y_width, joined → widths → score.

    Hidden layers are maxout units of so many ``pieces``; one piece means a rectified layer.

    Attributes:
        x_width, x_pieces: units that see the sample; images as pixels in [0, 1].
        y_width, y_pieces: units that see the condition.
        widths, pieces: hidden layers after the two have met.
        dropout: after every hidden layer, in training.
        input_dropout: on the sample.
        init: "pylearn2" is U(−0.005, 0.005).
    """

    kind: Literal["cgan_mlp"] = "cgan_mlp"
    x_width: PositiveInt = 240
    x_pieces: PositiveInt = 5
    y_width: PositiveInt = 50
    y_pieces: PositiveInt = 5
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (240,)
    pieces: PositiveInt = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    init: CganInit = "pylearn2"

    def build(self, domain: Domain, conditions: Conditions = NONE) -> CganMLPDiscriminatorNet:
        """Return the network for a kind of data and conditions."""
        return CganMLPDiscriminatorNet(self, domain.shape, bool(domain.grid), conditions)


class CganMLPGeneratorNet(Generator):
    """G(z|y)."""

    def __init__(
        self,
        config: CganMLPGenerator,
        shape: tuple[int, ...],
        latent: int,
        conditions: Conditions,
    ) -> None:
        super().__init__(latent, conditions, shape)
        classes = self.classes
        self.centred = config.init == "pylearn2"
        self.from_z = _unit(latent, config.z_width, 1, config.dropout)
        self.from_y = _unit(classes, config.y_width, 1, config.dropout) if classes else None
        joint = config.z_width + (config.y_width if classes else 0)
        self.joint = _units(joint, config.widths, 1, config.dropout)
        self.last = nn.Linear(config.widths[-1] if config.widths else joint, math.prod(shape))
        self.output = OutputUnit(config.output)
        for layer in dropouts(self):
            layer.awake = config.dropout_awake
        if config.init == "pylearn2":
            initialise(self, "uniform", 0.05 / math.sqrt(3))

    @torch.no_grad()
    def centre(self, mean: Tensor) -> None:
        """Set the output bias so that, with all else zero, samples are the mean item (*shape)."""
        self.last.bias.copy_(self.output.inverse(mean.flatten()))

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return samples (N, *shape) for z (N, latent) and conditions (N,) or (N, K)."""
        h = self.from_z(z)
        if self.from_y is not None:
            condition = one_hot(self.flat(y), self.classes, z.dtype)
            h = torch.cat([h, self.from_y(condition)], dim=1)
        return self.output(self.last(self.joint(h))).unflatten(1, self.shape)


class CganMLPDiscriminatorNet(Discriminator):
    """D(x|y)."""

    def __init__(
        self,
        config: CganMLPDiscriminator,
        shape: tuple[int, ...],
        pixels: bool,
        conditions: Conditions,
    ) -> None:
        super().__init__(conditions, "concat")
        classes = self.classes
        self.pixels = pixels
        self.input_dropout = Dropout(config.input_dropout)
        self.from_x = _unit(math.prod(shape), config.x_width, config.x_pieces, config.dropout)
        self.from_y = None
        if classes:
            self.from_y = _unit(classes, config.y_width, config.y_pieces, config.dropout)
        joint = config.x_width + (config.y_width if classes else 0)
        self.joint = _units(joint, config.widths, config.pieces, config.dropout)
        self.head = Head(config.widths[-1])
        if config.init == "pylearn2":
            initialise(self, "uniform", 0.005 / math.sqrt(3))

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, widths[-1])."""
        x = x.flatten(1)
        h = self.from_x(self.input_dropout((x + 1) / 2 if self.pixels else x))
        if self.from_y is not None:
            condition = one_hot(self.flat(y), self.classes, x.dtype)
            h = torch.cat([h, self.from_y(condition)], dim=1)
        return self.joint(h)


def _unit(inputs: int, width: int, pieces: int, dropout: float) -> nn.Sequential:
    """Return one hidden layer: maxout, or rectified if there is a single piece."""
    if pieces > 1:
        return nn.Sequential(MaxOut(inputs, width, pieces), Dropout(dropout))
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), Dropout(dropout))


def _units(inputs: int, widths: tuple[int, ...], pieces: int, dropout: float) -> nn.Sequential:
    pairs = zip((inputs, *widths), widths, strict=False)
    return nn.Sequential(*(_unit(a, b, pieces, dropout) for a, b in pairs))


PRESETS: Presets = {
    # cGAN system A (28×28, latent 100, 10 classes): 2,413,984 and 1,224,351.
    "cgan": (CganMLPGenerator(dropout_awake=True), CganMLPDiscriminator()),
    # cGAN system B (word vectors of 200, latent 100, condition 4096): 8,744,700 and 10,120,901.
    "cganB": (
        CganMLPGenerator(z_width=500, y_width=2000, widths=(), output="none"),
        CganMLPDiscriminator(
            x_width=500, x_pieces=1, y_width=1200, y_pieces=1, widths=(1000,), pieces=3
        ),
    ),
}
"""Networks of this family that papers and benchmarks use, by name."""
