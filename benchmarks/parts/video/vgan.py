"""VGAN on blobs: masks, flicker, one stream, the autoencoder with a mixture, and the future.

Runs: ``two streams``, ``one stream``, ``lambda 0.1 without noise`` (the paper's setting at this
size), ``autoencoder`` and ``future`` (first frames of held-out clips).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import torch
from common import Row
from parts.video._playing import drawn, played, scored

from ganvas.data.source import Source
from ganvas.games.vgan import VGAN
from ganvas.metrics.clips import in_units
from ganvas.metrics.motion import flicker, mask_iou, moving
from ganvas.play import Noise

MINUTES = 5
SECONDS = 45.0
"""Of one core, for each run."""
SAMPLES = 512
ALIKE = 0.15
"""Of the range of levels: what differs more from a clip's median over time is its foreground."""

WANTED = ("frechet", "kid", "flicker", "coverage_ratio", "diversity")


def measured(game: VGAN, source: Source) -> Row:
    """Return scores of samples, and what their masks say."""
    x = drawn(game, SAMPLES)
    clips = game.spec.domain.decode(x)
    row: Row = dict(scored(source, clips, WANTED))
    seen = in_units(clips)
    busy = moving(seen)
    row["moving share"] = round(float(busy.float().mean()), 3)
    if not getattr(game, "composes", False):
        return row
    masks = masks_of(game)
    change, count = flicker(seen, masks > 0.1)
    row["flicker where m < 0.1"] = round(float(change / count.clamp_min(1)), 4)
    row["share of m < 0.1"] = round(float((masks < 0.1).float().mean()), 3)
    row["mean mask"] = round(float(masks.mean()), 3)
    inside, outside = busy[:, None].expand_as(masks), ~busy[:, None].expand_as(masks)
    row["mask inside / outside motion"] = round(
        float(masks[inside].mean() / masks[outside].mean()), 2
    )
    away = (seen - seen.median(2, keepdim=True).values).abs().amax(1)
    row["mask IoU"] = round(float(mask_iou(masks, (away > ALIKE).float()).mean()), 3)
    return row


@torch.no_grad()
def masks_of(game: VGAN) -> torch.Tensor:
    """Return the masks (N, T, H, W) of the samples that are measured."""
    z = game.prior(SAMPLES, Noise(99))
    return torch.cat([game.scene(z[k : k + 64]).mask[:, 0] for k in range(0, SAMPLES, 64)])


def run(*words: str, recipe: str = "vgan/blobs") -> Row:
    """Train for the time of a run, and measure."""
    game, source, rounds, seconds = played(recipe, list(words), seconds=SECONDS)
    told = {"rounds": rounds, "ms a round": round(1000 * seconds / rounds)}
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


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    del work
    yield "two streams", partial(run)
    yield "one stream", partial(run, "game.generator.streams=one")
    paper = ("game.mask=0.1", "game.discriminator.noise=0")
    yield "lambda 0.1 without noise", partial(run, *paper)
    yield "autoencoder", partial(run, recipe="vgan-autoencoder/blobs")
    yield "future", future
