"""WGAN-GP: a penalty on the critic's gradient in place of clipping (Gulrajani et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.wasserstein import Wasserstein
from ganvas.games.parts.penalties import AnyPenalty
from ganvas.games.parts.penalties.gradient import GradientPenalty
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import (
    DiscriminatorConfig,
    GeneratorConfig,
    ResNetDiscriminator,
    ResNetGenerator,
)
from ganvas.play import Adam, OptimiserConfig, Turns
from ganvas.play.advice import Offer


class WGANGPConfig(AdversarialConfig):
    """Algorithm 1's defaults: λ = 10, five critic steps, Adam 1e-4 with β = (0, 0.9).

    The networks are the CIFAR-10 ResNets. Conditional training is AC-GAN's, as in all recipes and
    named critics of the paper (``labels: auxiliary``): the critic classifies samples and judges
    them without their labels. Fakes take the real batch's labels in the critic's turn and uniform
    ones in the generator's; classification weighs 1 on real samples, 0.1 on fakes.
    """

    latent: AnyPrior = Normal(dim=128)
    generator: GeneratorConfig = ResNetGenerator()
    discriminator: DiscriminatorConfig = ResNetDiscriminator(pool="mean", labels="auxiliary")
    objective: AnyObjective = Wasserstein()
    penalties: dict[str, AnyPenalty | None] = Field(
        default={"gradient": GradientPenalty(weight=10.0)}
    )
    discriminator_steps: int = Field(default=5, ge=1)
    generator_optimiser: OptimiserConfig = Adam(lr=1e-4, beta1=0.0, beta2=0.9)
    discriminator_optimiser: OptimiserConfig = Adam(lr=1e-4, beta1=0.0, beta2=0.9)


class WGANGP(Adversarial[WGANGPConfig]):
    """Algorithm 1: n_critic steps on E f(x̃) − E f(x) + λE(‖∇f(x̂)‖ − 1)², one on −E f(x̃).

    The estimate in the log has no penalty in it.
    """

    system: ClassVar[str] = "wgan-gp"
    offer: ClassVar[Offer | None] = Offer(
        why="a critic of limited slope measures a distance, which grows with what is missing",
        method="wgan-gp",
    )

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one iteration of Algorithm 1."""
        for real in data.take(self.discriminator_steps):  # lines 2–9
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # line 7: f(x̃) − f(x) + λ(‖∇f(x̂)‖ − 1)², x̂ = εx + (1 − ε)x̃
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # line 12: −f(G(z))
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
