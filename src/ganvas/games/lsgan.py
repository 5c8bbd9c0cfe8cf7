"""LSGAN: least-squares targets in place of log-likelihood (Mao et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

from ganvas.games.adversarial import Adversarial, AdversarialConfig
from ganvas.games.objectives import LeastSquares, Objective
from ganvas.games.priors import Normal, Prior
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, DiscriminatorConfig, GeneratorConfig
from ganvas.play import OptimiserConfig, RMSProp


class LSGANConfig(AdversarialConfig):
    """The baseline of Gulrajani et al. 2017: targets 1 and 0, both losses halved, RMSProp 1e-4."""

    latent: Prior = Normal(dim=128)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    objective: Objective = LeastSquares(real=1.0, fake=0.0, wanted=1.0)
    generator_optimiser: OptimiserConfig = RMSProp(lr=1e-4)
    discriminator_optimiser: OptimiserConfig = RMSProp(lr=1e-4)


class LSGAN(Adversarial):
    """One step of the discriminator (Eq. 9), one of the generator; `Adversarial.round`."""

    system: ClassVar[str] = "lsgan"
    Config = LSGANConfig
