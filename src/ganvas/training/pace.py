"""How long a round takes: timed if it is quick, else reckoned from its beginning."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.play import Game, Stage
from ganvas.training.footprint import Footprint, OutOfTime, Tally, begun, sizes
from ganvas.training.settings import TrainSettings

AT_LEAST = 0.5
"""Seconds for which rounds are timed, if they are quick."""
ENOUGH = 2.0**36
"""Work (see `ganvas.training.skim.work`) of a round that tells of larger ones: some seconds."""


@dataclass(frozen=True)
class Pace:
    """How long a stage's rounds take.

    Attributes:
        seconds: of one.
        whole: whether it was timed as a whole.
    """

    seconds: float
    whole: bool


def pace(
    taken: Footprint,
    stage: Stage,
    game: Game,
    source: Source,
    settings: TrainSettings,
    device: torch.device,
    seed: int,
    patience: float,
) -> Pace:
    """Time a stage of a game that is thrown away: with a small batch, and broken off if it is long.

    Args:
        taken: what the stage takes, by which a part of a round tells of the whole.
        stage: of the game, from its middle.
        game: on the device.
        source: its data.
        settings: how it would be trained.
        device: where.
        seed: of data and noise.
        patience: seconds for which one would wait for a round.
    """
    alone = taken.batch != settings.batch
    share = (ENOUGH - taken.labour[0]) / max(taken.labour[1], 1.0)
    for batch in [settings.batch] if alone else sizes(settings.batch, int(share)):
        try:
            play = begun(stage, game, source, settings, device, seed, batch)
            seconds, done, finished = _beginning(play, device, patience)
        except UsageError:  # packs, parts and groups ask for multiples
            if batch == settings.batch:
                raise
            continue
        if not finished or batch < settings.batch:
            return Pace(seconds * taken.work() / max(done, 1.0), whole=False)
        return Pace(_of_one(play), whole=True)
    raise AssertionError("the whole batch is among the sizes")


def _beginning(
    play: Callable[[], int], device: torch.device, patience: float
) -> tuple[float, float, bool]:
    """Play a round for so many seconds; return how many it were, the work, and whether it ended."""
    began, finished = time.perf_counter(), True
    with Tally(until=began + patience) as tally:
        try:
            play()
        except OutOfTime:
            finished = False
            if device.type == "cuda":
                torch.cuda.synchronize(device)
    return time.perf_counter() - began, tally.work, finished


def _of_one(play: Callable[[], int]) -> float:
    """Return the seconds of a quick round."""
    began, rounds = time.perf_counter(), 0
    while not rounds or time.perf_counter() - began < AT_LEAST:
        play()
        rounds += 1
    return (time.perf_counter() - began) / rounds
