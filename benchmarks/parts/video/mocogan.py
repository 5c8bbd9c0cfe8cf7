"""MoCoGAN on moving shapes: the four cells of table 4, controls, swaps, long clips, pictures.

Runs: ``full`` (D_I, z_A to R_M), ``image`` (z_A to G_I), ``no D_I``, ``no D_I image``, all of equal
rounds; ``real`` is the same of held-out clips; ``picture`` is image to video on unseen shapes;
``people`` names motions of captured people (where `make data SETS=mocap` has been). Measures are
those of moving.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Row, trained_model
from moving import Clips, Distance, Numbers, content_distance, hues, vanished, ways

from ganvas.data.open import open_data
from ganvas.data.procedural.mocap import ACTIONS
from ganvas.data.settings import DataSettings
from ganvas.metrics.clips import in_units
from ganvas.metrics.vidnets import knowing
from ganvas.model import Model
from ganvas.play import Noise

MINUTES = 38
HUES = 6
COUNT = 1024
ROUNDS = 600
CELLS = {
    "full": [],
    "image": ["game.category_to=image"],
    "no D_I": ["game.frame_discriminator=null"],
    "no D_I image": ["game.frame_discriminator=null", "game.category_to=image"],
}
"""Table 4, as settings."""
ASKED, FEWER = 480, 400
"""Clips of captured people, and rounds, which take twice as long as those of shapes."""


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


def cell(name: str, work: Path) -> Row:
    """Train one cell of the table, and measure its samples."""
    folder = work / f"mocogan-{name.replace(' ', '-')}"
    model = trained_model("mocogan/shapes", folder, [f"train.rounds={ROUNDS}", *CELLS[name]])
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
    """Train on captured people; tell what samples were asked to do by a network of real clips.

    It is told on people that are in no clip of training, too.
    """
    model = trained_model("mocogan/mocap", work / "mocogan-people", [f"train.rounds={FEWER}"])
    source = open_data(DataSettings.model_validate({"source": "mocap", "size": 32}))
    held_out, others = source.items("test"), source.items("unseen")
    wanted = np.arange(ASKED) % len(ACTIONS)
    clips = model.sample(ASKED, label=wanted.tolist()).x
    kept = np.asarray(others["label"][:ASKED])
    known = Distance(np.asarray(source.items("train").x[:COUNT]), np.asarray(held_out.x[:ASKED]))
    return {
        "action recognised": float((actions(clips) == wanted).mean()),
        "of people held out": float((actions(np.asarray(others.x[:ASKED])) == kept).mean()),
        "chance": 1 / len(ACTIONS),
        "frechet[pca]": known(clips),
        "vanished": vanished(clips),
        "rounds": FEWER,
    }


def actions(clips: Clips) -> Numbers:
    """Return the action that the network of captured people sees in each clip."""
    net = knowing("mocap", clips.shape[-1])
    assert net is not None
    told = [net.look(in_units(clips[k : k + 64])).told["label"] for k in range(0, len(clips), 64)]
    return torch.cat(told).argmax(1).numpy()


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give the runs."""
    yield "real", real
    for name in CELLS:
        yield name, partial(cell, name, work)
    yield "picture", partial(picture, work)
    yield "people", partial(people, work)
