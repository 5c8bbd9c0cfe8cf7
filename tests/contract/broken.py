"""Games that break the contract, each in one way; the suite must catch them."""

from __future__ import annotations

import torch

from ganvas.data.feed import Feed
from ganvas.play import Turns
from tests.contract.games.unrolled import Unrolled, discriminator_loss


class Meddling(Unrolled):
    """Moves the generator's weights in the discriminator's turn."""

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("discriminator") as discriminator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            discriminator.minimise(discriminator_loss(self.discriminator, real, fake))
            with torch.no_grad():
                self.generator[0].weight.add_(0.1)
        with turn("generator") as generator:
            generator.minimise(self.generator(turn.noise.normal(len(real), 2)).square().mean())


class Forgetful(Unrolled):
    """Keeps a count that no checkpoint knows of."""

    count = 0

    def round(self, data: Feed, turn: Turns) -> None:
        self.count += 1
        real = data.next().x * self.count
        with turn("discriminator") as discriminator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            discriminator.minimise(discriminator_loss(self.discriminator, real, fake))
        with turn("generator") as generator:
            generator.minimise(self.generator(turn.noise.normal(len(real), 2)).square().mean())


class Coupled(Unrolled):
    """Subtracts a statistic of its own slice of the batch."""

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("discriminator") as discriminator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            loss = discriminator_loss(self.discriminator, real - real.mean(0), fake)
            discriminator.minimise(loss)
        with turn("generator") as generator:
            generator.minimise(self.generator(turn.noise.normal(len(real), 2)).square().mean())
