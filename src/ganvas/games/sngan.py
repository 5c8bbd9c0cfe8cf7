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
from ganvas.games.adversarial import Adversarial, AdversarialConfig, Labels, Statistics
from ganvas.games.constraints import Constraint, Spectral
from ganvas.games.objectives import Hinge, Objective
from ganvas.games.penalties import logits_and_gradient, squared_norms
from ganvas.games.priors import Normal, Prior
from ganvas.games.remedies import pack
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

    latent: Prior = Normal(dim=128)
    generator: GeneratorConfig = ResNetGenerator(width=256)
    discriminator: DiscriminatorConfig = ResNetDiscriminator(head_bias=False)
    objective: Objective = Hinge()
    constraint: Constraint | None = Spectral()
    discriminator_steps: int = Field(default=5, ge=1)
    generator_batch: int = Field(default=2, ge=1)
    labels: Labels = Labels(fakes="uniform", generator="uniform")
    generator_optimiser: OptimiserConfig = Adam(lr=LINEAR_TO_ZERO, beta1=0.0, beta2=0.9)
    discriminator_optimiser: OptimiserConfig = Adam(lr=LINEAR_TO_ZERO, beta1=0.0, beta2=0.9)
    monitor_every: int = Field(default=1000, ge=0)


class SNGAN(Adversarial):
    """One step of the generator, then n_dis of the discriminator.

    Real and fake samples pass the discriminator separately, and so do the generator's fakes: each
    pass takes one step of power iteration, as in the authors' code.
    """

    system: ClassVar[str] = "sngan"
    Config = SNGANConfig
    followers: ClassVar[tuple[str, ...]] = ("discriminator",)

    def __init__(self, config: SNGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.monitor_every = config.monitor_every

    def round(self, data: Feed, turn: Turns) -> None:
        """Update G in the first of n_dis passes, and D in each."""
        noted = Statistics()
        for step in range(self.discriminator_steps):
            real = self.real(data)
            if step == 0:
                self.generator_step(real, turn)  # L_G = −E f(x̃, y) on 2m fakes, y uniform
            # L_D = E max(0, 1 − f(x, y)) + E max(0, 1 + f(x̃, ỹ)), ỹ uniform, not the batch's
            noted = self.discriminator_step(real, turn)
            if step == 0 and self.monitor_every and turn.due(self.monitor_every):
                turn.log(**self.monitor(real[0]))
        turn.log(**noted)

    def monitor(self, real: Batch) -> dict[str, float]:
        """Return each layer's largest singular value, and how steep f can be and is.

        ``lipschitz/bound`` is K from the layers' norms, ``lipschitz/found`` the greatest ‖∇f(x)‖
        among real samples, ``lipschitz/tightness`` their ratio, at most 1.
        """
        noted = {f"sigma/{name}": s for name, s in singular_values(self.discriminator).items()}
        bound = lipschitz(self.discriminator)
        if math.isinf(bound):  # it has layers whose steepness depends on what they see
            return noted
        seen = pack(real, self.packing)
        _, gradient = logits_and_gradient(self.discriminator, seen.x, seen.get("label"))
        found = squared_norms(gradient.detach()).max().sqrt().item()
        return noted | {
            "lipschitz/bound": bound,
            "lipschitz/found": found,
            "lipschitz/tightness": found / bound,
        }
