"""Progressive GAN: generator and critic grow together, a level at a time (Karras et al. 2018)."""

from __future__ import annotations

from collections.abc import Generator as Yields
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig, Labels
from ganvas.games.parts.growing import (
    Growing,
    GrownSampling,
    Phase,
    faded,
    level_of,
    stages_of,
)
from ganvas.games.parts.objectives import AnyObjective
from ganvas.games.parts.objectives.wasserstein import Wasserstein
from ganvas.games.parts.penalties import AnyPenalty
from ganvas.games.parts.penalties.gradient import GradientPenalty
from ganvas.games.parts.priors import AnyPrior
from ganvas.games.parts.priors.normal import Normal
from ganvas.networks import DiscriminatorConfig, GeneratorConfig
from ganvas.networks.base import Discriminator, Generator
from ganvas.networks.conditions import Given
from ganvas.networks.progressive import (
    ProgressiveDiscriminator,
    ProgressiveDiscriminatorNet,
    ProgressiveGenerator,
    ProgressiveGeneratorNet,
)
from ganvas.play import Adam, OptimiserConfig, Stage, Turns


class ProgressiveConfig(AdversarialConfig):
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
    growing: Growing = Growing()


class Progressive(Adversarial[ProgressiveConfig]):
    """Training begins with a few pixels; each doubling is faded in, in both networks and the data.

    All layers are there from the start: the moving average of a block begins with its first
    weights, and no growth moves any other weight.
    """

    system: ClassVar[str] = "progressive"
    Sampling = GrownSampling

    generator: ProgressiveGeneratorNet

    def __init__(self, config: ProgressiveConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sizes = self.generator.sizes
        self.phases = config.growing.phases(self.sizes)

    def networks(self) -> tuple[Generator, Discriminator]:
        """Return networks that grow alike.

        Raises:
            UsageError: one of them does not grow, or they have other levels.
        """
        generator, critic = super().networks()
        if not isinstance(generator, ProgressiveGeneratorNet):
            raise UsageError("this generator does not grow: set game.generator.kind=progressive")
        if not isinstance(critic, ProgressiveDiscriminatorNet):
            raise UsageError(
                "this discriminator does not grow: set game.discriminator.kind=progressive"
            )
        if generator.sizes != critic.sizes:
            raise UsageError(
                f"the generator has {len(generator.sizes)} levels and the discriminator "
                f"{len(critic.sizes)}: give game.generator and game.discriminator the same base "
                "and doublings"
            )
        return generator, critic

    # ---- training -------------------------------------------------------------------------------

    def stages(self) -> list[Stage]:
        """Return the phases: each level fades in and rests, on images of its own size."""
        restarts = tuple(self.players) if self.config.growing.restart else ()
        return stages_of(self.phases, self.play, restarts)

    def play(self, phase: Phase, data: Feed, turn: Turns) -> None:
        """Bring networks to where the phase is, α by its share of images shown; play a round."""
        self.grow(phase.level, phase.alpha(turn.progress))
        turn.log(**{"growth/alpha": phase.alpha(turn.progress)})
        self.round(data, turn)

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

    def grow(self, level: int, alpha: float = 1.0) -> None:
        """Let both networks stand at a level, whose own layers have the weight ``alpha``."""
        self.generator.growth.set(level, alpha)
        self.critic.growth.set(level, alpha)

    def as_grown(self, real: Batch) -> Batch:
        """Return real images in the size of the level, faded in as its layers are."""
        level, alpha = self.generator.growth.now
        return real.replace(**{real.main: faded(self.at_level(real.x, level), alpha)})

    def at_level(self, x: Tensor, level: int) -> Tensor:
        """Return images (N, C, H, W) in the size of a level."""
        return self.spec.domain.resized(x, self.sizes[level])

    def vet(self) -> None:
        """Refuse networks that have grown to another level than ``game.growing.grown`` says.

        Raises:
            UsageError: they have.
        """
        grown = self.config.growing.grown
        stands = self.sizes[self.generator.growth.now[0]][0]
        if stands != (grown or self.sizes[0][0]):
            told = "" if grown is None else f", and game.growing.grown={grown}"
            raise UsageError(
                f"the networks taken over have grown to {stands} pixels{told}: set "
                f"game.growing.grown={stands} to grow on from there"
            )

    @property
    def critic(self) -> ProgressiveDiscriminatorNet:
        """The judge's network."""
        return cast(ProgressiveDiscriminatorNet, self.judge.network)

    # ---- what a trained model can do ------------------------------------------------------------

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Yields[None]:
        """Have images of the level that options name, for a block.

        Raises:
            UsageError: there is no such level, or the model has not grown to it yet.
        """
        stands = self.generator.growth.now
        level = stands[0]
        if (height := options.get("level")) is not None:
            level = level_of(height, self.sizes, "level")
        if level > stands[0]:
            raise UsageError(
                f"level={height}: the model has grown to {self.sizes[stands[0]][0]} pixels so far"
            )
        self.grow(level, stands[1] if level == stands[0] else 1.0)
        try:
            yield
        finally:
            self.grow(*stands)

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return samples (N, *shape): those of a coarser level have its pixels as squares.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        x = super().sample(z, y)
        return x if x.shape[1:] == self.spec.shape else F.interpolate(x, size=self.spec.shape[1:])

    def score(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the critic's score of each image, (N,), in the size of the level that it is at.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        return super().score(self.at_level(x, self.critic.growth.now[0]), y)
