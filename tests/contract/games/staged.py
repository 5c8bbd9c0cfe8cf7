"""Staged: an autoencoder first, then the game, then fine-tuning of the decoder alone."""

from __future__ import annotations

from torch.nn.functional import softplus

from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.play import Adam, Player, Stage, Turns
from tests.contract.games.unrolled import Unrolled, discriminator_loss, mlp


class Staged(Unrolled):
    system = "staged-tiny"

    def __init__(self, config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.encoder = mlp(spec.shape[0], 2)
        self.players["encoder"] = Player(self.encoder, Adam())

    def stages(self) -> list[Stage]:
        return [
            Stage("pretrain", self.pretrain, rounds=3),
            Stage("main", self.round),
            Stage("fine-tune", self.fine_tune, rounds=2),
        ]

    def pretrain(self, data: Feed, turn: Turns) -> None:
        x = data.next("pretrain").x
        with turn("encoder", "generator") as both:
            both.minimise((self.generator(self.encoder(x)) - x).square().mean())

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("discriminator") as discriminator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            discriminator.minimise(discriminator_loss(self.discriminator, real, fake))
        with turn("generator") as generator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            generator.minimise(softplus(-self.discriminator(fake)).mean())

    def fine_tune(self, data: Feed, turn: Turns) -> None:
        x = data.next("fine-tune").x
        with turn("generator") as generator:
            generator.minimise((self.generator(self.encoder(x)) - x).square().mean())
