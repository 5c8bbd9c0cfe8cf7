"""A small game with every kind of setting that recipes know."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ganvas.config import Scheduled, Settings
from ganvas.play import Adam, Game, OptimiserConfig


class Narrow(Settings):
    kind: Literal["narrow"] = "narrow"
    widths: tuple[int, ...] = (16,)


class Deep(Settings):
    kind: Literal["deep"] = "deep"
    layers: int = Field(default=3, ge=1, le=9)


class Penalty(Settings):
    weight: float = Field(default=1.0, ge=0)


class ToyConfig(Settings):
    generator: Annotated[Narrow | Deep, Field(discriminator="kind")] = Narrow()
    optimiser: OptimiserConfig = Adam()
    second: OptimiserConfig = Adam(lr=0.1, beta1=0.9)
    strength: Scheduled = 0.5
    penalties: dict[str, Penalty | None] = Field(default_factory=dict[str, Penalty | None])
    mode: Literal["fast", "exact"] = "fast"
    steps: int = Field(default=1, ge=1)
    clip: float | None = Field(default=None, gt=0)


class Toy(Game[ToyConfig]):
    system: ClassVar[str] = "toy"
