"""Accumulated: one step on a batch that is seen in pieces, plus a lazily played penalty."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.play import Adam, Player, Turns
from tests.contract.games.unrolled import Unrolled, discriminator_loss


class Accumulated(Unrolled):
    system = "accumulated-tiny"
    pieces = 2
    every = 3

    def __init__(self, config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.players["discriminator"] = Player(self.discriminator, Adam(lr=1e-3), lazy=self.every)

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        noise = turn.noise.normal(len(real), 2)
        pieces = list(zip(real.chunk(self.pieces), noise.chunk(self.pieces), strict=True))
        with turn("discriminator") as discriminator:
            for x, z in pieces:
                loss = discriminator_loss(self.discriminator, x, self.generator(z))
                discriminator.minimise(loss / self.pieces)
        if turn.due(self.every):
            with turn("discriminator", lazy=self.every) as discriminator:
                x = real.detach().requires_grad_()
                (slope,) = torch.autograd.grad(self.discriminator(x).sum(), x, create_graph=True)
                discriminator.minimise(slope.square().sum(1).mean())
        with turn("generator") as generator:
            for _, z in pieces:
                fake = self.generator(z)
                generator.minimise(softplus(-self.discriminator(fake)).mean() / self.pieces)
