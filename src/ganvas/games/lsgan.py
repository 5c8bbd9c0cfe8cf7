"""LSGAN: least-squares targets in place of log-likelihood (Mao et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.least_squares import LeastSquares
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, DiscriminatorConfig, GeneratorConfig
from ganvas.play import OptimiserConfig, RMSProp, Turns


class LSGANConfig(AdversarialConfig):
    """The baseline of Gulrajani et al. 2017: targets 1 and 0, both losses halved, RMSProp 1e-4."""

    latent: AnyPrior = Normal(dim=128)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    objective: AnyObjective = LeastSquares(real=1.0, fake=0.0, wanted=1.0)
    generator_optimiser: OptimiserConfig = RMSProp(lr=1e-4)
    discriminator_optimiser: OptimiserConfig = RMSProp(lr=1e-4)


class LSGAN(Adversarial[LSGANConfig]):
    """Discriminator and generator against targets a, b and c (Eq. 9)."""

    system: ClassVar[str] = "lsgan"

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of the discriminator, one of the generator."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # ½E(D(x) − b)² + ½E(D(G(z)) − a)²  (Eq. 9)
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # ½E(D(G(z)) − c)²
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
