"""Progressive growing: stages in kimg at doubling sizes, smaller batches, optimisers anew."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.feed import Feed
from ganvas.data.samplers import Streaming
from ganvas.data.spec import DataSpec
from ganvas.play import Adam, Game, Noise, Player, Stage, Turns

SIZES = {7: 16, 14: 8, 28: 4}
"""Batches by the side of the images."""


class Blocks(nn.Module):
    """Layers for every size, of which those up to the side of the stage are used."""

    side: Tensor

    def __init__(self, layers: dict[int, nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({str(side): layer for side, layer in layers.items()})
        self.register_buffer("side", torch.tensor(min(SIZES)))

    def at(self, side: int) -> nn.Module:
        return self.layers[str(side)]


class Painter(Blocks):
    def __init__(self) -> None:
        first = {7: nn.Linear(3, 49)}
        super().__init__(first | {side: nn.Conv2d(1, 1, 3, padding=1) for side in (14, 28)})

    def forward(self, z: Tensor) -> Tensor:
        x = self.at(7)(z).view(-1, 1, 7, 7)
        for side in (14, 28):
            if side <= int(self.side):
                x = self.at(side)(F.interpolate(x, scale_factor=2))
        return torch.tanh(x)


class Critic(Blocks):
    def __init__(self) -> None:
        last = {7: nn.Linear(49, 1)}
        super().__init__(last | {side: nn.Conv2d(1, 1, 3, padding=1) for side in (14, 28)})

    def forward(self, x: Tensor) -> Tensor:
        for side in (28, 14):
            if side <= int(self.side):
                x = F.avg_pool2d(F.leaky_relu(self.at(side)(x), 0.2), 2)
        return self.at(7)(x.flatten(1)).squeeze(1)


class Growing(Game):
    """A fade-in and a rest would be two stages of a size; here each size has one."""

    system: ClassVar[str] = "growing-gan"
    averaged: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.generator, self.critic = Painter(), Critic()
        self.players = {
            "generator": Player(self.generator, Adam(lr=1e-3)),
            "critic": Player(self.critic, Adam(lr=1e-3)),
        }

    def stages(self) -> list[Stage]:
        """Return three: 48, 32 and 20 images, in rounds of 16, 8 and 4."""
        return [
            Stage(
                f"{side}x{side}",
                partial(self.play_at, side),
                kimg=kimg,
                streams={"main": Streaming(size=(side, side), batch=batch)},
                restarts=("generator", "critic") if side > min(SIZES) else (),
            )
            for (side, batch), kimg in zip(SIZES.items(), (0.048, 0.032, 0.020), strict=True)
        ]

    def play_at(self, side: int, data: Feed, turn: Turns) -> None:
        for network in (self.generator, self.critic):
            network.side.fill_(side)
        real = data.next().x
        turn.log(side=real.shape[-1], batch=float(len(real)))
        z = turn.noise.normal(len(real), 3)
        with turn("critic") as critic:
            fake = self.generator(z).detach()
            critic.minimise(
                F.softplus(-self.critic(real)).mean() + F.softplus(self.critic(fake)).mean()
            )
        with turn("generator") as generator:
            generator.minimise(F.softplus(-self.critic(self.generator(z))).mean())

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 3) * truncation

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images at full size, whatever the stage."""
        x = self.generator(z)
        return F.interpolate(x, scale_factor=28 // x.shape[-1])
