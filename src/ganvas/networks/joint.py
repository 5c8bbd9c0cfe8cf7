"""Networks of games that also go from data to latents: encoders, and judges of pairs (z, x).

Sources: VEEGAN's notebook and paper (Srivastava et al. 2017), ALI (Dumoulin et al. 2017) as re-run
by PacGAN's authors; convolutional parts are DCGAN's.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.networks.conditions import NONE
from ganvas.networks.convolutional import image_shape
from ganvas.networks.dcgan import DCGANCritic, DCGANDiscriminatorNet
from ganvas.networks.mlp import MLPBody
from ganvas.networks.named import by_name
from ganvas.nn import Dropout, Init, initialise

if TYPE_CHECKING:
    from ganvas.data.domain import Domain


class Code(NamedTuple):
    """What an encoder says of samples: means (N, K), and log-variances (N, K) or None."""

    mean: Tensor
    log_variance: Tensor | None


class Encoder(nn.Module):
    """Latents of samples: ``forward(x)`` maps (N, *shape) to a `Code` of width K.

    Args:
        body: from (N, *shape) to (N, width).
        width: of the last hidden layer.
        latent: K.
        spread: give log-variances, too.
    """

    def __init__(self, body: nn.Module, width: int, latent: int, spread: bool) -> None:
        super().__init__()
        self.body = body
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent) if spread else None

    def forward(self, x: Tensor) -> Code:
        """Return the code of samples (N, *shape)."""
        h = self.body(x)
        return Code(self.mean(h), None if self.log_variance is None else self.log_variance(h))


class JointDiscriminator(nn.Module):
    """Scores pairs: ``forward(x, z)`` gives unbounded logits (N,).

    Args:
        x_branch: from (N, *shape) to (N, …).
        z_branch: from (N, K) to (N, …).
        head: from both, z first, to (N, 1).
    """

    def __init__(self, x_branch: nn.Module, z_branch: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.x_branch = x_branch
        self.z_branch = z_branch
        self.head = head

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits (N,) of samples (N, *shape) and latents (N, K)."""
        both = torch.cat([self.z_branch(z), self.x_branch(x)], dim=1)
        return self.head(both).squeeze(1)


class EncoderSettings(Settings, ABC):
    """Settings of an encoder, found by their ``kind``."""

    kind: Any

    @abstractmethod
    def build(self, domain: Domain, latent: int) -> Encoder:
        """Return the network for a kind of data, and latents of a width."""


class JointSettings(Settings, ABC):
    """Settings of a judge of pairs, found by their ``kind``."""

    kind: Any

    @abstractmethod
    def build(self, domain: Domain, latent: int) -> JointDiscriminator:
        """Return the network for a kind of data, and latents of a width."""


class MLPEncoder(MLPBody, EncoderSettings):
    """Settings of a fully connected encoder.

    Attributes:
        spread: log-variances beside the means (ALI); else the encoder is deterministic, or its
            noise is the game's (VEEGAN).
    """

    spread: bool = False
    init: Init = "glorot"

    def build(self, domain: Domain, latent: int) -> Encoder:
        """Return the network for a kind of data."""
        hidden = self.layers(math.prod(domain.shape))
        network = Encoder(nn.Sequential(nn.Flatten(), hidden), self.widths[-1], latent, self.spread)
        initialise(network, self.init, self.init_scale)
        return network


class DCGANEncoder(DCGANCritic, EncoderSettings):
    """Settings of a convolutional encoder: a DCGAN discriminator's layers, then linear heads.

    Attributes:
        spread: log-variances beside the means.
    """

    spread: bool = False

    def build(self, domain: Domain, latent: int) -> Encoder:
        """Return the network.

        Raises:
            UsageError: the data are not images.
        """
        inner = DCGANDiscriminatorNet(self, image_shape(domain, "dcgan"), NONE)
        network = Encoder(
            nn.Sequential(inner.blocks, nn.Flatten()),
            inner.width,
            latent,
            self.spread,
        )
        initialise(network, self.init, self.init_scale)
        return network


class MLPJoint(MLPBody, JointSettings):
    """Settings of a fully connected judge of z followed by x.

    Attributes:
        dropout: of the hidden layers' outputs.
    """

    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (128,)
    init: Init = "glorot"
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def build(self, domain: Domain, latent: int) -> JointDiscriminator:
        """Return the network for a kind of data."""
        hidden = self.layers(latent + math.prod(domain.shape))
        drop = [Dropout(self.dropout)] if self.dropout else []
        head = nn.Sequential(hidden, *drop, nn.Linear(self.widths[-1], 1))
        initialise(head, self.init, self.init_scale)
        return JointDiscriminator(nn.Flatten(), nn.Identity(), head)


class DCGANJoint(DCGANCritic, JointSettings):
    """Settings of a convolutional judge: DCGAN's layers for x, linear ones for z, a head on both.

    Attributes:
        z_width: of the layers for z.
        head_width: of the layer before the score.
        z_layers: how many layers z passes before it meets x.
    """

    norm: Literal["none"] = "none"  # pyright: ignore[reportIncompatibleVariableOverride]
    z_width: PositiveInt = 512
    head_width: PositiveInt = 1024
    z_layers: NonNegativeInt = 2

    def build(self, domain: Domain, latent: int) -> JointDiscriminator:
        """Return the network.

        Raises:
            UsageError: the data are not images.
        """
        inner = DCGANDiscriminatorNet(self, image_shape(domain, "dcgan"), NONE)
        features = inner.width
        z_layers: list[nn.Module] = []
        width = latent
        for _ in range(self.z_layers):
            z_layers += [nn.Linear(width, self.z_width), nn.LeakyReLU(self.slope)]
            width = self.z_width
        network = JointDiscriminator(
            nn.Sequential(inner.blocks, nn.Flatten()),
            nn.Sequential(*z_layers),
            nn.Sequential(
                nn.Linear(width + features, self.head_width),
                nn.LeakyReLU(self.slope),
                nn.Linear(self.head_width, 1),
            ),
        )
        initialise(network, self.init, self.init_scale)
        return network


SMD: dict[str, Any] = {"width": 64, "kernel": 5, "stages": 4}

JOINT_PRESETS: dict[str, tuple[EncoderSettings, JointSettings]] = {
    # VEEGAN's notebook (2-D, latent 254): 49,662 and 33,025 parameters.
    "toyV": (MLPEncoder(widths=(128, 128)), MLPJoint(widths=(128,))),
    # The same, beside a generator that starts as PyTorch's layers do.
    "toyV_torch": (MLPEncoder(widths=(128, 128)), MLPJoint(widths=(128,))),
    # poolio/unrolled_gan's widths and tanh, for comparisons on its generator.
    "toyU": (
        MLPEncoder(widths=(128, 128), activation="tanh"),
        MLPJoint(widths=(128, 128), activation="tanh"),
    ),
    # ALI as re-run by PacGAN's authors (2-D, latent 2).
    "toyP": (
        MLPEncoder(widths=(400,) * 4, batch_norm=True, bias=False, init="normal", spread=True),
        MLPJoint(widths=(200,) * 3, activation="maxout", init="normal"),
    ),
    # 8×8×3 stacks of digits.
    "dig": (MLPEncoder(widths=(256, 256)), MLPJoint(widths=(256, 256), activation="leaky_relu")),
    # VEEGAN's MNIST notebook.
    "veegan_mnist": (MLPEncoder(widths=(256,)), MLPJoint(widths=(256,), dropout=0.5)),
    # Images: a two-layer reconstructor, as VEEGAN's paper states, and a convolutional judge.
    "smD": (MLPEncoder(widths=(512,)), DCGANJoint(**SMD)),
    # Images: convolutional on both sides (ALI, BiGAN).
    "dcgan": (DCGANEncoder(), DCGANJoint()),
}

EncoderConfig = Annotated[EncoderSettings, *by_name(EncoderSettings, JOINT_PRESETS, 0)]
"""Settings of an encoder, or the name of a preset."""

JointConfig = Annotated[JointSettings, *by_name(JointSettings, JOINT_PRESETS, 1)]
"""Settings of a judge of pairs, or the name of a preset."""
