"""Gated: the discriminator sits out while it wins too clearly (3D-GAN's rule)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganvas.data.feed import Feed
from ganvas.play import Turns
from tests.contract.games.unrolled import Unrolled, discriminator_loss


class Gated(Unrolled):
    system = "gated-tiny"
    threshold = 0.8

    def accuracy(self, real: Tensor, fake: Tensor) -> Tensor:
        right = (self.discriminator(real) > 0).float().mean()
        return (right + (self.discriminator(fake) < 0).float().mean()) / 2

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("discriminator") as discriminator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            with torch.no_grad():
                accuracy = turn.ranks.mean(self.accuracy(real, fake))
            discriminator.minimise(
                discriminator_loss(self.discriminator, real, fake), accuracy=accuracy
            )
            discriminator.skip(accuracy > self.threshold)
        with turn("generator") as generator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            generator.minimise(softplus(-self.discriminator(fake)).mean())
