"""A judge of two scales whose features a term reads from the same pass; an encoder; a map."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Size
from ganvas.data.feed import Feed
from ganvas.data.image_options import ImageOptions
from ganvas.data.items import Collection, Items
from ganvas.data.open import views_of
from ganvas.data.reader import Reader
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, Source
from ganvas.data.spec import DataSpec
from ganvas.games.parts.judge import Judge
from ganvas.games.parts.objectives.least_squares import LeastSquares
from ganvas.games.parts.terms import FeatureMatching
from ganvas.networks import Conditions
from ganvas.networks.base import Discriminator
from ganvas.networks.conditions import NONE
from ganvas.play import Adam, Game, Noise, Player, Turns


class Regions(Domain):
    """Maps of regions 0 … count − 1, uint8 (N, H, W); float32 one-hot maps for networks."""

    plural: ClassVar[str] = "maps of regions"
    condition: ClassVar[bool] = True
    grid: ClassVar[int] = 2

    kind: Literal["regions"] = "regions"
    count: int
    size: tuple[int, int]

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        return cls(count=int(array.max()) + 1, size=array.shape[1:])

    @property
    def shape(self) -> Size:
        return (self.count, *self.size)

    @property
    def array_shape(self) -> Size:
        return self.size

    def normalise(self, staged: Tensor) -> Tensor:
        return (staged[:, None] == torch.arange(self.count)[:, None, None]).float()

    def decode(self, tensor: Tensor) -> AnyArray:
        return tensor.argmax(1).to(torch.uint8).cpu().numpy()

    def mirrored(self, x: Tensor) -> Tensor:
        return x.flip(-1)


class RegionReader(Reader):
    """Small grey pictures, each pixel as bright as the region of its map."""

    @classmethod
    def recognises(cls, source: str) -> bool:
        return source == "regions"

    @classmethod
    def open(cls, settings: DataSettings) -> Source:
        rng = np.random.default_rng(0)
        maps = rng.integers(3, size=(32, 8, 8), dtype=np.uint8)
        items = Items({"picture": (100 * maps)[..., None], "map": maps}, main="picture")
        domains = {"map": Regions.of(maps, settings)}
        collection = Collection("regions", {"train": items}, kind="images", domains=domains)
        source = ArraySource(collection, settings)
        source.views = views_of(settings.of(ImageOptions))
        return source


class TwoScales(Discriminator):
    """Logits of every pixel at two scales, and what came before them."""

    def __init__(self, maps: int) -> None:
        super().__init__(NONE, "none")
        self.hidden = nn.ModuleList(nn.Conv2d(1 + maps, 4, 3, padding=1) for _ in range(2))
        self.last = nn.ModuleList(nn.Conv2d(4, 1, 1) for _ in range(2))
        self.passes = 0

    def judge(self, x: Tensor, y: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        self.passes += 1
        both = torch.cat([x, y], 1)
        seen = (both, nn.functional.avg_pool2d(both, 2))
        h = tuple(torch.relu(layer(part)) for layer, part in zip(self.hidden, seen, strict=True))
        return tuple(last(part) for last, part in zip(self.last, h, strict=True)), h


class MapGAN(Game):
    """Pictures of maps, with an encoder of pictures whose code joins the map."""

    system: ClassVar[str] = "map-gan"

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.conditions = Conditions(spec.conditions)
        maps = spec.fields["map"].shape[0]
        self.generator = nn.Conv2d(maps + 2, 1, 3, padding=1)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        matching = FeatureMatching(weight=1.0, alone=False)
        network = TwoScales(maps)
        self.judge = Judge(network, LeastSquares(), conditions=self.conditions, matching=matching)
        self.players = {
            "generator": Player([self.generator, self.encoder], Adam(lr=1e-2)),
            "discriminator": Player(self.judge, Adam(lr=1e-2)),
        }

    def round(self, data: Feed, turn: Turns) -> None:
        real = data.next()
        regions = real["map"]
        # The picture was made from its map, and both are mirrored alike.
        drawn = 100 * regions.argmax(1) / 127.5 - 1
        assert torch.allclose(real.x[:, 0], drawn.to(real.x.dtype), atol=1e-6)
        with turn("discriminator") as discriminator:
            z = turn.noise.normal(len(real), 2)
            fake = real.replace(picture=self.sample(z, regions).detach())
            discriminator.minimise(self.judge.loss(*self.judge.see(turn, real, fake), turn))
        with turn("generator") as generator:
            fake = real.replace(picture=self.sample(self.encode(real.x), regions))
            network = self.judge.network
            assert isinstance(network, TwoScales)
            before = network.passes
            generator.minimise(self.judge.confusion(real, fake, turn))
            assert network.passes == before + 2  # one of fakes, one of real features

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 2) * truncation

    def sample(self, z: Tensor, y: Tensor) -> Tensor:
        if not isinstance(y, Tensor):
            y = y["map"]
        tiled = z[:, :, None, None].expand(-1, -1, *y.shape[2:])
        return torch.tanh(self.generator(torch.cat([y, tiled], 1)))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.encoder(x)
