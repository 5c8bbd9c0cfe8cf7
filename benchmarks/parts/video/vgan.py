"""VGAN on blobs: masks, flicker, one stream, the autoencoder with a mixture, and the future.

Runs: ``data`` (what clips themselves have), ``two streams`` and ``one stream`` as in the recipe,
``autoencoder`` for as many rounds, those of twice the time (the baseline's of equal time as
well), ``lambda …`` (other prices of the mask), ``future`` (first
frames of held-out clips), ``actions`` (a classifier from few labels) and ``street …`` (where
`make data SETS=street` has been).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from common import Row
from parts.video._playing import drawn, opened, played, scored
from PIL import Image

from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.games.vgan import VGAN
from ganvas.games.vgan_actions import VGANActions
from ganvas.metrics.clips import (
    DYNAMICS,
    RANDOM3D,
    Clips,
    Components,
    RandomClips,
    extract,
    in_units,
)
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.motion import flicker, mask_iou, moving
from ganvas.play import Noise, Turns

MINUTES = 20
SECONDS, LONGER = 150.0, 300.0
"""Of one core, for each run."""
SAMPLES = 512
ROUNDS = 1_250
"""Of the baseline: as many as VGAN plays in that time."""
STEPS = 300
"""Of a classifier, on 64 clips each."""
SHARES = (100, 25, 8, 1)
"""Of the labels: one in so many."""
CLIPS = 4_000
"""Labelled clips that there are."""
ALIKE = 0.15
"""Of the range of levels: what differs more from a clip's median over time is its foreground."""

WANTED = ("frechet", "kid", "flicker", "coverage_ratio", "diversity")


def measured(game: VGAN, source: Source) -> Row:
    """Return scores of samples, and what their masks say."""
    clips = game.spec.domain.decode(drawn(game, SAMPLES))
    seen = in_units(clips)
    row: Row = dict(scored(source, clips, WANTED))
    row["moving share"] = round(float(moving(seen).float().mean()), 3)
    return row | masked(game, seen)


def masked(game: VGAN, seen: torch.Tensor) -> Row:
    """Return what the masks of the samples (N, C, T, H, W) in [0, 1] say, if there are any."""
    if not getattr(game, "composes", False):
        return {}
    masks, busy = masks_of(game), moving(seen)
    change, count = flicker(seen, masks > 0.1)
    inside, outside = busy[:, None].expand_as(masks), ~busy[:, None].expand_as(masks)
    truth = in_front(seen)
    some = truth.flatten(1).any(1)
    row: Row = {
        "flicker where m < 0.1": round(float(change / count.clamp_min(1)), 4),
        "share of m < 0.1": round(float((masks < 0.1).float().mean()), 3),
        "mean mask": round(float(masks.mean()), 3),
        "mask inside / outside motion": round(
            float(masks[inside].mean() / masks[outside].mean()), 2
        ),
        "clips with something in front": round(float(some.float().mean()), 3),
    }
    if some.any():
        row["mask IoU"] = round(float(mask_iou(masks[some], truth[some].float()).mean()), 3)
    return row


def in_front(clips: torch.Tensor) -> torch.Tensor:
    """Return what differs from a clip's median over time, (N, T, H, W); clips are in [0, 1]."""
    return (clips - clips.median(2, keepdim=True).values).abs().amax(1) > ALIKE


def data() -> Row:
    """Return how much moves in held-out clips, and how well their medians tell their masks."""
    _, source, _ = opened("vgan/blobs", [])
    known = source.items("test").rows(np.arange(SAMPLES))
    seen, truth = in_units(known.x), in_units(known["mask"])[:, 0]
    return {
        "moving share": round(float(moving(seen).float().mean()), 3),
        "mean mask": round(float(truth.mean()), 3),
        "mask IoU": round(float(mask_iou(truth, in_front(seen).float()).mean()), 3),
    }


@torch.no_grad()
def masks_of(game: VGAN) -> torch.Tensor:
    """Return the masks (N, T, H, W) of the samples that are measured."""
    z = game.prior(SAMPLES, Noise(99))
    return torch.cat([game.scene(z[k : k + 64]).mask[:, 0] for k in range(0, SAMPLES, 64)])


def pictured(game: VGAN, path: Path) -> None:
    """Write a sheet: of each of six clips every second frame, above its masks if there are any."""
    clips = game.spec.domain.decode(drawn(game, 6))[:, ::2]
    rows = [clips]
    if getattr(game, "composes", False):
        with torch.no_grad():
            masks = game.scene(game.prior(6, Noise(99))).mask[:, 0, ::2]
        levels = (255 * masks).round().to(torch.uint8).numpy()
        rows.append(np.repeat(levels[..., None], clips.shape[-1], -1))
    sheet = np.concatenate(rows, 2)  # (6, frames, 2 · height, width, channels)
    sheet = sheet.transpose(0, 2, 1, 3, 4).reshape(-1, sheet.shape[1] * sheet.shape[3], 3)
    large = Image.fromarray(sheet).resize((4 * sheet.shape[1], 4 * sheet.shape[0]), 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    large.save(path)


def run(
    sheet: Path | None,
    *words: str,
    recipe: str = "vgan/blobs",
    rounds: int = 0,
    lasting: float = SECONDS,
) -> Row:
    """Train for so long, or for so many rounds; measure, and write a sheet of samples."""
    length = {"rounds": rounds} if rounds else {"seconds": lasting}
    game, source, number, seconds = played(recipe, list(words), **length)
    told = {"rounds": number, "ms a round": round(1000 * seconds / number)}
    if sheet is not None:
        pictured(cast(VGAN, game), sheet)
    return {**told, **measured(cast(VGAN, game), source)}


def future() -> Row:
    """Train the model of the future; return how near first frames of held-out clips are."""
    game, source, rounds, _ = played("vgan/blobs_future", [], seconds=SECONDS)
    assert isinstance(game, VGAN)
    held_out = source.items("test").x[:256]
    x = game.spec.domain.encode(held_out)
    with torch.no_grad():
        z = game.prior(len(x), Noise(0))
        clips = game.sample(z, x[:, :, 0])
    distance = (clips[:, :, 0] - x[:, :, 0]).abs().mean()
    row = scored(source, game.spec.domain.decode(clips), ("flicker", "speed_w1", "vanished"))
    return {"rounds": rounds, "first frame L1": round(float(distance), 4), **row}


def actions() -> Row:
    """Train VGAN on shapes, then a classifier from its discriminator and from random weights.

    Both see the same share of the labels, from few to all of them.
    """
    words = ["data.variant={directions: 4}"]
    known, *_ = played("vgan/shapes", words, seconds=SECONDS / 2)
    assert isinstance(known, VGAN)
    row: Row = {}
    for share in SHARES:
        labels = None if share == 1 else CLIPS // share
        of = "all labels" if share == 1 else f"1/{share} of labels"
        tuned, fresh = (_accuracy(start, labels) for start in (known, None))
        row |= {f"fine-tuned, {of}": round(tuned, 4), f"random weights, {of}": round(fresh, 4)}
        row[f"gain, {of}"] = round(tuned / fresh, 3)
    return row


def _accuracy(start: VGAN | None, labels: int | None) -> float:
    """Return the accuracy on held-out clips of a classifier after `STEPS` steps."""
    told = "null" if labels is None else str(labels)
    game, source, recipe = opened("vgan-actions/shapes", [f"game.labels={told}"])
    assert isinstance(game, VGANActions)
    if start is not None:
        body = cast(torch.nn.Module, start.judge.network.body)
        game.judge["network"].body.load_state_dict(body.state_dict())
    feed = Feed(source, batch=recipe.train.batch, seed=0, streams=game.streams())
    turns = Turns(game.players, Noise(0))
    turns.hold()
    game.train()
    for turns.round in range(STEPS):
        game.round(feed, turns)
    (score,) = game.eval().measures(source, 0).values()
    return score.value


def street(sheet: Path, *words: str) -> Row:
    """Train on the street; compare samples with windows of the fifth of its time held out."""
    game, source, rounds, seconds = played("vgan/street", list(words), seconds=SECONDS)
    row: Row = {"rounds": rounds, "ms a round": round(1000 * seconds / rounds)}
    pictured(cast(VGAN, game), sheet)
    rng = np.random.default_rng(0)
    whole = ["data.size=[48,64]", "data.resize=stretch", "data.crop=centre", "data.short_edge=null"]
    _, uncut, _ = opened("vgan/street", whole)
    real = windows(uncut.items("test").x, SAMPLES, source.spec.domain.shape[-1], rng)
    fake = game.spec.domain.decode(drawn(game, SAMPLES))
    halves = real[: SAMPLES // 2], real[SAMPLES // 2 :]
    for look in (RandomClips(RANDOM3D, real), Components(real), RandomClips(DYNAMICS, real)):
        truth, found = (extract(look, clips).features for clips in (real, fake))
        row[f"frechet[{look.name}]"] = round(frechet_of_features(truth, found), 3)
        floor = frechet_of_features(*(extract(look, clips).features for clips in halves))
        row[f"frechet[{look.name}] floor"] = round(floor, 3)
    for name, clips in (("", fake), (" of the street", real)):
        change, count = flicker(in_units(clips))
        row[f"flicker{name}"] = round(float(change / count.clamp_min(1)), 4)
        row[f"moving share{name}"] = round(float(moving(in_units(clips)).float().mean()), 3)
    return row | masked(cast(VGAN, game), in_units(fake))


def windows(clips: Clips, n: int, edge: int, rng: np.random.Generator) -> Clips:
    """Return n windows (n, T, edge, edge, C) cut out anywhere of clips (N, T, H, W, C)."""
    height, width = clips.shape[2:4]
    found: list[Clips] = []
    for row in rng.integers(0, len(clips), n):
        top, left = rng.integers(0, height - edge + 1), rng.integers(0, width - edge + 1)
        found.append(clips[row, :, top : top + edge, left : left + edge])
    return np.stack(found)


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    yield "data", data
    yield "two streams", partial(run, work / "two streams.png")
    yield "one stream", partial(run, work / "one stream.png", "game.generator.streams=one")
    baseline = partial(run, work / "autoencoder.png", recipe="vgan-autoencoder/blobs")
    yield "autoencoder", partial(baseline, rounds=ROUNDS)
    twice = partial(run, work / "two streams, twice.png", lasting=LONGER)
    yield "twice the time, two streams", twice
    yield "twice the time, autoencoder", partial(baseline, lasting=LONGER)
    yield "lambda 0.1", partial(run, None, "game.mask=0.1")
    yield "lambda 1", partial(run, None, "game.mask=1")
    yield "future", future
    yield "actions", actions
    yield "street, two streams", partial(street, work / "street.png")
    yield "street, lambda 2", partial(street, work / "street, lambda 2.png", "game.mask=2")
    one = "game.generator.streams=one"
    yield "street, one stream", partial(street, work / "street, one stream.png", one)
