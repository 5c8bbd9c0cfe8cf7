"""TGANv2: what critics keep in memory, what a round costs, and equal time with all frames and few.

Runs: ``memory …`` (saved activations, exact), ``operations 192`` (of each level), ``cost …`` (a
round on one core at 32×32×16) and ``equal time …`` (clips of 8 frames after as many seconds of a
core: dense samples, those that the critics saw, and how far levels agree from frame to frame;
``compared`` has intervals of what both are apart, of the clips that they left in the work folder).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Row
from moving import extractors, lead
from parts.video._playing import drawn, opened, played, scored
from torch.utils.flop_counter import FlopCounterMode

from ganvas.data.domains.videos import Videos
from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.games.tganv2 import TGANv2
from ganvas.metrics.clips import RANDOM3D, RandomClips, extract
from ganvas.metrics.frechet import frechet_of_features
from ganvas.networks.video.tganv2 import TGANv2Discriminator, TGANv2Generator
from ganvas.nn import Pyramid, kept_bytes
from ganvas.play import Noise, Turns

MINUTES = 7
SECONDS = 60.0
SAMPLES = 320
LATENT = 256
COMPARED = 256
STRIDES = {"naive": 1, "s 2": 2, "s 4": 4}
SMALL = ["data.variant={clips: 1000, held_out: 512}"]
FALLING = "{start: 2e-3, end: 0, shape: linear}"
SHORT = [
    "data.frames=8",
    "train.batch=8",
    f"game.generator_optimiser.lr={FALLING}",
    f"game.discriminator_optimiser.lr={FALLING}",
]
"""A round of half as many frames and clips: four times as many of them in the same time. They are
few all the same: rates begin at five times those of the recipe, and fall."""
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


def operations(side: int, frames: int, levels: int) -> Row:
    """Return by level what a pass of one clip takes, in 10⁹ operations, by stride."""
    row: Row = {"side": side, "frames": frames}
    clips = Videos(channels=3, frames=frames, height=side, width=side)
    for name, stride in STRIDES.items():
        pyramid = Pyramid((3, frames, side, side), (stride,) * (levels - 1))
        with torch.device("meta"):
            critic = TGANv2Discriminator(levels=levels).build(clips)
            critic.pyramid = pyramid
            generator = TGANv2Generator(levels=levels).build(clips, LATENT)
            z, cuts = (
                torch.empty(1, LATENT),
                pyramid.cuts(lambda _: torch.zeros(1, dtype=torch.long)),
            )
            with FlopCounterMode(display=False) as made:
                x = generator(z, None, cuts, pyramid)
            with FlopCounterMode(display=False) as judged:
                critic(x)
        row[f"critics, {name}"] = [giga(judged, f"critics.{k}") for k in range(levels)]
        blocks = [giga(made, f"stages.{k}", f"renderers.{k}") for k in range(levels)]
        row[f"generator, {name}"] = [giga(made, "project", "unfold"), *blocks]
    return row


def giga(counted: FlopCounterMode, *parts: str) -> float:
    """Return the operations of parts of a network, in 10⁹."""
    found = counted.get_flop_counts()
    ends = tuple(f".{part}" for part in parts)
    total = sum(sum(ops.values()) for name, ops in found.items() if name.endswith(ends))
    return round(total / 1e9, 2)


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


def equal_time(name: str, work: Path) -> Row:
    """Train for so many seconds; measure dense samples, and how far levels agree."""
    stride = STRIDES[name]
    words = [*SMALL, *SHORT, f"game.subsampling.stride={stride}"]
    game, source, rounds, seconds = played("tganv2/shapes", words, seconds=SECONDS)
    assert isinstance(game, TGANv2)
    dense = game.spec.domain.decode(drawn(game, SAMPLES))
    work.mkdir(parents=True, exist_ok=True)
    np.save(work / f"tganv2-{name}.npy", dense)
    row: Row = {"rounds": rounds, "seconds": round(seconds), **scored(source, dense, WANTED)}
    for name, each in game.agreement(COMPARED, Noise(99)).items():
        row[f"levels, {name}"] = round(float(each.mean()), 3)
        row[f"levels, {name} by frame"] = [round(float(x), 3) for x in each.mean(0)]
    return row | sparsely(game, source)


def compared(work: Path) -> Row:
    """Return how much nearer to the data few frames come than all in equal time."""
    _, source, _ = opened("tganv2/shapes", [*SMALL, *SHORT])
    train, test = (np.asarray(source.items(split).x[:]) for split in ("train", "test"))
    made = [np.load(work / f"tganv2-{name}.npy") for name in ("s 2", "naive")]
    return lead(extractors("shapes", train), test, made[0], made[1])


@torch.no_grad()
def sparsely(game: TGANv2, source: Source) -> Row:
    """Return distances of the frames that critics of full size see from those of real clips.

    Of fakes as they were made in training, with the statistics of their batch and frames left out
    on the way, and of the same frames of dense samples.
    """
    batch, noise = 32, Noise(7)
    real = game.spec.domain.encode(source.items("test").x[:SAMPLES])
    cuts = game.pyramid.cuts(lambda high: noise.whole().integers(1, high))
    few = game.pyramid.kept(cuts)[-1][0]
    z = game.prior(SAMPLES, noise).split(batch)
    dense = torch.cat([game.sample(part)[:, :, few] for part in z])
    generator = game.generator.train()
    rows = [generator(part, None, cuts, game.pyramid) for part in z]
    generator.eval()
    sparse = torch.cat([game.pyramid.unpacked(part)[-1] for part in rows])
    decode = game.spec.domain.model_copy(update={"frames": len(few)}).decode
    shown = [decode(clips) for clips in (real[:, :, few], sparse, dense)]
    look = RandomClips(RANDOM3D, shown[0])
    truth, found, whole = (extract(look, clips).features for clips in shown)
    return {
        "frames at full size": len(few),
        "frechet of these, as in training": round(frechet_of_features(truth, found), 3),
        "frechet of these, of dense samples": round(frechet_of_features(truth, whole), 3),
    }


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    yield "memory 192", partial(memory, 192, 16, 4)
    for side, levels in ((96, 3), (192, 4), (384, 5), (768, 6)):
        yield f"memory 64 frames {side}", partial(memory, side, 64, levels)
    yield "operations 192", partial(operations, 192, 16, 4)
    for name, stride in STRIDES.items():
        yield f"cost {name}", partial(cost, stride)
    for name in ("s 2", "naive"):
        yield f"equal time {name}", partial(equal_time, name, work)
    yield "equal time, compared", partial(compared, work)
