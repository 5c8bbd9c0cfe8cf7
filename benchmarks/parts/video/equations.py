"""Equations on a disc that swings: MoCoGAN's paths by a GRU, an ODE and an SDE.

Runs: ``gru``, ``ode`` (1,633 parameters, the GRU's 1,632), ``ode of 48`` (1,600), ``sde``, all of
equal rounds; ``gru 1``, ``ode 1`` … (the same from other seeds); ``time`` of rounds, against the
host's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Row, trained_model
from moving import Clips, Distance, places, speed, vanished

from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.games import find_game
from ganvas.play import Noise, Turns, build
from ganvas.recipes import load_recipe

MINUTES = 12
COUNT = 512
ROUNDS = 600
RECIPES = {"gru": "oscillator", "ode": "oscillator_ode", "sde": "oscillator_sde"}
NARROWER = "ode of 48"
AGAIN = ("gru 1", "ode 1", "gru 2", "ode 2")


def clips_of(split: str) -> Clips:
    """Return clips of discs that swing."""
    source = open_data(DataSettings.model_validate({"source": "oscillator", "size": 16}))
    return np.asarray(source.items(split).x[:COUNT])


def measured(name: str, work: Path) -> Row:
    """Train one kind of path; look at its samples at other rates, and at what came before."""
    folder = work / f"equations-{name.replace(' ', '-')}"
    kind, *further = name.split()
    words = [f"train.rounds={ROUNDS}"]
    if name == NARROWER:
        words.append("game.temporal.hidden=48")
    elif further:
        words.append(f"seed={further[0]}")
    model = trained_model(f"mocogan/{RECIPES[kind]}", folder, words)
    train, test = clips_of("train"), clips_of("test")
    known = Distance(train, test)
    clips = model.sample(COUNT).x
    twice = model.sample(COUNT, rate=2.0).x
    longer = model.sample(COUNT, frames=31).x
    row: Row = {
        "frechet[pca]": known(clips),
        "frechet[pca] real": known(train),
        "speed": speed(clips),
        "speed real": speed(test),
        "vanished": vanished(clips),
        "31 frames at rate 2": speed(twice) / speed(clips),
        "31 frames at rate 1": speed(longer) / speed(clips),
        "speed after 16 of 31 frames": speed(longer[:, 15:]),
        "way of two steps, of one and one": straight(longer),
        "of the data": straight(test),
        "every second, frechet[pca]": known(twice[:, ::2]),
        "rounds": ROUNDS,
    }
    if kind == "ode":
        before = model.sample(COUNT, frames=16, backwards=True).x
        row |= {"speed before": speed(before), "vanished before": vanished(before)}
    if kind == "sde":
        several = model.sample(64, grid={"start": 4, "future": 16}).x.reshape(
            4, 16, *clips.shape[1:]
        )
        spread = [np.nanstd(places(one), axis=0).mean(-1) for one in several]
        mean = np.nanmean(spread, axis=0)
        row |= {f"spread of futures, frame {k}": float(mean[k]) for k in (0, 1, 4, 15)}
    return row


def straight(clips: Clips) -> float:
    """Return how far things are after two frames, over the sum of both ways: 1 on a line."""
    at = places(clips)
    ways = np.linalg.norm(np.diff(at, axis=1), axis=2)
    far = np.linalg.norm(at[:, 2:] - at[:, :-2], axis=2)
    both = ways[:, 1:] + ways[:, :-1]
    return float(np.nansum(far) / np.nansum(np.where(np.isnan(far), np.nan, both)))


def round_times(blocks: int = 8, rounds: int = 5) -> Row:
    """Return processor seconds of a round with each path, in alternating blocks, over the GRU's."""
    played = {}
    for name, recipe in RECIPES.items():
        settings = load_recipe(f"mocogan/{recipe}")
        source = open_data(settings.data)
        game = build(find_game("mocogan"), settings.game, source.spec, 0).train()
        feed = Feed(source, batch=settings.train.batch, seed=0, streams=game.streams())
        table = Turns(game.players, Noise(0))
        table.hold()
        game.round(feed, table)
        played[name] = game, feed, table
    taken: dict[str, list[float]] = {name: [] for name in played}
    torch.set_num_threads(1)
    for _ in range(blocks):
        for name, (game, feed, table) in played.items():
            start = time.process_time()
            for _ in range(rounds):
                game.round(feed, table)
            taken[name].append((time.process_time() - start) / rounds)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return {
        **{f"{name}, ms": 1000 * value for name, value in medians.items()},
        **{f"{name} / gru": medians[name] / medians["gru"] for name in ("ode", "sde")},
    }


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give the runs."""
    yield "time", round_times
    for name in (*RECIPES, NARROWER, *AGAIN):
        yield name, partial(measured, name, work)
