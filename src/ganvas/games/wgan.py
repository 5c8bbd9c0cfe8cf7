"""WGAN: a critic with clipped weights estimates the earth-mover distance (Arjovsky et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganvas.config import Settings
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.constraints import AnyConstraint
from ganvas.games.parts.constraints.clip import Clip
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.wasserstein import Wasserstein
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, DiscriminatorConfig, GeneratorConfig
from ganvas.play import OptimiserConfig, RMSProp, Turns

WATCHED = 100
"""Rounds between looks at the share of clipped weights, which costs a pass over all of them."""


class WarmUp(Settings):
    """Rounds in which the critic trains longer; in the authors' code, not in the paper.

    Attributes:
        rounds: the first so many rounds are long,
        every: and every so many-th, counted from 0 (0: none but the first).
        steps: critic steps in a long round.
    """

    rounds: int = Field(default=25, ge=0)
    every: int = Field(default=500, ge=0)
    steps: int = Field(default=100, ge=1)


class WGANConfig(AdversarialConfig):
    """Algorithm 1: RMSProp 5e-5, c = 0.01, five critic steps; PyTorch's constants of RMSProp."""

    latent: AnyPrior = Normal(dim=100)
    generator: GeneratorConfig = DCGANGenerator()
    discriminator: DiscriminatorConfig = DCGANDiscriminator()
    objective: AnyObjective = Wasserstein()
    constraint: AnyConstraint | None = Clip(bound=0.01)
    discriminator_steps: int = Field(default=5, ge=1)
    warm_up: WarmUp = WarmUp()
    generator_optimiser: OptimiserConfig = RMSProp(lr=5e-5)
    discriminator_optimiser: OptimiserConfig = RMSProp(lr=5e-5)


class WGAN(Adversarial[WGANConfig]):
    """Critic and generator in the Kantorovich–Rubinstein game; the critic is the discriminator."""

    system: ClassVar[str] = "wgan"

    def __init__(self, config: WGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.warm_up = config.warm_up

    def round(self, data: Feed, turn: Turns) -> None:
        """Play Algorithm 1; log the estimate of the last critic step, −L_C without penalties."""
        for real in data.take(self.critic_steps(turn.round)):  # lines 2 and 3
            with turn("discriminator") as critic:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # lines 5–7: w ← clip(w + α·RMSProp(∇_w[mean f(x) − mean f(g(z))]), −c, c)
                    critic.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # lines 9–11: θ ← θ − α·RMSProp(−∇_θ mean f(g(z))), Theorem 3
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
        if self.constraint is not None and turn.due(WATCHED):
            turn.log(**self.constraint.statistics(self.discriminator))

    def critic_steps(self, played: int) -> int:
        """Return n_critic for a round after ``played`` others: 5, or 100 while warming up."""
        warm = self.warm_up
        long = played < warm.rounds or (warm.every > 0 and played % warm.every == 0)
        return warm.steps if long else self.discriminator_steps
