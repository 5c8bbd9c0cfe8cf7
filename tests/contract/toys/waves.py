"""A kind of data of one's own, with a field as condition, and two streams of different sizes.

Its model has an ability of its own, with a command, and encodes how fast waves are, not waves.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Protocol, Self

import numpy as np
import torch
import typer
from torch import Tensor, nn

from ganvas.cli import options as asked
from ganvas.cli.speech import say
from ganvas.config import Settings
from ganvas.data.domain import AnyArray, Domain, Preview, Size
from ganvas.data.domains.vector import Vector
from ganvas.data.feed import Feed
from ganvas.data.items import Collection, Items
from ganvas.data.options import DataOptions
from ganvas.data.reader import Reader
from ganvas.data.samplers import Streaming
from ganvas.data.settings import DataSettings
from ganvas.data.source import ArraySource, Source
from ganvas.data.spec import DataSpec
from ganvas.networks import Conditions
from ganvas.play import Adam, Game, Noise, Player, Turns
from ganvas.play.abilities import ability


class WaveOptions(DataOptions):
    """How long waves are."""

    owner: ClassVar[str] = "waves"
    ticks: int = 16


class Waves(Domain):
    """Curves (N, T) float32 in [−1, 1]; halving one keeps means of neighbours."""

    plural: ClassVar[str] = "waves"
    named: ClassVar[str] = "waves"
    Options: ClassVar[type[DataOptions] | None] = WaveOptions

    kind: Literal["waves"] = "waves"
    length: int

    @classmethod
    def of(cls, array: AnyArray, settings: Settings) -> Self:
        return cls(length=array.shape[1])

    @property
    def shape(self) -> Size:
        return (self.length,)

    def mirrored(self, x: Tensor) -> Tensor:
        return x.flip(-1)

    def preview(self, array: AnyArray, columns: int | None = None) -> Preview:
        paths = (" ".join(f"{t},{-y:.3f}" for t, y in enumerate(wave)) for wave in array)
        lines = "".join(f'<polyline points="{path}"/>' for path in paths)
        svg = f'<svg xmlns="http://www.w3.org/2000/svg">{lines}</svg>'
        return Preview(svg.encode(), ".svg")

    def resized(self, x: Tensor, size: Size) -> Tensor:
        return x.unflatten(1, (size[0], -1)).mean(2)


class WaveReader(Reader):
    """Sines of random phase; how fast each is stands beside it."""

    @classmethod
    def recognises(cls, source: str) -> bool:
        return source == "waves"

    @classmethod
    def open(cls, settings: DataSettings) -> Source:
        rng = np.random.default_rng(0)
        speed = rng.uniform(1, 3, (64, 1))
        time = np.linspace(0, 6, settings.of(WaveOptions).ticks)
        x = np.sin(speed * time + rng.uniform(0, 6, (64, 1))).astype(np.float32)
        items = Items({"x": x, "speed": speed})
        domains = {"speed": Vector.of(speed, settings)}
        collection = Collection("waves", {"train": items}, kind="waves", domains=domains)
        return ArraySource(collection, settings)


@ability("hurry")
class CanHurry(Protocol):
    """Plays waves faster."""

    def hurried(self, x: Tensor, by: int) -> Tensor:
        """Return waves (N, T) as they are so many times faster, over and over."""
        ...


def hurry(
    run: asked.ModelFolder,
    out: asked.Out,
    by: Annotated[int, typer.Option(help="How many times faster.", min=2)] = 2,
    game: asked.Game = None,
) -> None:
    """Write samples, so many times faster."""
    model = asked.load_model(run, game, device="cpu")
    hurried = model.asked(CanHurry).hurried
    x = model.sample(3, given={"speed": "2"}).x
    model.domain.save(model.domain.decode(hurried(model.domain.encode(x), by)), out)
    say(f"{by} times faster: {out}")


class WaveSettings(Settings):
    """Nothing to be told."""


class WaveGAN(Game[WaveSettings]):
    """Two judges: one of whole waves, one of halved ones from a stream of its own."""

    system: ClassVar[str] = "wave-gan"
    reads: ClassVar[dict[str, str]] = {"encode": "speed"}
    averaged: ClassVar[tuple[str, ...]] = ("generator",)

    def __init__(self, config: WaveSettings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.conditions = Conditions(spec.conditions)
        (length,), width = spec.shape, self.conditions.width
        self.generator = nn.Linear(4 + width, length)
        self.whole, self.coarse = nn.Linear(length + width, 1), nn.Linear(length // 2, 1)
        self.players = {
            "generator": Player(self.generator, Adam(lr=1e-2)),
            "judges": Player([self.whole, self.coarse], Adam(lr=1e-2)),
        }

    def streams(self) -> dict[str, Streaming]:
        return {"small": Streaming(fields=(), size=(self.spec.shape[0] // 2,), batch=4)}

    def round(self, data: Feed, turn: Turns) -> None:
        real, small = data.next(), data.next("small")
        assert "speed" not in small
        given = self.conditions.of(real)
        assert isinstance(given, Tensor)
        z = self.prior(len(real), turn.noise)
        with turn("judges") as judges:
            fake = self.sample(z, given).detach()
            wanted = (self.whole(torch.cat([real.x, given], 1)) - 1).square().mean()
            halves = (self.coarse(small.x) - 1).square().mean()
            judges.minimise(wanted + halves + self.judged(fake, given).square().mean())
        with turn("generator") as generator:
            generator.minimise((self.judged(self.sample(z, given), given) - 1).square().mean())

    def judged(self, x: Tensor, given: Tensor) -> Tensor:
        return self.whole(torch.cat([x, given], 1)) + self.coarse(x.unflatten(1, (-1, 2)).mean(2))

    def prior(self, n: int, noise: Noise, truncation: float = 1.0) -> Tensor:
        return noise.normal(n, 4) * truncation

    def sample(self, z: Tensor, y: Tensor) -> Tensor:
        return self.generator(torch.cat([z, y], 1))

    def hurried(self, x: Tensor, by: int) -> Tensor:
        return x.repeat(1, by)[:, ::by]

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return x @ self.generator.weight[:1, 4:]
