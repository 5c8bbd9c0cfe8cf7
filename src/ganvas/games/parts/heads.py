"""What networks are built with: layers that see a whole batch, and reference batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.networks import Conditions
from ganvas.networks.base import BatchHead, Discriminator, Generator, Head
from ganvas.networks.virtual import VirtuallyNormalised
from ganvas.nn import MinibatchDeviation, MinibatchDiscrimination
from ganvas.play import Noise


class Discrimination(Settings):
    """Minibatch discrimination: how close each sample's features are to those of its batch.

    Attributes:
        kernels: B, numbers told of each sample.
        dim: C, of each kernel.
    """

    kind: Literal["discrimination"] = "discrimination"
    kernels: int = Field(default=100, ge=1)
    dim: int = Field(default=5, ge=1)

    def layer(self, width: int) -> MinibatchDiscrimination:
        """Return the layer for features of a width."""
        return MinibatchDiscrimination(width, self.kernels, self.dim)


class Deviation(Settings):
    """Minibatch standard deviation of the features, over groups of samples.

    Attributes:
        size: samples in a group.
        average: tell its mean over all features, as published, or each one.
    """

    kind: Literal["deviation"] = "deviation"
    size: int = Field(default=4, ge=2)
    average: bool = True

    def layer(self, width: int) -> MinibatchDeviation:
        """Return the layer for features of a width."""
        return MinibatchDeviation(width, self.size, self.average)


Minibatch = Annotated[Discrimination | Deviation, Field(discriminator="kind")]
"""What a discriminator is told of a sample's batch."""


def add_minibatch(minibatch: Discrimination | Deviation, discriminator: Discriminator) -> None:
    """Let a discriminator's head see how the samples of a batch compare with one another."""
    head = discriminator.head
    if isinstance(head, Head):
        layer = minibatch.layer(head.score.in_features)
        discriminator.head = BatchHead(head, layer)


class VirtualBatchNorm(Settings):
    """Virtual batch normalisation of the generator.

    Attributes:
        reference: latents in the reference batch, drawn once.
        include_self: count each sample's own moments beside the reference's.
    """

    reference: int = Field(default=64, ge=2)
    include_self: bool = True

    def wrap(
        self, generator: Generator, prior: Callable[[int, Noise], Tensor], conditions: Conditions
    ) -> VirtuallyNormalised:
        """Return the generator with its batch norms bound to a fresh reference batch."""
        noise = Noise(int(torch.randint(2**31, ()).item()))
        z = prior(self.reference, noise)
        y = None
        if conditions:
            drawn = conditions.draw(self.reference, noise)
            y = cast(Tensor, conditions.of(Batch(drawn, main=next(iter(drawn)))))
        return VirtuallyNormalised(generator, z, y, self.include_self)
