"""PacGAN: a discriminator that judges several samples together (Lin et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganvas.games.adversarial import Adversarial, AdversarialConfig
from ganvas.games.objectives import NonSaturating, Objective
from ganvas.games.priors import Normal, Prior
from ganvas.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    DiscriminatorConfig,
    GeneratorConfig,
)


class PacGANConfig(AdversarialConfig):
    """PacDCGAN2: pairs, and a DCGAN in all else."""

    latent: Prior = Normal(dim=100)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    objective: Objective = NonSaturating()
    packing: int = Field(default=2, ge=1)


class PacGAN(Adversarial):
    """`Adversarial.round`, with D(x₁, …, x_m) on packs that are all real or all fake.

    Only D's first layer is wider for it. Two laws that a discriminator can hardly tell apart by
    single samples differ more in packs, and the more so if modes are missing (section 4). Any
    other adversarial game packs by ``game.packing``.
    """

    system: ClassVar[str] = "pacgan"
    Config = PacGANConfig
