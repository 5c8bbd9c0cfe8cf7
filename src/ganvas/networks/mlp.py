"""Fully connected networks, for points and (flattened) images alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.errors import UsageError
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
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.nn import (
    Activation,
    BatchNorm,
    FourierFeatures,
    Init,
    MaxOut,
    activation,
    fan,
    initialise,
    lipschitz,
    sn,
)

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class MLPBody(Settings):
    """The hidden layers.

    Attributes:
        widths: one number per hidden layer.
        activation: their non-linearity; maxout layers have ``pieces`` affine maps a unit.
        slope: of leaky_relu.
        pieces: of maxout.
        batch_norm: normalise each hidden layer before its non-linearity.
        bias: whether hidden layers have one; the last layer always does.
        init: initialisation of all layers (`ganvas.nn.initialise`). With "he" the last layer,
            which no rectifier follows, is Glorot.
        init_scale: its standard deviation or gain; None for the rule's own.
    """

    kind: Literal["mlp"] = "mlp"
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (128, 128, 128)
    activation: Activation | Literal["maxout"] = "relu"
    slope: float = 0.2
    pieces: PositiveInt = 5
    batch_norm: bool = False
    bias: bool = True
    init: Init = "default"
    init_scale: float | None = None

    def layers(self, inputs: int) -> nn.Sequential:
        """Return the hidden layers, from (N, inputs) to (N, widths[-1])."""
        layers: list[nn.Module] = []
        for width in self.widths:
            if self.activation == "maxout":
                layers.append(MaxOut(inputs, width, self.pieces, self.bias))
                layers += [BatchNorm(width)] if self.batch_norm else []
            else:
                units = width * fan(self.activation)
                layers.append(nn.Linear(inputs, units, bias=self.bias))
                layers += [BatchNorm(units)] if self.batch_norm else []
                layers.append(activation(self.activation, self.slope))
            inputs = width
        return nn.Sequential(*layers)

    def initialise(self, hidden: nn.Module, last: nn.Module) -> None:
        """Initialise hidden layers and what follows them."""
        initialise(hidden, self.init, self.init_scale)
        initialise(last, "glorot" if self.init == "he" else self.init, self.init_scale)


class MLPGenerator(MLPBody, GeneratorSettings):
    """Settings of a fully connected generator; labels enter as one-hot weights beside z.

    Attributes:
        output: last non-linearity.
        output_scale: factor after it.
        output_noise: add noise of this standard deviation to every coordinate, in network units,
            and learn one for each (as Dieng et al. 2019, without their entropy). The last numbers
            of z are that noise; a few numbers of z alone cannot fill many dimensions.
    """

    output: Output = "none"
    output_scale: float = 1.0
    output_noise: PositiveFloat | None = None

    def build(self, domain: Domain, latent: int, conditions: Conditions = NONE) -> MLPGeneratorNet:
        """Return the network for a kind of data."""
        return MLPGeneratorNet(self, domain.shape, latent, conditions)


class MLPDiscriminator(MLPBody, DiscriminatorSettings):
    """Settings of a fully connected discriminator.

    Attributes:
        fourier: number of fixed random frequencies whose sines and cosines join the input.
        fourier_scale: their standard deviation, in radians per network unit.
        input_scale: factor on the input, for 1-Lipschitz networks on small data.
        labels: how labels enter, if there are any.
        head_bias: whether the score has a bias; losses of differences of scores do not see it.
        spectral: spectral normalisation of all layers.
    """

    activation: Activation | Literal["maxout"] = "leaky_relu"
    fourier: NonNegativeInt = 0
    fourier_scale: PositiveFloat = 1.0
    input_scale: float = 1.0
    labels: LabelUse = "concat"
    head_bias: bool = True
    spectral: bool = False

    def build(self, domain: Domain, conditions: Conditions = NONE) -> MLPDiscriminatorNet:
        """Return the network for a kind of data."""
        return MLPDiscriminatorNet(self, domain.shape, conditions)


class MLPGeneratorNet(Generator):
    """(N, latent) [, labels] → hidden layers → (N, *shape)."""

    def __init__(
        self, config: MLPGenerator, shape: tuple[int, ...], latent: int, conditions: Conditions
    ) -> None:
        super().__init__(latent, conditions, shape)
        outputs = math.prod(shape)
        self.noise = None
        self.inputs = latent
        if config.output_noise is not None:
            self.noise = nn.Parameter(torch.full((outputs,), config.output_noise))
            self.inputs = latent - outputs
            if self.inputs < 1:
                raise UsageError(
                    f"game.latent.dim={latent}: with output_noise, each of the {outputs:,} "
                    f"coordinates takes a number of z for itself, so z needs more than "
                    f"{outputs:,}. Try: game.latent.dim={outputs + 2}"
                )
        self.hidden = config.layers(self.inputs + self.classes)
        self.last = nn.Linear(config.widths[-1], outputs)
        self.output = OutputUnit(config.output, config.output_scale)
        config.initialise(self.hidden, self.last)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return samples (N, *shape) for latent vectors (N, latent)."""
        x = self.output(self.last(self.hidden(self.with_one_hot(z[:, : self.inputs], y))))
        if self.noise is not None:
            x = x + self.noise * z[:, self.inputs :]
        return x.unflatten(1, self.shape)


class MLPDiscriminatorNet(Discriminator):
    """(N, *shape) flattened, Fourier features and labels if any → hidden layers → score."""

    def __init__(
        self, config: MLPDiscriminator, shape: tuple[int, ...], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        inputs = math.prod(shape)
        self.input_scale = config.input_scale
        self.waves = None
        if config.fourier:
            self.waves = FourierFeatures(inputs, config.fourier, config.fourier_scale)
            inputs = self.waves.outputs
        told = self.classes if self.labels == "concat" else 0
        self.hidden = config.layers(inputs + told)
        self.head = Head(config.widths[-1], self.classes, self.labels, bias=config.head_bias)
        config.initialise(self.hidden, self.head)
        sn(self, config.spectral)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return (N, widths[-1])."""
        h = x.flatten(1) * self.input_scale
        if self.waves is not None:
            h = self.waves(h)
        return self.hidden(self.with_label_maps(h, y))

    def lipschitz(self) -> float:
        """Return the product of the layers' norms and the factor on the input."""
        if self.waves is not None:
            return math.inf
        return abs(self.input_scale) * lipschitz(self.hidden) * lipschitz(self.head)


def rectified(count: int, inputs: int, width: int, slope: float) -> nn.Sequential:
    """Return so many linear layers with leaky rectifiers, as large in variance as what comes in."""
    layers: list[nn.Module] = []
    for place in range(count):
        layers += [nn.Linear(width if place else inputs, width), nn.LeakyReLU(slope)]
    network = nn.Sequential(*layers)
    initialise(network, "he_normal")
    return network


PRESETS: Presets = {
    # Points. VEEGAN's notebook (latent 254 + 1), in which all layers start as TensorFlow's do …
    "toyV": (
        MLPGenerator(widths=(128, 128), init="glorot"),
        MLPDiscriminator(widths=(128,), activation="relu", init="glorot"),
    ),
    # … and the same layers as PyTorch's start.
    "toyV_torch": (
        MLPGenerator(widths=(128, 128)),
        MLPDiscriminator(widths=(128,), activation="relu"),
    ),
    # poolio/unrolled_gan (latent 256).
    "toyU": (
        MLPGenerator(widths=(128, 128), activation="tanh", init="orthogonal", init_scale=1.4),
        MLPDiscriminator(widths=(128, 128), activation="tanh", init="orthogonal", init_scale=1.4),
    ),
    # fjxmlzn/PacGAN (latent 2).
    "toyP": (
        MLPGenerator(widths=(400,) * 4, batch_norm=True, bias=False, init="normal"),
        MLPDiscriminator(widths=(200,) * 3, activation="maxout", pieces=5, init="normal"),
    ),
    # WGAN-GP, gan_toy (latent 2): 527,874 and 527,361. Its critics classify labels, if there are
    # any, and do not see them (AC-GAN).
    "toyW": (
        MLPGenerator(widths=(512,) * 3, init="he"),
        MLPDiscriminator(widths=(512,) * 3, activation="relu", init="he", labels="auxiliary"),
    ),
    # 8×8×3 stacks of digits (latent 64).
    "dig": (
        MLPGenerator(widths=(256, 256), output="tanh"),
        MLPDiscriminator(widths=(256, 256)),
    ),
    # Images. WGAN's MLPs (64×64×3, latent 100): 7,143,424 and 7,080,449.
    "mlpW": (
        MLPGenerator(widths=(512,) * 4, output="tanh"),
        MLPDiscriminator(widths=(512,) * 4, activation="relu"),
    ),
}
"""Networks of this family that papers and benchmarks use, by name."""
