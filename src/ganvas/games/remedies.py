"""Remedies against dropped modes and restless training that any adversarial game can take up.

Each is a value of the configuration, off by default; `Adversarial` asks them in the places that
they change: what the discriminator is shown (`shown`), what it is built of (`Minibatch`,
`VirtualBatchNorm`), and what is minimised (`FeatureMatching`, `History`). One-sided label smoothing
is the target ``real`` of the objectives.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.priors import Prior
from ganvas.networks.base import BatchHead, Discriminator, Generator, Head
from ganvas.networks.virtual import VirtuallyNormalised
from ganvas.nn import MinibatchDeviation, MinibatchDiscrimination, all_reduce, world_size
from ganvas.play import Noise

# ---- what the discriminator is shown ------------------------------------------------------------


def packed_spec(spec: DataSpec, packing: int) -> DataSpec:
    """Return the spec of packs of ``packing`` samples, joined along channels or coordinates."""
    return spec if packing == 1 else spec.with_main(spec.domain.packed(packing))


def pack(batch: Batch, packing: int) -> Batch:
    """Join every ``packing`` consecutive samples (N, C, …) into one: (N/m, m·C, …).

    Source: PacGAN, Lin et al. 2018, section 3. One is left as it is.

    Raises:
        UsageError: the packs do not come out even.
    """
    if packing == 1:
        return batch
    n = len(batch)
    if n % packing:
        raise UsageError(
            f"game.packing={packing} does not divide the {n} samples that the discriminator is "
            "given at once; choose train.batch (per process, and per part of game.accumulate) as a "
            f"multiple of {packing}"
        )
    return Batch(batch.x.reshape(n // packing, packing * batch.x.shape[1], *batch.x.shape[2:]))


def pack_around(x: Tensor, packing: int) -> Tensor:
    """Return for each sample the pack of it and those that follow it, cyclically: (N, m·C, …)."""
    return torch.cat([x.roll(-shift, 0) for shift in range(packing)], 1) if packing > 1 else x


# ---- what networks are built of -----------------------------------------------------------------


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


def tell(minibatch: Discrimination | Deviation, discriminator: Discriminator) -> None:
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

    def wrap(self, generator: Generator, latent: Prior, classes: int) -> VirtuallyNormalised:
        """Return the generator with its batch norms bound to a fresh reference batch."""
        noise = Noise(int(torch.randint(2**31, ()).item()))
        z = latent.draw(self.reference, noise)
        y = noise.integers(self.reference, classes) if classes else None
        return VirtuallyNormalised(generator, z, y, self.include_self)


# ---- what is minimised --------------------------------------------------------------------------


class FeatureMatching(Settings):
    """‖E f(x) − E f(G(z))‖², f the last hidden layer of D (Salimans et al. 2016, section 3.1).

    Attributes:
        weight: its factor.
        alone: the generator's only loss; else it is added to the objective's.
    """

    weight: float = Field(default=1.0, gt=0)
    alone: bool = True

    def loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the weighted loss of features (N, F) each; the real ones are constants.

        The means are those of all processes.
        """
        apart = all_reduce(real.detach().mean(0) - fake.mean(0)) / world_size()
        return self.weight * apart.square().sum()


class History(nn.Module):
    """Historical averaging: λ‖θ − (1/t) Σ_{i≤t} θ_i‖² of a player (Salimans et al. 2016, §3.3).

    Args:
        parameters: θ, whose running mean is kept as buffers.
        weight: λ.
    """

    count: Tensor

    def __init__(self, parameters: list[nn.Parameter], weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.sizes = len(parameters)
        for number, parameter in enumerate(parameters):
            self.register_buffer(f"mean_{number}", torch.zeros_like(parameter))

    @property
    def means(self) -> list[Tensor]:
        """The running means, in the order of the parameters."""
        return [self.get_buffer(f"mean_{number}") for number in range(self.sizes)]

    def loss(self, parameters: list[nn.Parameter]) -> Tensor:
        """Count θ_t in, and return its weighted squared distance from the mean, a constant."""
        self.count += 1
        share = 1.0 / self.count
        total = torch.zeros((), device=self.count.device)
        for mean, parameter in zip(self.means, parameters, strict=True):
            mean.lerp_(parameter.detach(), share.to(mean.dtype))
            total = total + (parameter - mean).square().sum()
        return self.weight * total
