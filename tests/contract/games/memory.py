"""Memory: slots follow the data by a non-gradient update, in turns that declare it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganvas.data.feed import Feed
from ganvas.data.spec import DataSpec
from ganvas.play import Adam, Game, Noise, Player, Turns
from tests.contract.games.unrolled import mlp


class Memory(Game):
    system = "memory-tiny"
    one_process = "its slots would have to see the samples of all processes"

    slots: Tensor

    def __init__(self, config, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.generator = mlp(2, spec.shape[0])
        self.query = nn.Linear(spec.shape[0], 4)
        self.register_buffer("slots", torch.randn(8, 4))
        self.players = {
            "generator": Player(self.generator, Adam()),
            "query": Player(self.query, Adam()),
        }

    def fit(self, x: Tensor) -> Tensor:
        return torch.cdist(self.query(x), self.slots).amin(1)

    @torch.no_grad()
    def remember(self, x: Tensor) -> None:
        queries = self.query(x)
        nearest = torch.cdist(queries, self.slots).argmin(1)
        self.slots.index_add_(0, nearest, 0.1 * (queries - self.slots[nearest]) / len(x))

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next().x
        with turn("query") as query:
            fake = self.generator(turn.noise.normal(len(real), 2))
            query.minimise((self.fit(real) - self.fit(fake)).mean().tanh())
        self.remember(real)
        with turn("generator") as generator:
            fake = self.generator(turn.noise.normal(len(real), 2))
            generator.minimise(self.fit(fake).mean())

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 2)

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.generator(z)
