"""DCGAN: the non-saturating game on all-convolutional networks (Radford, Metz & Chintala 2016)."""

from __future__ import annotations

from typing import ClassVar

from ganvas.games.adversarial import Adversarial, AdversarialConfig
from ganvas.games.priors import Prior, Uniform
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, DiscriminatorConfig, GeneratorConfig
from ganvas.play import Adam, OptimiserConfig


class DCGANConfig(AdversarialConfig):
    """The paper's settings: z uniform on [−1, 1]^100, Adam 2e-4 with β = (0.5, 0.999)."""

    latent: Prior = Uniform(dim=100)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    generator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)


class DCGAN(Adversarial):
    """One step of the discriminator, one of the generator on fresh z; `Adversarial.round`.

    The discriminator has batch norm, so real and fake samples go through it in separate passes,
    each normalised by its own statistics.
    """

    system: ClassVar[str] = "dcgan"
    Config = DCGANConfig
