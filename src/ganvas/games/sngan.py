"""SN-GAN: a spectrally normalised discriminator (Miyato et al. 2018).

Where there are labels, with the projection head and class-conditional batch norm of Miyato & Koyama
2018.
"""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from ganvas.config import Schedule
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Labels
from ganvas.games.parts.constraints import AnyConstraint
from ganvas.games.parts.constraints.spectral import Spectral
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.hinge import Hinge
from ganvas.games.parts.penalties import logits_and_gradient, squared_norms
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.games.parts.views import Pack
from ganvas.networks import (
    DiscriminatorConfig,
    GeneratorConfig,
    ResNetDiscriminator,
    ResNetGenerator,
)
from ganvas.nn import lipschitz, singular_values
from ganvas.play import Adam, OptimiserConfig, Turns

LINEAR_TO_ZERO = Schedule(start=2e-4, end=0.0, shape="linear")


class SNGANConfig(AdversarialConfig):
    """The CIFAR-10 settings and ResNets: hinge, five steps, generator batch 2m, Adam 2e-4 to 0.

    Attributes:
        monitor_every: rounds between exact singular values of all layers, and what they say of the
            whole discriminator's slope, in the log; 0 for never.
    """

    latent: AnyPrior = Normal(dim=128)
    generator: GeneratorConfig = ResNetGenerator(width=256)
    discriminator: DiscriminatorConfig = ResNetDiscriminator(head_bias=False)
    objective: AnyObjective = Hinge()
    constraint: AnyConstraint | None = Spectral()
    discriminator_steps: int = Field(default=5, ge=1)
    generator_batch: int = Field(default=2, ge=1)
    labels: Labels = Labels(fakes="uniform", generator="uniform")
    generator_optimiser: OptimiserConfig = Adam(lr=LINEAR_TO_ZERO, beta1=0.0, beta2=0.9)
    discriminator_optimiser: OptimiserConfig = Adam(lr=LINEAR_TO_ZERO, beta1=0.0, beta2=0.9)
    monitor_every: int = Field(default=1000, ge=0)


class SNGAN(Adversarial[SNGANConfig]):
    """One step of the generator, then n_dis of the discriminator.

    Real and fake samples pass the discriminator separately, and so do the generator's fakes: each
    pass takes one step of power iteration, as in the authors' code.
    """

    system: ClassVar[str] = "sngan"

    def __init__(self, config: SNGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.monitor_every = config.monitor_every

    def round(self, data: Feed, turn: Turns) -> None:
        """Update G in the first of n_dis passes, and D in each."""
        for step, real in enumerate(data.take(self.discriminator_steps)):
            if step == 0:
                with turn("generator", tracks=("discriminator",)) as generator:
                    for x, z in turn.parts(real, self.latents(real, turn)):
                        # L_G = −E f(x̃, y) on 2m fakes, y uniform
                        generator.minimise(self.judge.confusion(x, self.generate(z), turn))
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    # L_D = E max(0, 1 − f(x, y)) + E max(0, 1 + f(x̃, ỹ)), ỹ not the batch's
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))
            if step == 0 and self.monitor_every and turn.due(self.monitor_every):
                turn.log(**self.monitor(real))

    def monitor(self, real: Batch) -> dict[str, float]:
        """Return each layer's largest singular value, and how steep f can be and is.

        ``lipschitz/bound`` is K from the layers' norms, ``lipschitz/found`` the greatest ‖∇f(x)‖
        among real samples, ``lipschitz/tightness`` their ratio, at most 1.
        """
        noted = {f"sigma/{name}": s for name, s in singular_values(self.discriminator).items()}
        bound = lipschitz(self.discriminator)
        free = self.conditions and not self.conditions.classes  # numbers of any size weigh rows
        if math.isinf(bound) or free:  # its steepness depends on what it sees
            return noted
        seen = self.in_range(real)
        seen = seen if self.packing == 1 else Pack(self.packing)(seen)
        given = self.conditions.of(seen) if self.packing == 1 else None
        _, gradient = logits_and_gradient(self.discriminator, seen.x, given)
        found = squared_norms(gradient.detach()).max().sqrt().item()
        return noted | {
            "lipschitz/bound": bound,
            "lipschitz/found": found,
            "lipschitz/tightness": found / bound,
        }
