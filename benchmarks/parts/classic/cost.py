"""Cost: up-samplers against deconvolution, families against a plain loop, the power iteration.

Blocks of both sides take turns on one thread, in seconds of that thread, so that a busy machine
slows both alike; medians of the ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from common import Row

from ganvas.bench.speed import FP32, Case, measure
from ganvas.data.domains.images import Images
from ganvas.networks import PRESETS, DCGANGenerator
from ganvas.nn import Upsample, set_tracking

MINUTES = 6
BLOCKS = 7
BATCH = 16
SIDES = (32, 64)
NARROW = ("game.generator.width=32", "game.discriminator.width=32")
FAMILIES: dict[str, tuple[str, ...]] = {
    "dcgan": NARROW,
    "wgan-gp": NARROW,
    "sngan": NARROW,
    "r3gan": NARROW,
    "wgan": (*NARROW, "game.warm_up={rounds: 0, every: 0}"),
    "cgan": (),
    "acgan": NARROW,
    "progressive": (
        "game.growing.fade=0",  # the last level alone, which takes most of its time
        "game.growing.rest=0",
        "game.generator={maps: 256, max_maps: 64}",
        "game.discriminator={maps: 256, max_maps: 64}",
    ),
}
"""Recipes for images, at a width that a core plays several times a second."""


def against(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of one call of ours, and the median of its ratio to theirs."""

    def seconds(work: Callable[[], object]) -> float:
        start = time.thread_time()
        work()
        return time.thread_time() - start

    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(BLOCKS)]
    return min(a for a, _ in pairs), statistics.median(a / b for a, b in pairs)


def enlarging(name: str, side: int) -> Row:
    """Compare a DCGAN generator of one up-sampler with that of deconvolutions, forth and back."""
    torch.set_num_threads(1)

    def step(upsample: Any) -> Callable[[], object]:
        config = DCGANGenerator(width=32, kernel=4, upsample=upsample)
        network = config.build(Images(channels=3, height=side, width=side), 64)
        z = torch.randn(BATCH, 64)
        return lambda: network(z).square().mean().backward()

    best, ratio = against(step(name), step("deconv"))
    return {"img/s": round(BATCH / best, 1), "time over": round(ratio, 3)}


def family(name: str, side: int) -> Row:
    """Compare the training of a family with a plain loop of the same networks."""
    words = (*FAMILIES[name], f"train.batch={BATCH}")
    case = Case(f"{name}/images", words, (side, side, 3))
    rows = measure(case, seconds=5, threads=1, clock="cpu")
    (ours,) = (row for row in rows if row["way"] == FP32)
    found: Row = {"img/s": round(ours["images_per_s"], 1)}
    if ours["over_plain"] is not None:
        found["time over"] = round(1 / ours["over_plain"][1], 3)
    return found


def power_iteration(preset: str, side: int) -> Row:
    """Compare a discriminator's pass forth and back that takes a step of it with one that does not.

    Both divide by σ; so what is told is the iteration itself.
    """
    torch.set_num_threads(1)

    def step(tracking: bool) -> Callable[[], object]:
        config = PRESETS[preset][1].model_copy(update={"width": 32})
        network = config.build(Images(channels=3, height=side, width=side)).train()
        set_tracking(network, tracking)
        x = torch.randn(BATCH, 3, side, side)
        return lambda: network(x).mean().backward()

    best, ratio = against(step(True), step(False))
    return {"img/s": round(BATCH / best, 1), "time over": round(ratio, 3)}


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    for side in SIDES:
        for name in get_args(Upsample):
            yield f"{name}, {side} px", partial(enlarging, name, side)
        for preset in ("sndcgan", "resnetSN"):
            yield f"power iteration, {preset}, {side} px", partial(power_iteration, preset, side)
    for side in SIDES:
        for name in FAMILIES:
            yield f"family {name}, {side} px", partial(family, name, side)
