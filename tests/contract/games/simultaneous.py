"""Simultaneous: both players step from one snapshot, each on its own loss over one graph."""

from __future__ import annotations

from torch.nn.functional import softplus

from ganvas.data.feed import Feed
from ganvas.play import Turns
from tests.contract.games.unrolled import Unrolled


class Simultaneous(Unrolled):
    system = "simultaneous-tiny"

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("generator", "discriminator") as (generator, discriminator):
            fake = self.discriminator(self.generator(turn.noise.normal(len(real), 2)))
            loss = softplus(-self.discriminator(real)).mean() + softplus(fake).mean()
            discriminator.minimise(loss, retain=True)
            generator.minimise(softplus(-fake).mean())
