"""Looks at conditional games: every sample is drawn and judged with its own class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganvas.data.items import Collection, Items
from ganvas.data.source import ArraySource, Source
from ganvas.diagnosis.watch import Watch
from ganvas.networks import Conditions
from tests.training.players import Known


class Labelled(Known):
    """Draws the class itself, and says how far an item is from the class it came with."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, lambda z: z[:, :2])
        self.conditions = Conditions(source.spec.conditions)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        assert y is not None
        return torch.stack([self.wanted(y), z[:, 0]], 1)

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        assert y is not None
        return -(x[:, 0] - self.wanted(y)).abs().round(decimals=3)

    def wanted(self, y: Tensor) -> Tensor:
        domain = self.spec.domain
        return domain.encode(np.stack([y.numpy(), 0 * y.numpy()], 1).astype(np.float32))[:, 0]


def test_real_items_and_samples_go_with_their_classes() -> None:
    """Ninety of a hundred items are of the first class, and so are as many samples."""
    rng = np.random.Generator(np.random.PCG64(0))

    def split(n: int) -> Items:
        y = rng.choice(3, n, p=[0.9, 0.07, 0.03])
        return Items(np.stack([y, rng.normal(size=n)], 1).astype(np.float32), y)

    splits = {"train": split(900), "test": split(700)}
    source = ArraySource(Collection("classes", splits))
    game = Labelled(source)
    seen: list[Tensor] = []
    sample = game.sample
    game.sample = lambda z, y=None: seen.append(y) or sample(z, y)  # pyright: ignore
    numbers = Watch(source, 0, list, {}).look(game)
    assert numbers["discriminator/auc"] == numbers["discriminator/overfit"] == 0.5
    shares = torch.cat(seen).bincount(minlength=3) / len(torch.cat(seen))
    np.testing.assert_allclose(shares, [0.9, 0.07, 0.03], atol=0.04)
