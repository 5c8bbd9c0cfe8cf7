"""PacGAN: a discriminator that judges several samples together (Lin et al. 2018)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.classification import NonSaturating
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    DiscriminatorConfig,
    GeneratorConfig,
)
from ganvas.play import Turns


class PacGANConfig(AdversarialConfig):
    """PacDCGAN2: pairs, and a DCGAN in all else."""

    latent: AnyPrior = Normal(dim=100)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    objective: AnyObjective = NonSaturating()
    packing: int = Field(default=2, ge=1)


class PacGAN(Adversarial[PacGANConfig]):
    """The game of D(x₁, …, x_m) on packs that are all real or all fake.

    Only D's first layer is wider for it. Two laws that a discriminator can hardly tell apart by
    single samples differ more in packs, and the more so if modes are missing (section 4). Any
    other adversarial game packs by ``game.packing``.
    """

    system: ClassVar[str] = "pacgan"

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of the discriminator on packs, one of the generator (section 3)."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # D sees packs of m: all real, or all fake
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # and so do the fakes of the generator's turn
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
