"""MoCoGAN on moving shapes: the four cells of table 4, controls, swaps, long clips, pictures.

Runs: ``full`` (D_I, z_A to R_M), ``image`` (z_A to G_I), ``no D_I``, ``no D_I image``, all of equal
rounds; ``compared`` says which of their orders stand; ``real`` is the same of held-out clips;
``picture`` is image to video on unseen shapes; ``people`` names motions of captured people,
``heroes`` those of a game's figures (where `make data SETS=mocap` or `SETS=heroes` has been).
Measures are those of moving.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Row, trained_model
from moving import (
    Clips,
    Distance,
    Numbers,
    content_distance,
    extractors,
    hues,
    lead,
    vanished,
    ways,
)
from torch.nn import functional as F

from ganvas.data.items import Items
from ganvas.data.open import open_data
from ganvas.data.procedural import heroes, mocap
from ganvas.data.settings import DataSettings
from ganvas.metrics.clips import in_units
from ganvas.metrics.motion import colour_distances, foreground
from ganvas.metrics.vidnet import VidNet
from ganvas.metrics.vidnets import knowing
from ganvas.model import Model
from ganvas.play import Noise

MINUTES = 20
HUES = 6
COUNT = 1024
ROUNDS = 600
Tells = Callable[[Clips], Numbers]
"""Says which action each clip shows."""
CELLS = {
    "full": [],
    "image": ["game.category_to=image"],
    "no D_I": ["game.frame_discriminator=null"],
    "no D_I image": ["game.frame_discriminator=null", "game.category_to=image"],
}
"""Table 4, as settings."""
PAIRS = (("full", "no D_I"), ("image", "no D_I image"), ("full", "image"))
"""With D_I and without, and z_A to R_M and to G_I."""
ASKED, FEWER = 480, 400
"""Clips of people and of heroes, and rounds, which take twice as long as those of shapes."""
STEPS, RATE = 1_800, 2e-3
"""Of the network that is taught to tell what heroes do, on 16 clips each."""


def data() -> tuple[Clips, Clips, Numbers]:
    """Return training clips, held-out ones, and the directions of these."""
    told = {"source": "shapes", "size": 16, "variant": {"directions": 4, "hues": HUES}}
    source = open_data(DataSettings.model_validate(told))
    train, test = source.items("train"), source.items("test")
    return (
        np.asarray(train.x[:COUNT]),
        np.asarray(test.x[:COUNT]),
        np.asarray(test["label"][:COUNT]),
    )


def measured(clips: Clips, wanted: Numbers, real: Clips, held_out: Clips) -> Row:
    """Return the measures of clips that were asked for directions."""
    found, hue = ways(clips), hues(clips, HUES)
    shuffled = np.stack([np.roll(clips[:, t], t, axis=0) for t in range(clips.shape[1])], 1)
    cells = {(int(a), int(b)) for a, b in zip(hue, found, strict=True) if min(a, b) >= 0}
    return {
        "frechet[pca]": Distance(real, held_out)(clips),
        "MCS": float((found == wanted).mean()),
        "ACD": content_distance(clips),
        "ACD shuffled": content_distance(shuffled),
        "hues": len(set(hue[hue >= 0].tolist())),
        "cells": f"{len(cells)}/{HUES * 4}",
        "vanished": vanished(clips),
    }


def real() -> Row:
    """Measure held-out clips against training ones."""
    train, test, label = data()
    return measured(test, label, train, train)


@torch.inference_mode()
def swapped(model: Model, n: int = 256) -> Row:
    """Return what is kept of G(c, m) when the motion, or the content, is another one's."""
    game, domain, y = model.game, model.domain, torch.arange(n) % 4
    rest = game.config.latent.dim
    z = game.prior(n, Noise(1))
    other = z.roll(1, 0)
    own = domain.decode(game.sample(z, y))
    moved = torch.cat([z[:, :rest], other[:, rest:]], 1)
    painted = torch.cat([other[:, :rest], z[:, rest:]], 1)
    alike = torch.cat([z[:1, :rest].expand(n, -1), z[:, rest:]], 1)
    content = hues(own, HUES) == hues(domain.decode(game.sample(moved, y.roll(1))), HUES)
    repainted = domain.decode(game.sample(painted, y))
    motion = ways(own) == ways(repainted)
    hue = hues(domain.decode(game.sample(alike, y)), HUES)
    kept = float(content.mean()), float(motion.mean())
    return {
        "content kept": kept[0],
        "motion kept": kept[1],
        "swap": 2 * kept[0] * kept[1] / max(sum(kept), 1e-9),
        "hue kept with the motion": float((hues(own, HUES) == hues(repainted, HUES)).mean()),
        "one content, one hue": max(float((hue == cell).mean()) for cell in range(HUES)),
    }


def folder_of(name: str, work: Path) -> Path:
    """Return where a cell of the table is trained."""
    return work / f"mocogan-{name.replace(' ', '-')}"


def settings_of(name: str) -> list[str]:
    """Return by what a cell of the table differs from the recipe."""
    return [f"train.rounds={ROUNDS}", *CELLS[name]]


def cell(name: str, work: Path) -> Row:
    """Train one cell of the table, and measure its samples."""
    model = trained_model("mocogan/shapes", folder_of(name, work), settings_of(name))
    train, test, label = data()
    wanted = [k % 4 for k in range(COUNT)]
    row = measured(model.sample(COUNT, label=wanted).x, np.array(wanted), train, test)
    long = model.sample(256, label=wanted[:256], frames=48).x
    return {
        **row,
        **swapped(model),
        "ACD of 48": content_distance(long),
        "Q on real": float((model.predict(test).argmax(1) == label).mean()),
        "rounds": ROUNDS,
    }


def compared(work: Path) -> Row:
    """Return which orders of the table stand: what 95 % of bootstrap samples have of differences.

    Of distances by all features, of the share of directions as asked for, of distances of colours.
    """
    train, test, _ = data()
    looks, rng = extractors("shapes", train), np.random.default_rng(0)
    wanted = np.arange(COUNT) % 4
    clips = {
        name: trained_model("mocogan/shapes", folder_of(name, work), settings_of(name))
        .sample(COUNT, label=wanted.tolist())
        .x
        for name in CELLS
    }
    right = {name: (ways(x) == wanted).astype(float) for name, x in clips.items()}
    apart = {name: colour_distances(foreground(in_units(x))).numpy() for name, x in clips.items()}
    row: Row = {}
    for first, second in PAIRS:
        found = lead(looks, test, clips[first], clips[second])
        row |= {f"{first} before {second}: {k}": v for k, v in found.items() if "lead" in k}
        for what, known in (("MCS", right), ("ACD", apart)):
            low, high = between(known[first], known[second], rng)
            row[f"{first} less {second}: {what}, 95 %"] = [round(low, 3), round(high, 3)]
    return row


def between(one: Numbers, other: Numbers, rng: np.random.Generator) -> tuple[float, float]:
    """Return where 95 % of bootstrap samples have the difference of two means."""
    drawn = [
        np.nanmean(rng.choice(one, len(one))) - np.nanmean(rng.choice(other, len(other)))
        for _ in range(1000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def picture(work: Path) -> Row:
    """Train image to video; measure clips of pictures of shapes that were not trained on."""
    folder = work / "mocogan-picture"
    model = trained_model("mocogan/shapes_image", folder, [f"train.rounds={ROUNDS}"])
    _, test, label = data()
    clips = model.sample(len(test), label=label.tolist(), given={"image": test[:, 0]}).x
    shown = hues(test[:, :1], HUES)
    return {
        "first frame L1": float(np.abs(clips[:, 0].astype(float) - test[:, 0]).mean() / 127.5),
        "hue kept": float((hues(clips, HUES) == shown)[shown >= 0].mean()),
        "MCS": float((ways(clips) == label).mean()),
        "ACD": content_distance(clips),
        "vanished": vanished(clips),
        "rounds": ROUNDS,
    }


def people(work: Path) -> Row:
    """Train on captured people; the network that comes with the library tells what they do."""
    return acting("mocap", "people", mocap.ACTIONS, knowing_mocap, work)


def figures(work: Path) -> Row:
    """Train on a game's figures; a network that is taught by real clips tells what they do."""
    return acting("heroes", "heroes", heroes.ACTIONS, taught, work)


def acting(
    name: str, run: str, known: tuple[str, ...], judge: Callable[[Items], Tells], work: Path
) -> Row:
    """Train on clips of actions; have those told that samples were asked for.

    The judge is asked about real clips of figures that are in no clip of training, too.
    """
    model = trained_model(f"mocogan/{name}", work / f"mocogan-{run}", [f"train.rounds={FEWER}"])
    source = open_data(DataSettings.model_validate({"source": name, "size": 32}))
    train, held_out, others = (source.items(split) for split in ("train", "test", "unseen"))
    wanted = np.arange(ASKED) % len(known)
    clips = model.sample(ASKED, label=wanted.tolist()).x
    kept = np.asarray(others["label"][:ASKED])
    apart = Distance(np.asarray(train.x[:COUNT]), np.asarray(held_out.x[:ASKED]))
    tells = judge(train)
    return {
        "action recognised": float((tells(clips) == wanted).mean()),
        "of people held out": float((tells(np.asarray(others.x[:ASKED])) == kept).mean()),
        "chance": 1 / len(known),
        "frechet[pca]": apart(clips),
        "vanished": vanished(clips),
        "rounds": FEWER,
    }


def knowing_mocap(train: Items) -> Tells:
    """Return what the network of captured people sees in clips, which is not taught anew."""
    net = knowing("mocap", train.x.shape[-1])
    assert net is not None
    return lambda clips: said(lambda x: net.look(x).told["label"], clips)


def taught(train: Items) -> Tells:
    """Return what a network sees in clips that is taught the actions of training clips."""
    torch.manual_seed(0)
    rng, labels = np.random.default_rng(0), torch.as_tensor(train["label"][:])
    net = VidNet(train.x.shape[-1], {"label": int(labels.max()) + 1}).train()
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        rows = np.sort(rng.choice(len(labels), 16, replace=False))
        loss = F.cross_entropy(net(in_units(train.x[rows]))["label"], labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
    net.eval()
    return lambda clips: said(lambda x: net(x)["label"], clips)


@torch.no_grad()
def said(look: Callable[[torch.Tensor], torch.Tensor], clips: Clips) -> Numbers:
    """Return the likeliest value for each clip."""
    parts = [look(in_units(clips[k : k + 64])) for k in range(0, len(clips), 64)]
    return torch.cat(parts).argmax(1).numpy()


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give the runs."""
    yield "real", real
    for name in CELLS:
        yield name, partial(cell, name, work)
    yield "compared", partial(compared, work)
    yield "picture", partial(picture, work)
    yield "people", partial(people, work)
    yield "heroes", partial(figures, work)
