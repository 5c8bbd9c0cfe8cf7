"""AC-GAN: a discriminator that names the class of what it sees (Odena, Olah & Shlens 2017)."""

from __future__ import annotations

from typing import ClassVar

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Labels
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, DiscriminatorConfig, GeneratorConfig
from ganvas.play import Adam, OptimiserConfig, Turns


class ACGANConfig(AdversarialConfig):
    """Classes join z, and the discriminator guesses them, of real samples and fakes alike.

    Both classification losses weigh 1 in the discriminator's turn, as that of fakes does in the
    generator's. Tags and numbers are guessed in the same way, by the loss that fits them.
    """

    latent: AnyPrior = Normal(dim=100)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator(labels="auxiliary")
    conditional: bool | list[str] = True
    labels: Labels = Labels(
        fakes="batch", generator="batch", real_weight=1.0, fake_weight=1.0, own_fake_weight=1.0
    )
    generator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=2e-4, beta1=0.5, beta2=0.999)


class ACGAN(Adversarial[ACGANConfig]):
    """D raises L_S + L_C, G raises L_C − L_S: both want fakes to be of their class.

    L_S = E log P(real | x) + E log P(fake | x̃)  and  L_C = E log P(c | x) + E log P(c | x̃)
    (Eq. 2 and 3); G's part of L_S is non-saturating.
    """

    system: ClassVar[str] = "acgan"

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of each."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # −L_S − L_C, with log P(c | x) and log P(c | x̃)
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # −E log P(real | x̃) − E log P(c | x̃)
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
