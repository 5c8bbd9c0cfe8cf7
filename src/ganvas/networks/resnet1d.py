"""One-dimensional residual networks, for text and other sequences of any length.

Source: Gulrajani et al. 2017, the character language model of the code. No layer changes the
length, and none normalises: a block adds a fraction of its branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from pydantic import NonNegativeInt, PositiveInt, field_validator
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
    Presets,
)
from ganvas.networks.conditions import NONE, Conditions, Given
from ganvas.nn import Init, initialise, lipschitz, sn

if TYPE_CHECKING:
    from ganvas.data.domain import Domain

Shares = Literal["softmax", "tanh", "none"]
"""Last non-linearities: shares of the channels of each place, which sum to 1, or each alone."""


class _Chain(Settings):
    """What generator and discriminator have in common.

    Attributes:
        width: channels.
        blocks: residual blocks.
        kernel: of their convolutions, odd.
        share: of its branch that a block adds.
        init, init_scale: initialisation (`ganvas.nn.initialise`).
    """

    kind: Literal["resnet1d"] = "resnet1d"
    width: PositiveInt = 512
    blocks: NonNegativeInt = 5
    kernel: PositiveInt = 5
    share: float = 0.3
    init: Init = "wgan_gp"
    init_scale: float | None = None

    @field_validator("kernel")
    @classmethod
    def _has_a_middle(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"a kernel of {value} would shift the sequence: choose an odd one")
        return value

    def chain(self) -> nn.Sequential:
        """Return the blocks."""
        return nn.Sequential(
            *(SequenceBlock(self.width, self.kernel, self.share) for _ in range(self.blocks))
        )


class SequenceGenerator(_Chain, GeneratorSettings):
    """Settings of the generator; labels join z as one-hot weights.

    Attributes:
        output: last non-linearity.
    """

    output: Shares = "softmax"

    def build(
        self, domain: Domain, latent: int, conditions: Conditions = NONE
    ) -> SequenceGeneratorNet:
        """Return the network.

        Raises:
            UsageError: the data are no sequences, or a condition lies in space.
        """
        conditions.refuse_maps("resnet1d")
        return SequenceGeneratorNet(self, sequence_shape(domain), latent, conditions)


class SequenceDiscriminator(_Chain, DiscriminatorSettings):
    """Settings of the discriminator, or critic.

    Attributes:
        labels: how labels enter, if there are any; "concat" as constant channels.
        head_bias: whether the score has a bias.
        spectral: spectral normalisation of all layers.
    """

    labels: LabelUse = "auxiliary"
    head_bias: bool = True
    spectral: bool = False

    def build(self, domain: Domain, conditions: Conditions = NONE) -> SequenceDiscriminatorNet:
        """Return the network.

        Raises:
            UsageError: the data are no sequences, or a condition lies in space.
        """
        conditions.refuse_maps("resnet1d")
        return SequenceDiscriminatorNet(self, sequence_shape(domain), conditions)


def sequence_shape(domain: Domain) -> tuple[int, int]:
    """Return (channels, length).

    Raises:
        UsageError: the data are no sequences.
    """
    if domain.grid != 1:
        raise UsageError(
            f"resnet1d networks are for text and other sequences, but the data hold "
            f"{domain.plural} of shape {domain.shape}: use an mlp, or for images a dcgan network."
        )
    channels, length = domain.shape
    return channels, length


class SequenceBlock(nn.Module):
    """x + share · branch(x), the branch being ReLU conv ReLU conv."""

    def __init__(self, width: int, kernel: int, share: float) -> None:
        super().__init__()
        self.share = share
        self.conv1 = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv1d(width, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape (N, width, length)."""
        return x + self.share * self.conv2(F.relu(self.conv1(F.relu(x))))

    def lipschitz(self) -> float:
        """Return the sum of the bounds of shortcut and branch."""
        return 1 + abs(self.share) * lipschitz(self.conv1) * lipschitz(self.conv2)


class SequenceGeneratorNet(Generator):
    """z [, labels] → linear → (width, length) → blocks → 1×1 → shares of the channels."""

    def __init__(
        self, config: SequenceGenerator, shape: tuple[int, int], latent: int, conditions: Conditions
    ) -> None:
        super().__init__(latent, conditions, shape)
        channels, length = shape
        self.start = (config.width, length)
        self.project = nn.Linear(latent + self.classes, config.width * length)
        self.blocks = config.chain()
        self.last = nn.Conv1d(config.width, channels, 1)
        self.output: Shares = config.output
        initialise(self, config.init, config.init_scale)

    def forward(self, z: Tensor, y: Given = None) -> Tensor:
        """Return sequences (N, channels, length) for z (N, latent) and labels (N,) or (N, K)."""
        x = self.last(self.blocks(self.project(self.with_one_hot(z, y)).unflatten(1, self.start)))
        match self.output:
            case "softmax":
                return F.softmax(x, 1)
            case "tanh":
                return torch.tanh(x)
            case "none":
                return x


class SequenceDiscriminatorNet(Discriminator):
    """Sequence [, label channels] → 1×1 → blocks → flatten → score."""

    def __init__(
        self, config: SequenceDiscriminator, shape: tuple[int, int], conditions: Conditions
    ) -> None:
        super().__init__(conditions, config.labels)
        channels, length = shape
        self.first = nn.Conv1d(channels + self.label_maps, config.width, 1)
        self.blocks = config.chain()
        self.head = Head(config.width * length, self.classes, self.labels, bias=config.head_bias)
        initialise(self, config.init, config.init_scale)
        sn(self, config.spectral)

    def features(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the last maps, flattened: (N, width · length)."""
        return self.blocks(self.first(self.with_label_maps(x, y))).flatten(1)

    def lipschitz(self) -> float:
        """Return the product of the bounds of its layers; constant channels do not matter."""
        return lipschitz(self.first) * lipschitz(self.blocks) * lipschitz(self.head)


PRESETS: Presets = {
    # WGAN-GP's character language model (32 characters of a vocabulary of V, latent 128):
    # 15,225,856 + 513 V and 13,129,217 + 512 V.
    "textW": (SequenceGenerator(), SequenceDiscriminator()),
}
"""Networks of this family that papers and benchmarks use, by name."""
