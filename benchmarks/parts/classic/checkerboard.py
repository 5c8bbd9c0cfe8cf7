"""Checkerboards: before training, after it, and what takes them away.

Runs: ``untrained`` (16 seeds), three generators on saturated blobs (``gan …``), the same without an
adversary (``decoder …``), style transfer (``transfer …``), a converted model (``converted``), input
gradients (``gradients``) and feature visualisation (``jitter``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Row, to_the_end
from torch import Tensor

from ganvas import api
from ganvas.abilities.convert import convert_run
from ganvas.data.domains.images import Images
from ganvas.diagnosis.visualising import visualise
from ganvas.metrics.checkerboard import Pattern, patterns
from ganvas.metrics.extractor import extract
from ganvas.metrics.extractors import RandomConv
from ganvas.metrics.frechet import frechet_of_features
from ganvas.model import load
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, Discriminator
from ganvas.networks.perceptual import RandomFeatures, gram
from ganvas.networks.transfer import TransferNetwork
from ganvas.nn import gradient_map, initialise, upsampler

MINUTES = 12
SIDE = 32
ROUNDS = 600
MORE = 200
"""Rounds after a conversion."""
LAST_TWO = ("nn_resize", "deconv", "deconv")
LAST = ("nn_resize", "nn_resize", "deconv")
LAYERS: dict[str, Any] = {"last two": LAST_TWO, "last": LAST, "resize": "nn_resize"}
"""The article's three generators, of three levels."""


def blobs(n: int, seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Return smooth blobs in saturated colours, uint8 (n, side, side, 3)."""
    rng = np.random.default_rng(seed)
    y, x = (np.arange(side) + 0.5)[None, :, None] / side, (np.arange(side) + 0.5)[None, None] / side
    images = saturated(n, rng)[:, None, None]
    for _ in range(3):
        cx, cy = rng.uniform(0.1, 0.9, (2, n, 1, 1))
        width = rng.uniform(0.1, 0.25, (n, 1, 1))
        cover = np.exp(-((((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2)) ** 2))[..., None]
        images = images * (1 - cover) + saturated(n, rng)[:, None, None] * cover
    return (255 * images).round().astype(np.uint8)


def saturated(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n colours (n, 3) with one channel near 1, one near 0 and one anywhere."""
    values = np.stack([rng.uniform(0, 0.1, n), rng.uniform(0, 1, n), rng.uniform(0.9, 1, n)], 1)
    return rng.permuted(values, axis=1)


def units(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def told(found: dict[int, Pattern], of: str = "") -> Row:
    """Return V, E and R of each period as columns."""
    return {
        f"{sign}{s}{of}": round(value, 5)
        for s, one in found.items()
        for sign, value in zip("VER", one, strict=True)
    }


@torch.no_grad()
def untrained(kernel: int, names: Any, seeds: int = 16) -> Row:
    """Measure what three layers make of rectified noise as they start, 5×5 to 40×40."""
    levels, channels = ([names] * 3 if isinstance(names, str) else names), 8
    found: list[dict[int, Pattern]] = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        x = torch.randn(24, channels, 5, 5).relu()
        for level, name in enumerate(levels):
            layer = upsampler(name, channels, channels if level < 2 else 1, kernel)
            initialise(layer, "he")
            x = layer(x)
            x = x if level == 2 else (x / x.std()).relu()
        found.append(patterns(x))
    row: Row = {}
    for s in (2, 4):
        for place, sign in enumerate("VER"):
            values = [one[s][place] for one in found]
            row[f"{sign}{s}"] = round(float(np.median(values)), 4)
            row[f"{sign}{s} least"] = round(min(values), 4)
            row[f"{sign}{s} most"] = round(max(values), 4)
    return row


def trained(name: str, work: Path) -> Path:
    """Return a run of a generator on blobs, trained once."""
    run = work / f"blobs-{name.replace(' ', '-')}"
    network = {"width": 16, "stages": 3, "kernel": 4, "upsample": LAYERS[name]}
    begin = partial(
        api.train,
        "dcgan/images",
        run,
        data=blobs(4000),
        quiet=True,
        overwrite=True,
        game={
            "generator": {"kind": "dcgan", **network},
            "discriminator": {"kind": "dcgan", "width": 24, "stages": 3},
        },
        train={
            "rounds": ROUNDS,
            "batch": 32,
            "threads": 1,
            "average": {"half_life": 2},
            "watch_every": 100_000,
            "sample_every": 100_000,
        },
    )
    return to_the_end(run, begin)


def gan(name: str, work: Path) -> Row:
    """Measure 1,000 samples of a trained generator, and as many real images."""
    samples = load(trained(name, work)).sample(1000).x
    return {
        **told(patterns(units(samples))),
        **told(patterns(units(blobs(1000, seed=1))), " real"),
        "Fréchet distance": round(distance(samples), 3),
    }


def distance(samples: np.ndarray) -> float:
    """Return a Fréchet distance to new real images, of random convolutions."""
    known = RandomConv(3)
    a, b = (extract(known, x).features for x in (samples, blobs(len(samples), seed=2)))
    return frechet_of_features(a, b)


def converted(work: Path) -> Row:
    """Convert the generator with deconvolutions, train it on, compare it before, between, after."""
    run = trained("last two", work)
    folder = work / "converted"
    done = convert_run(run, folder, "nn_resize")
    row: Row = {"lost": ", ".join(lost for *_, lost in done.rows)}
    for name, start in (("original", run), ("converted", folder)):
        samples = load(start).sample(1000).x
        row[f"Fréchet distance {name}"] = round(distance(samples), 3)
        row |= told({2: patterns(units(samples))[2]}, f" {name}")
    tuned = work / "tuned"
    begin = partial(
        api.train,
        folder / "config.yaml",
        tuned,
        data=blobs(2000),
        start_from=folder,
        quiet=True,
        train={"rounds": MORE},
        evaluate={"at_end": False},
    )
    samples = load(to_the_end(tuned, begin)).sample(1000).x
    row["Fréchet distance fine-tuned"] = round(distance(samples), 3)
    return row | told({2: patterns(units(samples))[2]}, " fine-tuned")


def decoder(upsample: Any, steps: int = 250) -> Row:
    """Fit a decoder to flat saturated colours by squares; measure what it leaves."""
    torch.manual_seed(0)
    config = DCGANGenerator(width=16, stages=3, kernel=3, upsample=upsample, norm="batch")
    network = config.build(Images(channels=3, height=SIDE, width=SIDE), 3)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        colours = torch.from_numpy(saturated(32, rng)).float() * 2 - 1
        wanted = colours[:, :, None, None].expand(-1, -1, SIDE, SIDE)
        loss = (network(colours) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        colours = torch.from_numpy(saturated(256, rng)).float() * 2 - 1
        rest = network(colours) - colours[:, :, None, None]
    return {**told(patterns(rest)), "loss": round(loss.item(), 5)}


def transfer(upsample: Any, steps: int = 100) -> Row:
    """Train a transfer network on blobs and stripes as style; measure what it makes."""
    torch.manual_seed(0)
    network = TransferNetwork(width=12, blocks=2, kernel=3, upsample=upsample).build(
        Images(channels=3, height=SIDE, width=SIDE)
    )
    seen = RandomFeatures(3)
    style = [gram(map) for map in seen(units(blobs(1, seed=7, side=64)))]
    pictures, rng = units(blobs(2000)), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(steps):
        x = pictures[torch.randint(len(pictures), (8,), generator=rng)]
        made = network(x)
        maps, wanted = seen(made), seen(x)
        content = (maps[1] - wanted[1]).square().mean()
        styled = sum(
            ((gram(map) - wanted) / wanted.abs().mean()).square().mean()
            for map, wanted in zip(maps, style, strict=True)
        )
        loss = content + 0.05 * styled
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        made = network(units(blobs(64, seed=9)))
    return {**told(patterns(made)), "loss": round(loss.item(), 5)}


def stack(first_layer: Any, seed: int = 0) -> Discriminator:
    """Return an untrained discriminator whose first layer halves in one of two ways."""
    torch.manual_seed(seed)
    config = DCGANDiscriminator(
        width=16, stages=3, kernel=3, norm="none", init="he", first_layer=first_layer
    )
    return config.build(Images(channels=3, height=64, width=64))


def gradients(first_layer: Any) -> Row:
    """Measure what untrained discriminators tell pixels."""
    x = units(blobs(64, seed=4, side=64))
    return told(patterns(gradient_map(stack(first_layer).features, x)))


def jitter(amount: int) -> Row:
    """Measure pictures that raise the number of an untrained discriminator."""
    made = visualise(stack("stride"), (16, 3, 64, 64), jitter=amount)
    return told(patterns(made, border=8))


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    for kernel in (3, 5):
        for name, upsample in {**LAYERS, "all": "deconv", "ICNR": "subpixel_icnr"}.items():
            yield f"untrained, kernel {kernel}, {name}", partial(untrained, kernel, upsample)
    for first_layer in ("stride", "pool"):
        yield f"gradients, {first_layer}", partial(gradients, first_layer)
    for name, amount in {"fixed": 0, "jittered": 8}.items():
        yield f"jitter, {name}", partial(jitter, amount)
    for upsample in ("deconv", "nn_resize"):
        yield f"decoder, {upsample}", partial(decoder, upsample)
        yield f"transfer, {upsample}", partial(transfer, upsample)
    for name in LAYERS:
        yield f"gan, {name}", partial(gan, name, work)
    yield "converted", partial(converted, work)
