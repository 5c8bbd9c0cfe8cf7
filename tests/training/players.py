"""Games whose samples are known laws, so that a look at them must find what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.items import Collection, Items
from ganvas.data.laws import law
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, LawSource, Source
from ganvas.play import Game, Noise

RING = law("ring8")
Map = Callable[[Tensor], Tensor]


class Known(Game):
    """Maps standard normal numbers (N, 3) to samples by a given function; scores by another."""

    system: ClassVar[str] = "known"

    def __init__(self, source: Source, sample: Map, score: Map | None = None) -> None:
        super().__init__(Settings(), source.spec)
        self._map = sample
        self._score = score or (lambda x: x.flatten(1).sum(1))
        self.net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
        self.players = {}
        self.eval()

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 3)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        self.net(z)
        return self._map(z)

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self._score(x)


def ring(modes: int = 8, width: float = 1.0) -> Map:
    """Return the law of ring8 itself, or of its first few modes, or with another width."""

    def sample(z: Tensor) -> Tensor:
        share = torch.special.ndtr(z[:, 0].double()).clamp(max=1 - 1e-9)
        centres = torch.from_numpy(RING.centres)[(share * modes).long()]
        assert RING.sigma is not None
        return (centres + width * RING.sigma * z[:, 1:].double()).float()

    return sample


def blob(z: Tensor) -> Tensor:
    """Return standard normal points in the plane."""
    return z[:, :2]


def ring_source(**settings: Any) -> LawSource:
    return LawSource(RING, **settings)


def points_source(n: int = 2000, test: int = 0) -> ArraySource:
    """Return standard normal points in the plane, which are their own standardisation."""
    rng = np.random.Generator(np.random.PCG64(1))
    splits = {"train": Items(rng.standard_normal((n, 2)).astype(np.float32))}
    if test:
        splits["test"] = Items(rng.standard_normal((test, 2)).astype(np.float32))
    return ArraySource(Collection("cloud", splits), DataSettings(source="plain", standardise=False))


def log(rounds: int, every: int = 100, **numbers: Any) -> list[dict[str, Any]]:
    """Return log rows up to a round; values may be functions of the round."""
    return [
        {"round": r, "kimg": r * 0.256, "stage": "main", "time": r / 100, "img_per_s": 25_600.0}
        | {k.replace("__", "/"): v(r) if callable(v) else v for k, v in numbers.items()}
        for r in range(every, rounds + 1, every)
    ]
