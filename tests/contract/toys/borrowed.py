"""Networks that are found, not trained: one compares features, one is the discriminator's eyes."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.nn import Frozen
from ganvas.play import Adam, Game, Noise, Player, Turns

WIDTH = 128


class BorrowedSettings(Settings):
    """Where the weights of the features are; empty: they are drawn from a seed."""

    features: str = ""


def features(path: str = "") -> nn.Sequential:
    """Return a network with layers that behave otherwise in training."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        hidden = nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.Tanh(), nn.Dropout(0.5)
        network = nn.Sequential(nn.Linear(2, WIDTH), nn.Tanh(), *hidden, nn.Linear(WIDTH, 4))
    if path:
        network.load_state_dict(load_file(path))
    return network


class Eyed(nn.Module):
    """A score that is linear in features of somebody else's network."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.eyes = Frozen(lambda: features(path))
        self.score = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N,)."""
        return self.score(self.eyes(x)).squeeze(1)


class Borrowed(Game[BorrowedSettings]):
    """A generator that matches features, too."""

    system: ClassVar[str] = "borrowed-gan"
    averaged: ClassVar[tuple[str, ...]] = ("generator", "discriminator")

    def __init__(self, config: BorrowedSettings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.generator = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
        self.discriminator = Eyed(config.features)
        self.perceptual = Frozen(lambda: features(config.features))
        self.players = {
            "generator": Player(self.generator, Adam(lr=1e-2)),
            "discriminator": Player(self.discriminator, Adam(lr=1e-2)),
        }

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("discriminator") as discriminator:
            fake = self.sample(self.prior(len(real), turn.noise)).detach()
            judged = F.softplus(-self.discriminator(real)) + F.softplus(self.discriminator(fake))
            discriminator.minimise(judged.mean())
        with turn("generator") as generator:
            fake = self.sample(self.prior(len(real), turn.noise))
            apart = cast(Tensor, self.perceptual(fake) - self.perceptual(real))
            generator.minimise(F.softplus(-self.discriminator(fake)).mean() + apart.abs().mean())

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 3) * truncation

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.generator(z)

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.discriminator(x)
