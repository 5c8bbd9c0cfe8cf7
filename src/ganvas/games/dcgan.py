"""DCGAN: the non-saturating game on all-convolutional networks (Radford, Metz & Chintala 2016)."""

from __future__ import annotations

from typing import ClassVar

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.advice import plain_method
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.uniform import Uniform
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, DiscriminatorConfig, GeneratorConfig
from ganvas.play import Adam, OptimiserConfig, Turns


class DCGANConfig(AdversarialConfig):
    """The paper's settings: z uniform on [−1, 1]^100, Adam 2e-4 with β = (0.5, 0.999)."""

    latent: AnyPrior = Uniform(dim=100)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    generator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)


class DCGAN(Adversarial[DCGANConfig]):
    """One step of the discriminator, one of the generator on fresh z.

    The discriminator has batch norm, so real and fake samples go through it in separate passes,
    each normalised by its own statistics.
    """

    system: ClassVar[str] = "dcgan"
    measured_as = staticmethod(plain_method)

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of each in the non-saturating game."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # separate passes of x and G(z), for batch norm
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # −E log D(G(z))
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
