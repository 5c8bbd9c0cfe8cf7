"""Drawn: dropout and noise inside networks, in parts, ahead, and beside a reference batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.networks.base import Generator
from ganvas.networks.conditions import NONE
from ganvas.networks.virtual import VirtuallyNormalised
from ganvas.nn import BatchNorm, Drawing
from ganvas.play import Adam, Player, Turns
from tests.contract.games.unrolled import Unrolled, discriminator_loss


class Speckle(Drawing):
    """Adds noise of its own, in evaluation, too."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * self.normal(x, *x.shape[1:])


class Inner(Generator):
    def __init__(self) -> None:
        super().__init__(2, NONE, (2,))
        layers = nn.Linear(2, 8), nn.Dropout(0.4), BatchNorm(8), Speckle(), nn.Linear(8, 2)
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.layers(z)


class Drawn(Unrolled):
    system = "drawn-tiny"

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.generator = VirtuallyNormalised(Inner(), torch.randn(4, 2))
        layers = nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 1)
        self.discriminator = nn.Sequential(*layers)
        self.players["generator"] = Player(self.generator, Adam(lr=1e-3))
        self.players["discriminator"] = Player(self.discriminator, Adam(lr=1e-3))
        self.accumulate = 2

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next()
        z = Batch(self.prior(len(real), turn.noise))
        with turn("discriminator") as discriminator:
            for x, part in turn.parts(real, z):
                loss = discriminator_loss(self.discriminator, x.x, self.generator(part.x))
                discriminator.minimise(loss)
        with turn("generator") as generator:
            x, fake = real.x, self.generator(z.x)
            ahead = turn.lookahead("discriminator", lambda d: discriminator_loss(d, x, fake), 1)
            generator.minimise(softplus(-ahead(fake)).mean())
