"""TGAN: a path of fast latents beside slow ones, and a critic with clipped singular values.

Source: Saito, Matsumoto & Saito 2017.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganvas.data.feed import Feed
from ganvas.games.parts.adversarial import Labels
from ganvas.games.parts.clips import Clips, ClipsConfig
from ganvas.games.parts.constraints import AnyConstraint
from ganvas.games.parts.constraints.singular import Singular
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.wasserstein import Wasserstein
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.uniform import Uniform
from ganvas.networks import DiscriminatorConfig, GeneratorConfig
from ganvas.networks.temporal import AnyTemporal
from ganvas.networks.temporal.conv1d import Conv1d
from ganvas.networks.video.critic import VideoDiscriminator
from ganvas.networks.video.frames import TGANGenerator
from ganvas.play import OptimiserConfig, RMSProp, Turns

WATCHED = 100
"""Rounds between looks at what the constraint holds."""


class TGANConfig(ClipsConfig):
    """The paper's settings: z uniform on [−1, 1]^100, RMSProp 5e-5, clipping every fifth step."""

    latent: AnyPrior = Uniform(dim=100)
    motion: int = Field(default=100, ge=1)
    temporal: AnyTemporal = Conv1d()
    generator: GeneratorConfig = TGANGenerator()
    discriminator: DiscriminatorConfig = VideoDiscriminator()
    objective: AnyObjective = Wasserstein()
    constraint: AnyConstraint | None = Singular()
    labels: Labels = Labels(fakes="batch", generator="batch")
    generator_optimiser: OptimiserConfig = RMSProp(lr=5e-5)
    discriminator_optimiser: OptimiserConfig = RMSProp(lr=5e-5)


class TGAN(Clips[TGANConfig]):
    """min_G max_D E D(x¹ … x^T) − E D(G1(z0, z1¹) … G1(z0, z1^T)), z1 = G0(z0)   (Eq. 3)."""

    system: ClassVar[str] = "tgan"
    shared: ClassVar[bool] = True

    def round(self, data: Feed, turn: Turns) -> None:
        """Play algorithm 1: n_D steps of the critic, one of G0 and G1 together."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as critic:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # lines 3–7: mean D(x̃) − mean D(x); every n_clip-th step ends with
                    # W ← U min(S, 1) Vᵀ and γ ← clip(γ, 0.01 σ, σ)  (lines 11–13)
                    critic.minimise(self.judge.loss(x, x_fake, turn))
        with turn("generator") as generator:
            for x, z in turn.parts(real, self.latents(real, turn)):
                # lines 8–10: −mean D(x̃)
                generator.minimise(self.judge.confusion(x, self.generate(z), turn))
        if self.constraint is not None and turn.due(WATCHED):
            turn.log(**self.constraint.statistics(self.discriminator))
