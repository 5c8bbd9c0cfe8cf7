"""What a DCGAN's latents and maps know of rooms: objects forgotten, windows added by arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Row, trained_model

from ganvas.abilities.forget import forgetting, hidden_layer, learn_object
from ganvas.data.procedural.rooms import OBJECTS
from ganvas.data.readers.regions import Region
from ganvas.latent.directions import total
from ganvas.metrics.rooms import find_objects
from ganvas.model import Model
from ganvas.model.trained import Array

MINUTES = 10
ROUNDS = 1600
BATCH = 64
WIDTH = 24
COUNT = 2_000
"""Samples that are looked at."""
BOXES = 52
"""Windows that are told, as in the paper."""
TRIPLES = 500
BLUE = 50
"""By how many levels more blue than red a pixel of a pane is; a real one by 97 at least."""
WINDOW, LAMP = OBJECTS.index("window"), OBJECTS.index("lamp")
NEW = 1
"""Seed of the samples that are drawn without maps; windows are told in those of seed 0."""


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give what is found of one trained model."""
    yield "forget", partial(forgotten, work)
    yield "arithmetic", partial(added, work)


def model(work: Path) -> Model:
    """Train a DCGAN on rooms, once."""
    networks = [
        f"game.{p}={{preset: dcgan, width: {WIDTH}}}" for p in ("generator", "discriminator")
    ]
    words = [
        "data.source=rooms",
        "data.labels=false",
        f"train.rounds={ROUNDS}",
        f"train.batch={BATCH}",
        *networks,
    ]
    return trained_model("dcgan/images", work / "rooms", words)


def forgotten(work: Path) -> Row:
    """Drop the maps that draw windows, and as many others."""
    trained = model(work)
    layer = hidden_layer(trained)
    told = learn_object(trained, windows(trained), layer)
    rng = np.random.default_rng(0)
    others = rng.choice(layer.shape[0], len(told.maps), replace=False)
    found = {"all": share(trained.sample(COUNT, seed=NEW).x)}
    for name, gone in (("without", told.maps), ("random", others.tolist())):
        with forgetting(trained, layer, gone):
            found[name] = share(trained.sample(COUNT, seed=NEW).x)
    row: Row = {"layer": f"{layer.name} {layer.shape}", "dropped": len(told.maps)}
    for name, shares in found.items():
        row |= {
            f"{which}, {name}": round(100 * float(shares[i]), 1) for i, which in enumerate(OBJECTS)
        }
    return row


def windows(trained: Model) -> list[Region]:
    """Return where the first windows in samples are: boxes around their panes' colour."""
    samples = trained.sample(COUNT, seed=0).x
    regions: list[Region] = []
    for number in np.flatnonzero(find_objects(samples).there[:, WINDOW]):
        image = samples[number].astype(int)
        rows, columns = np.nonzero(image[..., 2] - image[..., 0] > BLUE)
        if len(regions) == BOXES or not len(rows):
            continue
        mask = np.zeros(image.shape[:2], bool)
        mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        regions.append(Region(int(number), mask))
    return regions


def share(images: Array) -> Array:
    """Return the share of pictures that show each object, (3,)."""
    return find_objects(images).there.mean(0)


def added(work: Path) -> Row:
    """Add a window by (lit by a window) − (without either) + (lit by a lamp)."""
    trained = model(work)
    there = find_objects(trained.sample(COUNT, seed=0).x).there
    z, _ = trained.latents(COUNT, 0)
    pictures = trained.sample(COUNT, seed=0).x.astype(np.float64)
    window, lamp = there[:, WINDOW], there[:, LAMP]
    groups = [np.flatnonzero(which) for which in (window & ~lamp, ~window & ~lamp, ~window & lamp)]
    rng = np.random.default_rng(0)
    row: Row = {"triples": TRIPLES}
    for n in (1, 3):
        sums, pixels = list[torch.Tensor](), list[Array]()
        for _ in range(TRIPLES):
            a, b, c = (rng.choice(group, n, replace=False) for group in groups)
            sums.append(total([(1, z[a]), (-1, z[b]), (1, z[c])]))
            pixels.append(pictures[a].mean(0) - pictures[b].mean(0) + pictures[c].mean(0))
        made = trained.decode(torch.stack(sums).numpy()).x
        plain = np.clip(np.stack(pixels), 0, 255).astype(np.uint8)
        for name, images in (("latents", made), ("pixels", plain)):
            found = share(images)
            row |= {f"window, {name}, n={n}": round(100 * float(found[WINDOW]), 1)}
            row |= {f"lamp, {name}, n={n}": round(100 * float(found[LAMP]), 1)}
    return row
