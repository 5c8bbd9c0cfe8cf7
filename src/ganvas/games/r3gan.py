"""R3GAN: relativistic pairing with both zero-centred penalties (Huang et al. 2024)."""

from __future__ import annotations

from typing import ClassVar

from ganvas.config import Amount, Schedule
from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Labels
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.relativistic import Relativistic
from ganvas.games.parts.penalties import Penalty
from ganvas.games.parts.penalties.zero_centred import R1, R2
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DiscriminatorConfig, GeneratorConfig, R3Discriminator, R3Generator
from ganvas.play import Adam, OptimiserConfig, Turns
from ganvas.play.advice import Offer

FALLING = Adam(lr=Schedule(start=2e-4, end=5e-5), beta1=0.0, beta2=Schedule(start=0.9, end=0.99))


class R3GANConfig(AdversarialConfig):
    """The CIFAR-10 settings: learning rate, β₂ and γ all on one cosine.

    Attributes:
        gamma: γ of R1 and of R2, in every penalised step.
    """

    latent: AnyPrior = Normal(dim=64)
    generator: GeneratorConfig = R3Generator()
    discriminator: DiscriminatorConfig = R3Discriminator()
    objective: AnyObjective = Relativistic()
    gamma: Amount = Schedule(start=0.05, end=0.005)
    labels: Labels = Labels(fakes="batch", generator="batch")
    generator_optimiser: OptimiserConfig = FALLING
    discriminator_optimiser: OptimiserConfig = FALLING

    def regularisers(self) -> dict[str, Penalty]:
        """Return R1 and R2 with weight γ, and whatever else is asked for."""
        return {"r1": R1(weight=self.gamma), "r2": R2(weight=self.gamma), **super().regularisers()}


class R3GAN(Adversarial[R3GANConfig]):
    """Relativistic pairing, regularised on both sides.

    L_D = E softplus(−(D(x) − D(x̃))) + (γ/2)(E‖∇D(x)‖² + E‖∇D(x̃)‖²) and
    L_G = E softplus(−(D(x̃) − D(x))), real and fake paired by their place in the batch. Both players
    see the same real samples, and paired samples have the same label in conditional training.
    """

    system: ClassVar[str] = "r3gan"
    offer: ClassVar[Offer | None] = Offer(
        why="R3GAN with its own networks and schedules is the least likely to lose modes",
        method="r3gan",
        steadiest=True,
    )

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of each on the same real samples (Eq. 2 and 3)."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # E softplus(−(D(x) − D(x̃))) + (γ/2)(E‖∇D(x)‖² + E‖∇D(x̃)‖²)
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # E softplus(−(D(x̃) − D(x)))
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
