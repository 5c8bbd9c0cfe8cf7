"""Small games on real data, ready to be played, and tables that remember what was played."""

from __future__ import annotations

from typing import Any

from ganvas.config import Settings
from ganvas.data.batch import Batch
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.games import find_game
from ganvas.games.parts.adversarial import Adversarial, learn
from ganvas.play import Game, Noise, Turn, Turns, build

TINY = {"kind": "mlp", "widths": [8, 8]}
SMALL_IMAGES = {"kind": "dcgan", "width": 4, "stages": 2}


class Recorded(Turns):
    """A table that lists the players of every turn."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.order: list[str] = []

    def open(self, turn: Turn) -> None:
        self.order.append("+".join(seat.name for seat in turn.seats))
        super().open(turn)


def config(system: str, **settings: Any) -> Settings:
    """Return settings of a system on tiny fully connected networks, with changes."""
    tiny = {"generator": TINY, "discriminator": TINY}
    return find_game(system).Config.model_validate(tiny | settings)


def play(
    system: str, source: str = "ring8", batch: int = 16, seed: int = 0, **settings: Any
) -> tuple[Any, Feed, Recorded]:
    """Return a fresh game of a system, its data and its table."""
    data = open_data(DataSettings(source=source))
    game: Game = build(find_game(system), config(system, **settings), data.spec, seed)
    feed = Feed(data, batch=batch, seed=seed, streams=game.streams())
    table = Recorded(game.players, Noise(seed), accumulate=game.accumulate)
    table.hold()
    return game.train(), feed, table


def rounds(game: Game, feed: Feed, table: Turns, count: int) -> None:
    """Play so many rounds, counted from the table's own."""
    for _ in range(count):
        game.round(feed, table)
        table.round += 1


def judge_learns(game: Adversarial, real: Batch, turn: Turns) -> None:
    """Play the judge's turn on real samples and fresh fakes."""
    learn(game, real, game.fakes(real, turn), turn)


def generator_learns(game: Adversarial, real: Batch, turn: Turns) -> None:
    """Play the generator's turn."""
    with turn("generator") as generator:
        for x, z in turn.parts(real, game.latents(real, turn)):
            generator.minimise(game.judge.confusion(x, game.generate(z), turn))
