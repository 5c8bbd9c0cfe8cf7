"""What a DCGAN's latents and maps know of rooms: objects forgotten, windows added by arithmetic.

Runs: ``forget`` and ``arithmetic`` of a model with the GAN's loss and R1, and of one that compares
real and fake rooms pair by pair, two seeds (``…, pairs`` and ``…, pairs 1``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Row, trained_model

from ganvas.abilities.forget import forgetting, heaviest, hidden_layer, learn_object
from ganvas.data.procedural.rooms import OBJECTS
from ganvas.data.readers.regions import Region
from ganvas.latent.directions import total
from ganvas.metrics.rooms import find_objects
from ganvas.model import Model
from ganvas.model.features import SeenLayer
from ganvas.model.trained import Array

MINUTES = 12
BATCH = 64
WIDTH = 32
COUNT = 1_000
"""Samples that are looked at."""
BOXES = 52
"""Windows that are told, as in the paper."""
TRIPLES = 300
RANDOM = 5
"""Draws of as many other maps."""
BLUE = 50
"""By how many levels more blue than red a pixel of a pane is; a real one by 97 at least."""
WINDOW, BED = OBJECTS.index("window"), OBJECTS.index("bed")
NEW = 1
"""Seed of the samples that are drawn without maps; windows are told in those of seed 0."""


SHARES = {"positive": 1, "a third": 3, "a quarter": 4, "a sixth": 6}
"""Of a layer's maps, the heaviest of positive weight that are dropped."""
FALLING = "{kind: adam, lr: {start: 3e-3, end: 0, shape: linear}, beta1: 0, beta2: 0.99}"
NETWORK = f"preset: dcgan, width: {WIDTH}"


@dataclass(frozen=True)
class Host:
    """How a DCGAN of rooms is trained, with R1 in the place of the discriminator's norms."""

    name: str
    rounds: int
    seed: int
    discriminator: str
    losses: tuple[str, ...]

    def model(self, work: Path) -> Model:
        """Train it once."""
        words = [
            "data.source=rooms",
            "data.labels=false",
            f"seed={self.seed}",
            f"train.rounds={self.rounds}",
            f"train.batch={BATCH}",
            f"game.generator={{{NETWORK}}}",
            f"game.discriminator={{{NETWORK}, norm: none, bias: true{self.discriminator}}}",
            *self.losses,
            "game.penalty_every=8",
            *(f"game.{player}_optimiser={FALLING}" for player in ("generator", "discriminator")),
        ]
        return trained_model("dcgan/images", work / f"rooms{self.name.replace(', ', '-')}", words)


def hosts() -> Iterator[Host]:
    """Give the GAN's loss, and pairs."""
    r1 = "game.penalties={data: {kind: r1, weight: {start: 0.2, end: 0.02}}}"
    yield Host("", 1000, 0, "", (r1,))
    weight = "weight: {start: 0.15, end: 0.05}"
    both = f"game.penalties={{data: {{kind: r1, {weight}}}, fakes: {{kind: r2, {weight}}}}}"
    for seed, name in enumerate((", pairs", ", pairs 1")):
        pairs = ("game.objective={kind: relativistic}", both)
        yield Host(name, 2000, seed, ", head_bias: false", pairs)


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give what is found of each model."""
    for host in hosts():
        yield f"forget{host.name}", partial(forgotten, host, work)
        yield f"arithmetic{host.name}", partial(added, host, work)


def forgotten(host: Host, work: Path) -> Row:
    """Drop the maps that draw windows, all or the heaviest, and as many others."""
    trained = host.model(work)
    layer = hidden_layer(trained)
    told = learn_object(trained, windows(trained), layer)
    before = share(trained.sample(COUNT, seed=NEW).x)
    row: Row = {"layer": f"{layer.name} {layer.shape}", "told rightly": round(told.accuracy, 3)}
    row |= {
        f"{which}, all maps": round(100 * float(before[i]), 1) for i, which in enumerate(OBJECTS)
    }
    rng = np.random.default_rng(0)
    for name, part in SHARES.items():
        gone = heaviest(told, layer.shape[0] // part)
        others = [rng.choice(layer.shape[0], len(gone), replace=False) for _ in range(RANDOM)]
        row[f"maps, {name}"] = len(gone)
        row |= kept(before, f"{name} dropped", [without(trained, layer, gone)])
        row |= kept(
            before,
            f"{name}, random",
            [without(trained, layer, some.tolist()) for some in others],
        )
    return row


def without(trained: Model, layer: SeenLayer, maps: Sequence[int]) -> Array:
    """Return the share of new samples that show each object if maps are dropped."""
    with forgetting(trained, layer, maps):
        return share(trained.sample(COUNT, seed=NEW).x)


def kept(before: Array, name: str, after: Sequence[Array]) -> Row:
    """Return by how many per cent the pictures with each object became more or fewer."""
    mean = np.mean(after, axis=0)
    return {
        f"{which}, {name}": round(100 * float(mean[i] / before[i] - 1), 1)
        for i, which in enumerate(OBJECTS)
        if before[i]
    }


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


def added(host: Host, work: Path) -> Row:
    """Add a window by (window, no bed) − (neither) + (bed, no window), n exemplars of each.

    Those of a concept are alike, as somebody who looks for them would choose them: the object is at
    about the same place in all. Beside them stand exemplars that are any.
    """
    trained = host.model(work)
    shown = find_objects(trained.sample(COUNT, seed=0).x)
    there = shown.there
    z, _ = trained.latents(COUNT, 0)
    pictures = trained.sample(COUNT, seed=0).x.astype(np.float64)
    window, bed = there[:, WINDOW], there[:, BED]
    groups = [np.flatnonzero(which) for which in (window & ~bed, ~window & ~bed, ~window & bed)]
    objects = (WINDOW, None, BED)
    row: Row = {"triples": TRIPLES}
    for n, alike in ((1, False), (3, False), (3, True)):
        rng = np.random.default_rng(0)
        sums, pixels = list[torch.Tensor](), list[Array]()
        for _ in range(TRIPLES):
            a, b, c = (
                near(shown.centres[:, which], group, n, rng)
                if alike and which is not None
                else rng.choice(group, n, replace=False)
                for group, which in zip(groups, objects, strict=True)
            )
            sums.append(total([(1, z[a]), (-1, z[b]), (1, z[c])]))
            pixels.append(pictures[a].mean(0) - pictures[b].mean(0) + pictures[c].mean(0))
        made = trained.decode(torch.stack(sums).numpy()).x
        plain = np.clip(np.stack(pixels), 0, 255).astype(np.uint8)
        for name, images in (("latents", made), ("pixels", plain)):
            found = find_objects(images).there
            both = found[:, WINDOW] & found[:, BED]
            told = f"{name}, n={n}{', alike' if alike else ''}"
            row[f"window, {told}"] = round(100 * float(found[:, WINDOW].mean()), 1)
            row[f"window and bed, {told}"] = round(100 * float(both.mean()), 1)
    return row


def near(centres: Array, group: Array, n: int, rng: np.random.Generator) -> Array:
    """Return n samples of a group whose objects are nearest to that of one drawn, it included."""
    apart = np.square(centres[group] - centres[rng.choice(group)]).sum(1)
    return group[np.argsort(apart, kind="stable")[:n]]
