"""Feeding: clips from memory, from the store on disk and from MP4 files, beside rounds.

Runs: ``rounds`` (VGAN at 32×32×16, batch 16, in alternating blocks of one process) and ``memory``
(200 MP4 files, anonymous memory of training and of an evaluation above a process that has only
imported ganvas). Both write their videos themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from common import Row

from ganvas.data.animation import animated
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.procedural.shapes import Shapes
from ganvas.data.settings import DataSettings
from ganvas.play import Noise, Turns, build
from ganvas.recipes import load_recipe

MINUTES = 3
WIDTH = ["game.generator.width=16", "game.discriminator.width=16"]
BLOCKS, ROUNDS = 6, 8
FILMS, LENGTH, EDGE = 200, 80, 256
"""Videos of 80 frames of 256×256: 3.1 GB decoded."""


def films(folder: Path, count: int, length: int, edge: int) -> Path:
    """Write MP4 files of moving shapes, each once."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Shapes.draw(count, frames=length, size=32)
    for row in range(count):
        path = folder / f"{row:03d}.mp4"
        if not path.exists():
            clip = made.clips(np.array([row]))[0]
            large = clip.repeat(edge // 32, axis=1).repeat(edge // 32, axis=2)
            path.write_bytes(animated(large, ".mp4", 16, enlarge=False))
    return folder


def rounds(work: Path) -> Row:
    """Time rounds with clips from each place, and how long each waits for its clips."""
    source = str(films(work / "films", 64, 48, 64))
    told = {"source": source, "frames": 16, "size": 32, "resize": "stretch"}
    loaded = load_recipe("vgan/shapes", ["train.batch=16", *WIDTH, "data.frames=16"])
    places = {"memory": "memory", "store": str(work / "store"), "files": "none"}
    acts: dict[str, Callable[[], tuple[float, float]]] = {}
    for name, cache in places.items():
        data = open_data(DataSettings.model_validate({**told, "cache": cache}))
        game = build(loaded.game_type, loaded.game_config, data.spec, 0)
        feed = Feed(data, batch=16, seed=0, streams=game.streams())
        turns = Turns(game.players, Noise(0), accumulate=game.accumulate)
        turns.hold()
        game.train()
        stage = game.stages()[0]
        stage.begin(game, feed, turns)
        acts[name] = partial(_block, stage, feed, turns)
        acts[name]()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in acts}
    for _ in range(BLOCKS):
        for name, act in acts.items():
            found[name].append(act())
    row: Row = {}
    for name, times in found.items():
        row[f"rounds/s, {name}"] = round(ROUNDS / median(t for t, _ in times), 3)
        row[f"waiting, {name}"] = round(median(w / t for t, w in times), 4)
    ratios = [m[0] / s[0] for m, s in zip(found["memory"], found["store"], strict=True)]
    row["store / memory"] = round(median(ratios), 3)
    row["decoding a batch / round"] = round(_decoding(told) / (1 / row["rounds/s, memory"]), 3)
    return row


def _block(stage: Any, feed: Feed, turns: Turns) -> tuple[float, float]:
    """Return the seconds of some rounds, and those of them spent in `Feed.next`."""
    waited = 0.0
    plain = feed.next

    def timed(*words: Any) -> Any:
        nonlocal waited
        start = time.perf_counter()
        batch = plain(*words)
        waited += time.perf_counter() - start
        return batch

    with patch.object(feed, "next", timed):
        start = time.perf_counter()
        for _ in range(ROUNDS):
            turns.round += 1
            stage.play(feed, turns)
        return time.perf_counter() - start, waited


def _decoding(told: dict[str, Any]) -> float:
    """Return the seconds that a batch of 16 clips takes from files, with nothing beside it."""
    source = open_data(DataSettings.model_validate({**told, "cache": "none"}))
    table = source.table(torch.device("cpu"))
    rows = source.draw(np.random.default_rng(0))
    times: list[float] = []
    for number in range(4):
        start = time.perf_counter()
        source.take(table, tuple(column[16 * number : 16 * number + 16] for column in rows))
        times.append(time.perf_counter() - start)
    return median(times)


MEASURE = """
import json, re, sys, threading, time
def anonymous():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
import torch, ganvas
from ganvas import api
base, peak, done = anonymous(), 0.0, False
def watch():
    global peak
    while not done:
        peak = max(peak, anonymous())
        time.sleep(0.05)
thread = threading.Thread(target=watch); thread.start()
told = json.loads(sys.argv[1])
where = {"data": told["data"], "quiet": True, "overwrite": True}
api.train(told["recipe"], told["out"], **where, **told["settings"])
trained = peak
peak = 0.0
api.evaluate(told["out"])
done = True; thread.join()
print(json.dumps({"base": base, "train": trained, "evaluate": peak}))
"""


def memory(work: Path) -> Row:
    """Train and evaluate on 200 MP4 files; return MiB above a process that only imported ganvas."""
    folder = films(work / "large", FILMS, LENGTH, EDGE)
    told = {
        "recipe": "vgan/shapes",
        "out": str(work / "run"),
        "data": str(folder),
        "settings": {
            "data.frames": 16,
            "data.size": EDGE // 4,
            "data.resize": "fit-crop",
            "game": {"generator": {"width": 8}, "discriminator": {"width": 8}},
            "train": {"rounds": 10, "batch": 4, "watch_every": 0, "threads": 1},
            "evaluate": {"samples": 64, "at_end": False},
        },
    }
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(told)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(work / "cache")},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        "decoded, GB": round(FILMS * LENGTH * EDGE**2 * 3 / 1e9, 2),
        "training, MiB": round(found["train"] - found["base"]),
        "evaluation, MiB": round(found["evaluate"] - found["base"]),
    }


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    yield "rounds", partial(rounds, work)
    yield "memory", partial(memory, work)
