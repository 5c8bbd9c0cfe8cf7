"""Two streams: each player draws its own real data, of its own size, at its own pace."""

from __future__ import annotations

from torch.nn.functional import softplus

from ganvas.data.feed import Feed
from ganvas.play import Turns
from tests.contract.games.unrolled import Unrolled, discriminator_loss


class TwoStreams(Unrolled):
    system = "two-streams-tiny"

    def round(self, data: Feed, turn: Turns) -> None:
        for _ in range(2):
            with turn("discriminator") as discriminator:
                real = data.next().x
                fake = self.generator(turn.noise.normal(len(real), 2))
                discriminator.minimise(discriminator_loss(self.discriminator, real, fake))
        with turn("generator") as generator:
            paired = data.next("paired", data.batch // 2).x
            fake = self.generator(turn.noise.normal(len(paired), 2))
            loss = softplus(self.discriminator(paired) - self.discriminator(fake)).mean()
            generator.minimise(loss)
