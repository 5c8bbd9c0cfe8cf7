"""Growing: all blocks exist from the start; the fade-in is a buffer that follows the images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.play import Adam, Player, Turns
from tests.contract.games.unrolled import Unrolled, discriminator_loss, mlp


class Fade(nn.Module):
    """A coarse path and a fine one; alpha says how much of the fine one is heard."""

    alpha: Tensor

    def __init__(self, coarse: nn.Module, fine: nn.Module) -> None:
        super().__init__()
        self.coarse, self.fine = coarse, fine
        self.register_buffer("alpha", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return torch.lerp(self.coarse(x), self.fine(x), self.alpha)


class Growing(Unrolled):
    system = "growing-tiny"
    fade_images = 64

    def __init__(self, config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.generator = Fade(nn.Linear(2, spec.shape[0]), mlp(2, spec.shape[0]))
        self.discriminator = Fade(nn.Linear(spec.shape[0], 1), mlp(spec.shape[0], 1))
        self.players = {
            "generator": Player(self.generator, Adam()),
            "discriminator": Player(self.discriminator, Adam()),
        }

    def round(self, data: Feed, turn: Turns) -> None:
        alpha = min(data.seen / self.fade_images, 1.0)
        self.generator.alpha.fill_(alpha)
        self.discriminator.alpha.fill_(alpha)
        real = data.next().x
        with turn("discriminator") as discriminator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            discriminator.minimise(discriminator_loss(self.discriminator, real, fake), alpha=alpha)
        with turn("generator") as generator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            generator.minimise(softplus(-self.discriminator(fake)).mean())
