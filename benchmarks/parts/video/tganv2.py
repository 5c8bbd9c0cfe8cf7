"""TGANv2: what critics keep in memory, what a round costs, and equal time with all frames and few.

Runs: ``memory …`` (saved activations, exact), ``cost …`` (a round on one core at 32×32×16) and
``equal time …`` (dense samples after as many seconds of a core).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from common import Row
from parts.video._playing import drawn, opened, played, scored
from torch.nn import functional as F

from ganvas.data.domains.videos import Videos
from ganvas.data.feed import Feed
from ganvas.games.tganv2 import TGANv2
from ganvas.networks.video.tganv2 import TGANv2Discriminator
from ganvas.nn import Pyramid, kept_bytes
from ganvas.play import Noise, Turns

MINUTES = 4
SECONDS = 60.0
SAMPLES = 320
STRIDES = {"naive": 1, "s 2": 2, "s 4": 4}
SMALL = ["data.variant={clips: 1000, held_out: 512}"]
WANTED = ("frechet", "kid", "coverage_ratio")


def memory(side: int, frames: int, levels: int) -> Row:
    """Return megabytes that the paper's critics keep of one clip, by stride."""
    row: Row = {"side": side, "frames": frames, "levels": levels}
    clips = Videos(channels=3, frames=frames, height=side, width=side)
    for name, stride in STRIDES.items():
        pyramid = Pyramid((3, frames, side, side), (stride,) * (levels - 1))
        with torch.device("meta"):
            net = TGANv2Discriminator(levels=levels).build(clips)
            net.pyramid = pyramid
            x = pyramid.packed([torch.empty(1, *shape) for shape in pyramid.shapes])
            row[f"{name}, MB"] = round(kept_bytes(lambda n=net, x=x: n(x), net.parameters()) / 1e6)
    return row


def cost(stride: int) -> Row:
    """Return what a round takes on one core."""
    game, source, recipe = opened("tganv2/shapes", [*SMALL, f"game.subsampling.stride={stride}"])
    feed = Feed(source, batch=recipe.train.batch, seed=0)
    turns = Turns(game.players, Noise(0))
    turns.hold()
    game.train()
    times: list[float] = []
    for number in range(6):
        start = time.process_time()
        turns.round = number
        game.round(feed, turns)
        times.append(time.process_time() - start)
    return {"ms a round": round(1000 * statistics.median(times[1:]))}


def equal_time(stride: int) -> Row:
    """Train for so many seconds; measure dense samples, and how far levels agree."""
    words = [*SMALL, f"game.subsampling.stride={stride}"]
    game, source, rounds, seconds = played("tganv2/shapes", words, seconds=SECONDS)
    decode = game.spec.domain.decode
    dense = drawn(game, SAMPLES)
    row: Row = {"rounds": rounds, "seconds": round(seconds)}
    row |= scored(source, decode(dense), WANTED)
    assert isinstance(game, TGANv2)
    sides = [shape[2] for shape in game.pyramid.shapes]
    with game.posed({"level": sides[0]}):
        low = drawn(game, 64)
    small, large = (F.avg_pool3d(x, (1, 4, 4)) for x in (low, dense[:64]))
    error = (small - large).square().mean((1, 2, 3, 4)) / 4  # of a range of 1
    row["PSNR level 1 / level 4, dB"] = round(float((-10 * error.log10()).mean()), 1)
    return row


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    del work
    yield "memory 192", partial(memory, 192, 16, 4)
    for side, levels in ((96, 3), (192, 4), (384, 5), (768, 6)):
        yield f"memory 64 frames {side}", partial(memory, side, 64, levels)
    for name, stride in STRIDES.items():
        yield f"cost {name}", partial(cost, stride)
    for name in ("s 2", "naive"):
        yield f"equal time {name}", partial(equal_time, STRIDES[name])
