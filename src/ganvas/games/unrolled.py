"""Unrolled GAN: a generator that sees where the discriminator is going (Metz et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.adversarial import Adversarial, AdversarialConfig, Parts, Statistics
from ganvas.games.constraints import Orthonormal
from ganvas.games.objectives import Minimax, Objective
from ganvas.games.penalties import penalise
from ganvas.games.priors import Normal, Prior
from ganvas.networks import DiscriminatorConfig, GeneratorConfig, MLPDiscriminator, MLPGenerator
from ganvas.play import Adam, OptimiserConfig, Turns

Network = Callable[..., Any]
TOY = {"widths": (128, 128), "activation": "tanh", "init": "orthogonal", "init_scale": 1.4}


class UnrolledConfig(AdversarialConfig):
    """The settings of the authors' toy: `toyU` networks, G at ten times the rate of D.

    Attributes:
        unrolling_steps: K, steps that the discriminator is looked ahead of.
        second_order: let the generator's gradient flow through these steps; else they are
            constants, which costs less and leaves out how D reacts.
        saturating: the generator raises the discriminator's own loss, f(γ, ω^K), as in the paper;
            else it lowers the objective's generator loss, judged by the unrolled discriminator.
    """

    latent: Prior = Normal(dim=256)
    generator: GeneratorConfig = MLPGenerator.model_validate(TOY)
    discriminator: DiscriminatorConfig = MLPDiscriminator.model_validate(TOY)
    objective: Objective = Minimax()
    generator_optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=1e-4, beta1=0.5, beta2=0.999)
    unrolling_steps: int = Field(default=5, ge=0)
    second_order: bool = True
    saturating: bool = True


class Unrolled(Adversarial):
    """One step of D at ω⁰, then one of G against the D that K more steps would make.

    ω^{k+1} = ω^k − Adam(∇_ω L_D(γ, ω^k)) starts from D's live weights and moments; what they become
    is forgotten after G's step. All K steps see the batch and the fakes of G's own step, as in the
    authors' code.
    """

    system: ClassVar[str] = "unrolled"
    Config = UnrolledConfig

    def __init__(self, config: UnrolledConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.steps = config.unrolling_steps
        self.second_order = config.second_order
        self.saturating = config.saturating
        if config.accumulate > 1 and config.unrolling_steps:
            raise UsageError(
                "the discriminator is unrolled on a whole batch: set game.accumulate=1 and, if "
                "memory is short, a smaller train.batch or game.second_order=false"
            )
        if isinstance(config.constraint, Orthonormal):
            raise UsageError(
                "an unrolled discriminator steps on its adversarial loss and penalties alone; set "
                "game.constraint=null, or another kind than orthonormal"
            )
        if self.discriminator.labels == "auxiliary":
            raise UsageError(
                "an unrolled discriminator has no classifier; set game.discriminator.labels=concat "
                "or projection"
            )

    def generator_step(self, real: Parts, turn: Turns) -> None:
        """Update γ on f(γ, ω^K(γ, ω⁰))  (Eq. 9)."""
        ((z, y),) = self.latents(real, self.labels.generator, turn.noise, self.generator_batch)
        with turn("generator", tracks=self.followers) as generator:
            data = self.shown(real[0], turn)
            fake = self.shown(Batch(self.generator(z, y), y), turn)
            # Without second order the steps need no gradient to the generator.
            seen = fake if self.second_order else Batch(fake.x.detach(), fake.get("label"))
            ahead = turn.lookahead(
                "discriminator",
                lambda network: self.unrolled_loss(network, data, seen, turn),
                self.steps,
                self.second_order,
            )
            loss, noted = self.against(ahead, data, fake)
            generator.minimise(loss)
            turn.log(**noted)
            self.look_back(generator)

    def unrolled_loss(self, network: Network, real: Batch, fake: Batch, turn: Turns) -> Tensor:
        """Return L_D of a discriminator with other weights, penalties and all."""
        loss = self.objective.discriminator(*self.verdicts(network, real, fake))
        if not self.penalties:
            return loss
        penalty, _ = penalise(
            network,
            self.penalties,
            real,
            fake,
            turn.noise,
            turn.progress,
            apart=self.apart,
        )
        return loss + penalty

    def against(self, network: Network, real: Batch, fake: Batch) -> tuple[Tensor, Statistics]:
        """Return what the generator minimises against an unrolled discriminator."""
        on_real, on_fake = self.verdicts(network, real, fake)
        if self.saturating:
            return -self.objective.discriminator(on_real, on_fake), {}
        return self.objective.generator(on_real, on_fake), {}

    def verdicts(self, network: Network, real: Batch, fake: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits of real samples and fakes, (N,) each."""
        if self.apart:
            return network(real.x, real.get("label")), network(fake.x, fake.get("label"))
        joined = Batch.cat([real, fake])
        logits: Tensor = network(joined.x, joined.get("label"))
        on_real, on_fake = torch.split(logits, [len(real), len(fake)])
        return on_real, on_fake
