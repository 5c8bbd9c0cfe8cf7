"""VGAN on blobs: masks, flicker, one stream, the autoencoder with a mixture, and the future.

Runs: ``data`` (what clips themselves have), ``two streams`` and ``one stream`` as in the recipe,
``autoencoder`` for as many rounds, those of twice the time (the baseline's of equal time as
well), ``compared`` (which orders stand, of the clips that these left in the work folder),
``lambda …`` (other prices of the mask), ``future`` (first frames of held-out clips), ``actions``
(a classifier from few labels) and ``street …`` (where `make data SETS=street` has been).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from common import Row
from moving import extractors, lead
from parts.video._playing import drawn, opened, played, scored, sheet

from ganvas.data.feed import Feed
from ganvas.data.source import Source
from ganvas.games.vgan import VGAN
from ganvas.games.vgan_actions import VGANActions
from ganvas.metrics.clips import (
    DYNAMICS,
    RANDOM3D,
    ClipExtractor,
    Clips,
    Components,
    RandomClips,
    extract,
    in_units,
)
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.motion import flicker, mask_iou, moving
from ganvas.play import Noise, Turns

MINUTES = 36
SECONDS, LONGER = 150.0, 300.0
"""Of one core, for each run."""
SAMPLES = 512
ROUNDS = 1_250
"""Of the baseline: as many as VGAN plays in that time."""
STEPS = 300
"""Of a classifier, on 64 clips each."""
LONG_TWO, LONG_BASELINE = "twice the time, two streams", "twice the time, autoencoder"
PAIRS = (("two streams", "one stream"), ("two streams", "autoencoder"), (LONG_TWO, LONG_BASELINE))
"""Whose orders are asked for."""
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


def pictured(game: VGAN, path: Path, scale: int = 4) -> None:
    """Write a sheet: of each of six clips every second frame, above its masks if there are any."""
    clips = game.spec.domain.decode(drawn(game, 6))
    if not getattr(game, "composes", False):
        return sheet(path, clips, scale=scale)
    with torch.no_grad():
        masks = game.scene(game.prior(6, Noise(99))).mask[:, 0]
    levels = (255 * masks).round().to(torch.uint8).numpy()
    return sheet(path, clips, np.repeat(levels[..., None], clips.shape[-1], -1), scale=scale)


def run(
    name: str,
    work: Path,
    *words: str,
    recipe: str = "vgan/blobs",
    rounds: int = 0,
    lasting: float = SECONDS,
) -> Row:
    """Train for so long, or for so many rounds; measure samples, keep them with a sheet of some."""
    length = {"rounds": rounds} if rounds else {"seconds": lasting}
    game, source, number, seconds = played(recipe, list(words), **length)
    pictured(cast(VGAN, game), work / f"{name}.png")
    np.save(work / f"{name}.npy", game.spec.domain.decode(drawn(game, SAMPLES)))
    told = {"rounds": number, "ms a round": round(1000 * seconds / number)}
    return {**told, **measured(cast(VGAN, game), source)}


def compared(work: Path) -> Row:
    """Return how much nearer to the data two streams are than what they are compared with.

    Of clips that the runs left in the work folder, those of the street beside its windows.
    """
    _, source, _ = opened("vgan/blobs", [])
    looks = extractors("blobs", source.items("train").x[:])
    held_out = source.items("test").x[:]
    row: Row = {}
    for first, second in PAIRS:
        pair = (np.load(work / f"{name}.npy") for name in (first, second))
        row |= {f"{first} before {second}: {k}": v for k, v in lead(looks, held_out, *pair).items()}
    return row


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


def street(name: str, work: Path, *words: str) -> Row:
    """Train on the street; compare samples with windows of the fifth of its time held out."""
    game, source, rounds, seconds = played("vgan/street", list(words), seconds=SECONDS)
    row: Row = {"rounds": rounds, "ms a round": round(1000 * seconds / rounds)}
    pictured(cast(VGAN, game), work / f"{name}.png")
    real = held_out_windows(source)
    fake = game.spec.domain.decode(drawn(game, SAMPLES))
    np.save(work / f"{name}.npy", fake)
    halves = real[: SAMPLES // 2], real[SAMPLES // 2 :]
    for look in looks_at(real):
        truth, found = (extract(look, clips).features for clips in (real, fake))
        row[f"frechet[{look.name}]"] = round(frechet_of_features(truth, found), 3)
        floor = frechet_of_features(*(extract(look, clips).features for clips in halves))
        row[f"frechet[{look.name}] floor"] = round(floor, 3)
    for whose, clips in (("", fake), (" of the street", real)):
        change, count = flicker(in_units(clips))
        row[f"flicker{whose}"] = round(float(change / count.clamp_min(1)), 4)
        row[f"moving share{whose}"] = round(float(moving(in_units(clips)).float().mean()), 3)
    return row | masked(cast(VGAN, game), in_units(fake))


def street_compared(work: Path) -> Row:
    """Return how much nearer to the street two streams are than one."""
    _, source, _ = opened("vgan/street", [])
    real = held_out_windows(source)
    pair = (np.load(work / f"street, {name}.npy") for name in ("two streams", "one stream"))
    return lead(looks_at(real), real, *pair)


def looks_at(real: Clips) -> list[ClipExtractor]:
    """Return what clips of the street are compared by."""
    return [RandomClips(RANDOM3D, real), Components(real), RandomClips(DYNAMICS, real)]


def held_out_windows(source: Source) -> Clips:
    """Return windows of the fifth of the street's time that nobody trains on, as large as clips."""
    whole = ["data.size=[48,64]", "data.resize=stretch", "data.crop=centre", "data.short_edge=null"]
    _, uncut, _ = opened("vgan/street", whole)
    edge = source.spec.domain.shape[-1]
    return windows(uncut.items("test").x, SAMPLES, edge, np.random.default_rng(0))


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
    kept, one = work / "vgan", "game.generator.streams=one"

    def of(act: Callable[..., Row], name: str, *words: str, **more: Any) -> tuple[str, Any]:
        return name, partial(act, name, kept, *words, **more)

    yield "data", data
    yield of(run, "two streams")
    yield of(run, "one stream", one)
    yield of(run, "autoencoder", recipe="vgan-autoencoder/blobs", rounds=ROUNDS)
    yield of(run, LONG_TWO, lasting=LONGER)
    yield of(run, LONG_BASELINE, recipe="vgan-autoencoder/blobs", lasting=LONGER)
    yield "compared", partial(compared, kept)
    yield of(run, "lambda 0.1", "game.mask=0.1")
    yield of(run, "lambda 1", "game.mask=1")
    yield "future", future
    yield "actions", actions
    yield of(street, "street, two streams")
    yield of(street, "street, lambda 2", "game.mask=2")
    yield of(street, "street, one stream", one)
    yield "street, compared", partial(street_compared, kept)
