"""Unrolled: the generator sees the discriminator five real optimiser steps ahead."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import softplus

from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.play import Adam, Game, Noise, Player, Turns


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs))


def discriminator_loss(network, real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-network(real)).mean() + softplus(network(fake)).mean()


class Unrolled(Game):
    system = "unrolled-tiny"
    averaged = ("generator",)

    def __init__(self, config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.generator = mlp(2, spec.shape[0])
        self.discriminator = mlp(spec.shape[0], 1)
        self.players = {
            "generator": Player(self.generator, Adam(lr=1e-3)),
            "discriminator": Player(self.discriminator, Adam(lr=1e-3, beta1=0.5)),
        }

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("discriminator") as discriminator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            discriminator.minimise(discriminator_loss(self.discriminator, real, fake))
        with turn("generator") as generator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            ahead = turn.lookahead(
                "discriminator", lambda d: discriminator_loss(d, real, fake), steps=5
            )
            generator.minimise(softplus(-ahead(fake)).mean())

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 2) * truncation

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.generator(z)

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.discriminator(x).squeeze(1)
