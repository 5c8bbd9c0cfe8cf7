"""What grows: games whose networks are trained a level at a time, or all levels at once."""

from __future__ import annotations

from collections.abc import Generator as Yields
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any, Protocol, cast

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import TypeVar

from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError
from ganvas.games.parts.adversarial import Adversarial, AdversarialConfig
from ganvas.games.parts.growing import (
    Growing,
    GrownSampling,
    Phase,
    Size,
    faded,
    level_of,
    stages_of,
)
from ganvas.networks.base import Discriminator, Generator
from ganvas.networks.conditions import Given
from ganvas.nn import Growth
from ganvas.play import Stage, Turns
from ganvas.play.abilities import offers


class HasLevels(Protocol):
    """A network of levels of images.

    Attributes:
        sizes: (height, width) of all of them, coarsest first.
    """

    sizes: list[Size]

    @property
    def growth(self) -> Growth | None:
        """How far it has grown; None if it does not grow."""
        ...


class GrownConfig(AdversarialConfig):
    """Settings of what may grow.

    Attributes:
        growing: the schedule of levels; None: all levels are trained at once.
    """

    growing: Growing | None = None


C = TypeVar("C", bound=GrownConfig, default=GrownConfig, covariant=True)


class Grown(Adversarial[C]):
    """A game that begins with a few pixels, if its settings say so; each doubling is faded in.

    All layers are there from the start: the moving average of a block begins with its first
    weights, and no growth moves any other weight.

    Attributes:
        sizes: (height, width) of all levels, coarsest first.
        phases: of growing; none without.
    """

    Sampling = GrownSampling

    def __init__(self, config: C, spec: DataSpec) -> None:
        super().__init__(config, spec)
        growing = config.growing
        self.sizes = self.levels[0].sizes if growing else [cast(Size, spec.shape[1:])]
        self.phases = growing.phases(self.sizes) if growing else []

    def networks(self) -> tuple[Generator, Discriminator]:
        """Return networks that grow alike, or none of which grows.

        Raises:
            UsageError: one of them does not grow, or they have other levels.
        """
        made = super().networks()
        wanted = self.config.growing is not None
        for role, network in zip(("generator", "discriminator"), made, strict=True):
            grows = offers(network, HasLevels) and network.growth is not None
            if grows and not wanted:
                raise UsageError(
                    f"this {role} grows: set game.growing={{}}, or game.{role}.grows=false"
                )
            if wanted and not grows:
                raise UsageError(f"this {role} does not grow: set game.{role}.kind=progressive")
        levels = [network.sizes for network in made if offers(network, HasLevels)]
        if wanted and levels[0] != levels[1]:
            raise UsageError(
                f"the generator has {len(levels[0])} levels and the discriminator "
                f"{len(levels[1])}: give game.generator and game.discriminator the same base "
                "and doublings"
            )
        return made

    @property
    def levels(self) -> tuple[HasLevels, HasLevels]:
        """The networks as those of levels."""
        return cast(HasLevels, self.generator), cast(HasLevels, self.discriminator)

    @property
    def stands(self) -> tuple[int, float]:
        """The level at which networks stand, and its α."""
        growth = self.levels[0].growth if self.phases else None
        return growth.now if growth else (len(self.sizes) - 1, 1.0)

    # ---- training -------------------------------------------------------------------------------

    def stages(self) -> list[Stage]:
        """Return the phases: each level fades in and rests, on images of its own size."""
        growing = self.config.growing
        if growing is None:
            return super().stages()
        restarts = tuple(self.players) if growing.restart else ()
        return stages_of(self.phases, self.play, restarts)

    def play(self, phase: Phase, data: Feed, turn: Turns) -> None:
        """Bring networks to where the phase is, α by its share of images shown; play a round."""
        self.grow(phase.level, phase.alpha(turn.progress))
        turn.log(**{"growth/alpha": phase.alpha(turn.progress)})
        self.round(data, turn)

    def grow(self, level: int, alpha: float = 1.0) -> None:
        """Let both networks stand at a level, whose own layers have the weight ``alpha``."""
        for network in self.levels:
            if network.growth is not None:
                network.growth.set(level, alpha)

    def as_grown(self, real: Batch) -> Batch:
        """Return real images in the size of the level, faded in as its layers are."""
        if not self.phases:
            return real
        level, alpha = self.stands
        return real.replace(**{real.main: faded(self.at_level(real.x, level), alpha)})

    def at_level(self, x: Tensor, level: int) -> Tensor:
        """Return images (N, C, H, W) in the size of a level."""
        return self.spec.domain.resized(x, self.sizes[level])

    def vet(self) -> None:
        """Refuse networks that have grown to another level than ``game.growing.grown`` says.

        Raises:
            UsageError: they have.
        """
        growing = self.config.growing
        if growing is None:
            return
        stands = self.sizes[self.stands[0]][0]
        if stands != (growing.grown or self.sizes[0][0]):
            told = "" if growing.grown is None else f", and game.growing.grown={growing.grown}"
            raise UsageError(
                f"the networks taken over have grown to {stands} pixels{told}: set "
                f"game.growing.grown={stands} to grow on from there"
            )

    # ---- what a trained model can do ------------------------------------------------------------

    @contextmanager
    def posed(self, options: Mapping[str, Any]) -> Yields[None]:
        """Have images of the level that options name, for a block.

        Raises:
            UsageError: there is no such level, or the model has not grown to it yet.
        """
        stands = self.stands
        level = stands[0]
        if (height := options.get("level")) is not None:
            level = level_of(height, self.sizes, "level")
        if level > stands[0]:
            raise UsageError(
                f"level={height}: the model has grown to {self.sizes[stands[0]][0]} pixels so far"
            )
        self.grow(level, stands[1] if level == stands[0] else 1.0)
        try:
            with super().posed(options):
                yield
        finally:
            self.grow(*stands)

    def sample(self, z: Tensor, y: Given = None) -> Tensor:
        """Return samples (N, *shape): those of a coarser level have its pixels as squares.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        return self.as_large(super().sample(z, y))

    def as_large(self, x: Tensor) -> Tensor:
        """Return images of any level (N, C, h, w) as large as the data's."""
        return x if x.shape[1:] == self.spec.shape else F.interpolate(x, size=self.spec.shape[1:])

    def score(self, x: Tensor, y: Given = None) -> Tensor:
        """Return the critic's score of each image, (N,), in the size of the level that it is at.

        Raises:
            UsageError: the model is conditional, and there are none.
        """
        return super().score(self.at_level(x, self.stands[0]) if self.phases else x, y)
