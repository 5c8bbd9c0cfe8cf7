"""GAN: the original game (Goodfellow et al. 2014), minimax or non-saturating, k steps of D."""

from __future__ import annotations

from typing import ClassVar

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.advice import plain_method
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DiscriminatorConfig, GeneratorConfig, MLPDiscriminator, MLPGenerator
from ganvas.play import Turns


class GANConfig(AdversarialConfig):
    """The toy networks of the lecture (C1); see `AdversarialConfig` for all that can be changed.

    ``objective: minimax`` is the saturating game of Eq. 1; the default is its non-saturating twin.
    """

    latent: AnyPrior = Normal(dim=16)
    generator: GeneratorConfig = MLPGenerator(widths=(128, 128))
    discriminator: DiscriminatorConfig = MLPDiscriminator(widths=(128, 128))


class GAN(Adversarial[GANConfig]):
    """Discriminator and generator in the minimax game of value V (Eq. 1)."""

    system: ClassVar[str] = "gan"
    measured_as = staticmethod(plain_method)

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one iteration of Algorithm 1."""
        for real in data.take(self.discriminator_steps):  # for k steps do
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # D ascends V = E log D(x) + E log(1 − D(G(z)))
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # G descends E log(1 − D(G(z))), or −E log D(G(z)) (section 3)
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
