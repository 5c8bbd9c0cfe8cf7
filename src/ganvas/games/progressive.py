"""Progressive GAN: generator and critic grow together, a level at a time (Karras et al. 2018)."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Labels
from ganvas.games.parts.growing import Growing
from ganvas.games.parts.grown import Grown, GrownConfig
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.wasserstein import Wasserstein
from ganvas.games.parts.penalties import AnyPenalty
from ganvas.games.parts.penalties.gradient import GradientPenalty
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DiscriminatorConfig, GeneratorConfig
from ganvas.networks.progressive import (
    ProgressiveDiscriminator,
    ProgressiveDiscriminatorNet,
    ProgressiveGenerator,
)
from ganvas.play import Adam, OptimiserConfig, Turns


class ProgressiveConfig(GrownConfig):
    """Appendix A.1: WGAN-GP with a drift of 0.001, one critic step, Adam 1e-3 with β = (0, 0.99).

    Attributes:
        growing: the schedule of levels.
    """

    latent: AnyPrior = Normal(dim=512)
    generator: GeneratorConfig = ProgressiveGenerator()
    discriminator: DiscriminatorConfig = ProgressiveDiscriminator()
    objective: AnyObjective = Wasserstein(drift=0.001)
    penalties: dict[str, AnyPenalty | None] = Field(
        default={"gradient": GradientPenalty(weight=10.0)}
    )
    labels: Labels = Labels(real_weight=1.0, fake_weight=1.0, own_fake_weight=1.0)
    generator_optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.0, beta2=0.99, eps=1e-8)
    discriminator_optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.0, beta2=0.99, eps=1e-8)
    growing: Growing | None = Growing()


class Progressive(Grown[ProgressiveConfig]):
    """Training begins with a few pixels; each doubling is faded in, in networks and data."""

    system: ClassVar[str] = "progressive"

    @property
    def critic(self) -> ProgressiveDiscriminatorNet:
        """The judge's network."""
        return cast(ProgressiveDiscriminatorNet, self.judge.network)

    def round(self, data: Feed, turn: Turns) -> None:
        """Play one step of each at the level and α at which the networks stand."""
        for real in data.take(self.discriminator_steps):
            real = self.as_grown(real)  # (1 − α)·up(pool(x)) + α·x, as the generator's images are
            scores: list[Tensor] = []
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    seen = self.judge.both(x, x_fake)
                    # f(x̃) − f(x) + λ(‖∇f(x̂)‖ − 1)² + ε f(x)², x̂ = εx + (1 − ε)x̃
                    discriminator.minimise(self.judge.loss(x, x_fake, turn, seen=seen))
                    scores.append(cast(Tensor, seen.fake.logits).detach())
            self.critic.follow(turn.ranks.mean(torch.cat(scores).mean()))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # −f(G(z))
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
