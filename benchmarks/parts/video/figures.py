"""One run of 32×32, 16 frames for each system that has none elsewhere, and what it looks like.

Runs: ``vgan`` (blobs), ``tgan`` (bouncing digits) and ``tganv2`` (shapes), by their recipes, which
have 16 pixels or more rounds; each leaves a sheet of six samples in the work folder. MoCoGAN's is
``heroes`` of the part ``mocogan``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from common import Row
from parts.video._playing import drawn, played, scored, sheet
from parts.video.vgan import pictured

from ganvas.games.vgan import VGAN

MINUTES = 17
SAMPLES = 512
FALLING = "{start: 2e-3, end: 0, shape: linear}"
FIGURES: dict[str, tuple[str, float, list[str]]] = {
    # A stage more than of 16 pixels: the discriminator still sees a clip as a whole.
    "vgan": ("vgan/blobs", 240, ["data.size=32", "game.discriminator.stages=4"]),
    "tgan": ("tgan/bouncing_digits", 240, ["data.size=32", "game.discriminator.stages=4"]),
    "tganv2": (
        "tganv2/shapes",
        420,
        [f"game.{player}_optimiser.lr={FALLING}" for player in ("generator", "discriminator")],
    ),
}
"""Each system's recipe, seconds of one core, and settings."""
WANTED = ("frechet", "kid", "coverage_ratio", "flicker")


def figure(name: str, work: Path) -> Row:
    """Train for so long; measure samples, and write a sheet of some."""
    recipe, seconds, words = FIGURES[name]
    game, source, rounds, taken = played(recipe, words, seconds=seconds)
    path = work / "figures" / f"{name}.png"
    if isinstance(game, VGAN):
        pictured(game, path, scale=2)
    else:
        sheet(path, game.spec.domain.decode(drawn(game, 6)), scale=2)
    clips = game.spec.domain.decode(drawn(game, SAMPLES))
    told = {"rounds": rounds, "ms a round": round(1000 * taken / rounds)}
    return {**told, **scored(source, clips, WANTED)}


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    for name in FIGURES:
        yield name, partial(figure, name, work)
