"""The toys with their data, importable by name from other processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ganvas import testing
from ganvas.config import Settings
from ganvas.data.open import open_data
from ganvas.data.settings import settings_type
from ganvas.data.source import Source
from ganvas.play import Game
from tests.contract.toys import borrowed, episodes, growing, lazy, scales, waves


@dataclass(frozen=True)
class Toy:
    """A game of its own with its data, and how its model is asked for samples."""

    game: type[Game]
    data: dict[str, Any]
    given: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"{self.game.__module__}:{self.game.__name__}"


TOYS = {
    "waves": Toy(
        waves.WaveGAN,
        {"source": "waves", "ticks": 12},
        given=("speed=2.5",),
        beside=("samples-labels.csv",),
        shown=("round 6",),
    ),
    "scales": Toy(
        scales.MapGAN,
        {"source": "regions", "mirror": True},
        given=("map={map}",),
        beside=("samples-map.npy",),
    ),
    "episodes": Toy(episodes.Heads, {"source": "people"}),
    "lazy": Toy(
        lazy.Lazy,
        {"source": "ring8"},
        beside=("samples-spread.npy",),
        shown=("round 6", "round 6, spread"),
    ),
    "growing": Toy(growing.Growing, {"source": "digits"}),
    "borrowed": Toy(borrowed.Borrowed, {"source": "ring8"}),
}


def source_of(name: str) -> Source:
    return open_data(settings_type().model_validate(TOYS[name].data))


def sources() -> dict[str, Callable[[], Source]]:
    return {
        "waves": waves_source,
        "scales": maps_source,
        "episodes": people,
        "lazy": ring,
        "growing": digits,
        "borrowed": ring,
    }


def waves_source() -> Source:
    return source_of("waves")


def maps_source() -> Source:
    return source_of("scales")


def people() -> Source:
    return source_of("episodes")


def ring() -> Source:
    return source_of("lazy")


def digits() -> Source:
    return source_of("growing")


def case(name: str) -> testing.Case:
    game: Any = TOYS[name].game
    settings: Settings = game.Config()
    return testing.Case(game, settings, sources()[name], rounds=5)
