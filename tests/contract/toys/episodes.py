"""Episodes of K + 1 items of a person, a table with a row for each, and tuning to a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.reader import Reader
from ganvas.data.samplers import Streaming
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, Rows, Source, Table
from ganvas.data.spec import DataSpec
from ganvas.play import Adam, Game, Noise, Player, RowAdam, Turns

PEOPLE, K = 6, 3


class PeopleReader(Reader):
    """Points of several people, each around a place of its own; ``someone`` is one more."""

    @classmethod
    def recognises(cls, source: str) -> bool:
        return source in ("people", "someone")

    @classmethod
    def open(cls, settings: DataSettings) -> Source:
        rng = np.random.default_rng(len(settings.source))
        people = PEOPLE if settings.source == "people" else 1
        who = np.repeat(np.arange(people), 10)
        x = rng.normal(size=(people, 2))[who] + 0.1 * rng.normal(size=(len(who), 2))
        items = Items({"x": x.astype(np.float32), "label": who})
        names = tuple(map(str, range(people)))
        plain = settings.model_copy(update={"standardise": False})
        return ArraySource(Collection(settings.source, {"train": items}, names), plain)


class Episodes:
    """Rows of K + 1 different items of one person."""

    def draw(self, source: Source, rng: np.random.Generator) -> Rows:
        labels = source.items("train")["label"]
        people: Sequence[int] = rng.permutation(source.spec.classes).tolist()
        chosen = [rng.permutation(np.flatnonzero(labels == one))[: K + 1] for one in people]
        return torch.tensor(people), torch.from_numpy(np.stack(chosen))

    def take(self, source: Source, table: Table, rows: Rows) -> Batch:
        people, items = rows
        flat = source.take(table, (items.reshape(-1),))
        return Batch({"x": flat.x.unflatten(0, (-1, K + 1)), "person": people})


class Heads(Game):
    """An embedding of K shots predicts the last; a table of people is drawn to the embeddings."""

    system: ClassVar[str] = "heads"

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.embedder = nn.Linear(2, 4)
        self.generator = nn.Linear(4 + 1, 2)
        self.table = nn.Embedding(spec.classes, 4, sparse=True)
        self.players = {
            "networks": Player([self.embedder, self.generator], Adam(lr=1e-2)),
            "table": Player(self.table, RowAdam(lr=1e-2)),
        }

    def streams(self) -> dict[str, Streaming]:
        return {"main": Streaming(sampler=Episodes())}

    def round(self, data: Feed, turn: Turns) -> None:
        episode = data.next()
        shots, wanted = episode.x[:, :-1], episode.x[:, -1]
        z = turn.noise.normal(len(episode), 1)
        with turn("networks") as networks:
            code = self.embedder(shots).mean(1)
            found = self.generator(torch.cat([code, z], 1))
            networks.minimise((found - wanted).square().mean())
        with turn("table") as table:
            rows = self.table(episode["person"])
            table.minimise((rows - code.detach()).square().sum(1).mean())

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 1) * truncation

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        code = self.table.weight.detach().mean(0).expand(len(z), -1)
        return self.generator(torch.cat([code, z], 1))


class Tuned(Heads):
    """One new person: the table's row begins at the embedding of the person's own items."""

    system: ClassVar[str] = "heads-tuned"

    def begin(self, data: Feed) -> None:
        items = next(data.epoch("train", 100))
        with torch.no_grad():
            self.table.weight.copy_(self.embedder(items.x).mean(0, keepdim=True))

    def streams(self) -> dict[str, Streaming]:
        return {}

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next()
        z = turn.noise.normal(len(real), 1)
        with turn("networks") as networks:
            code = self.table(real["label"])
            networks.minimise((self.generator(torch.cat([code, z], 1)) - real.x).square().mean())
