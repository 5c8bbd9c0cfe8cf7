"""Unrolled GAN: a generator that sees where the discriminator is going (Metz et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.classification import Minimax
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DiscriminatorConfig, GeneratorConfig, MLPDiscriminator, MLPGenerator
from ganvas.play import Adam, Loss, OptimiserConfig, Turns
from ganvas.play.advice import Offer

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

    latent: AnyPrior = Normal(dim=256)
    generator: GeneratorConfig = MLPGenerator.model_validate(TOY)
    discriminator: DiscriminatorConfig = MLPDiscriminator.model_validate(TOY)
    objective: AnyObjective = Minimax()
    generator_optimiser: OptimiserConfig = Adam(lr=1e-3, beta1=0.5, beta2=0.999)
    discriminator_optimiser: OptimiserConfig = Adam(lr=1e-4, beta1=0.5, beta2=0.999)
    unrolling_steps: int = Field(default=5, ge=0)
    second_order: bool = True
    saturating: bool = True


class Unrolled(Adversarial[UnrolledConfig]):
    """One step of D at ω⁰, then one of G against the D that K more steps would make.

    ω^{k+1} = ω^k − Adam(∇_ω L_D(γ, ω^k)) starts from D's live weights and moments; what they become
    is forgotten after G's step. All K steps see the batch and the fakes of G's own step, as in the
    authors' code.
    """

    system: ClassVar[str] = "unrolled"
    offer: ClassVar[Offer | None] = Offer(
        why="a generator that sees the discriminator's next steps does not chase one mode",
        method="unrolled",
    )

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

    def round(self, data: Feed, turn: Turns) -> None:
        """Play k steps of D at ω⁰, then one of G against what K more would make of it."""
        for real in data.take(self.discriminator_steps):
            with turn("discriminator") as discriminator:
                for x, x_fake in turn.parts(*self.judge.see(turn, real, self.fakes(real, turn))):
                    discriminator.minimise(self.judge.loss(x, x_fake, turn))  # ω⁰ descends L_D
        with turn("generator") as generator:
            fake = self.generate(self.latents(real, turn))
            generator.minimise(self.surrogate(real, fake, turn))  # γ descends f(γ, ω^K)  (Eq. 9)

    def surrogate(self, real: Batch, fake: Batch, turn: Turns) -> Loss:
        """Return f(γ, ω^K(γ, ω⁰)) of real samples and fakes, neither shown yet."""
        real, fake = self.judge.show(real, turn), self.judge.show(fake, turn)
        # Without second order the steps need no gradient to the generator.
        seen = fake if self.second_order else fake.replace(**{fake.main: fake.x.detach()})
        ahead = turn.lookahead(
            "discriminator",
            lambda judge: self.judge.loss_ahead(real, seen, turn, judge),  # ω^{k+1} = ω^k − …
            self.steps,
            self.second_order,
            None if self.constraint is None else self.constraint.onto,
        )
        return self.judge.lowered(real, fake, of=ahead, saturating=self.saturating)
