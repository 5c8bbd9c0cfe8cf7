"""Progressive GAN on emoji, 4 to 64 pixels: samples of every level, and a run that is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from common import Row, trained_model
from safetensors.torch import load_file
from torch import Tensor

from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.metrics.extractor import extract
from ganvas.metrics.extractors import RandomConv
from ganvas.metrics.frechet import frechet_of_features
from ganvas.model.trained import Array
from ganvas.training.folder import RunFolder

MINUTES = 16
SIDES = (4, 8, 16, 32, 64)
COUNT = 1_000
"""Samples of each level."""
RECIPE = "progressive/emoji"
SHORT = (
    *("game.growing.fade=0.08", "game.growing.rest=0.08", "train.kimg=0.08"),
    "game.growing.levels={64: {fade: 0.48}}",
    *("train.log_every=1", "train.checkpoint_every=10", "train.keep=2", "train.sample_every=0"),
    *("train.watch_every=0", "train.threads=1", "train.tensorboard=false", "evaluate.at_end=false"),
)
"""Phases of five rounds; the last level fades in over thirty."""
KILLED_AT = 0.4
"""From this α of the last level on."""


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give a run of all levels, and short ones of which one is killed while a level fades in."""
    yield "emoji", partial(grown, work)
    yield "killed in mid-fade", partial(killed, work)


def grown(work: Path) -> Row:
    """Train as the recipe says; tell how far samples are from emoji at each level."""
    model = trained_model(RECIPE, work / "progressive-emoji", [])
    rows = RunFolder(work / "progressive-emoji").rows()
    real = open_data(DataSettings(source="emoji_google")).items("train").x
    chosen = real[np.random.default_rng(0).choice(len(real), COUNT, replace=False)]
    again = real[np.random.default_rng(1).choice(len(real), COUNT, replace=False)]
    row: Row = {"rounds": rows[-1]["round"], "training_seconds": round(rows[-1]["time"])}
    finest = pooled(model.sample(COUNT).x, SIDES[-1])
    for side in SIDES:
        made, known = pooled(model.sample(COUNT, level=side).x, side), pooled(chosen, side)
        row[f"Fréchet distance, {side} px"] = distance(made, known)
        row[f"of other emoji, {side} px"] = distance(pooled(again, side), known)
        apart = (made - F.adaptive_avg_pool2d(finest, side)).abs().mean()
        row[f"from the finest, pooled, {side} px"] = round(float(apart) / 255, 4)
    return row


def pooled(images: Array, side: int) -> Tensor:
    """Return images (N, H, W, C) as (N, C, side, side), 0 to 255: means over squares."""
    x = torch.from_numpy(np.ascontiguousarray(images)).float().movedim(-1, 1)
    return F.adaptive_avg_pool2d(x, side)


def distance(made: Tensor, known: Tensor) -> float:
    """Return a Fréchet distance of random convolutions of images, shown at the finest size."""
    extractor = RandomConv(3)
    seen = (
        F.interpolate(x, SIDES[-1]).round().byte().movedim(1, -1).contiguous().numpy()
        for x in (made, known)
    )
    a, b = (extract(extractor, x).features for x in seen)
    return round(frechet_of_features(a, b), 2)


def killed(work: Path) -> Row:
    """Kill a run while the last level fades in, resume it; tell whether all is as if it had not."""
    whole, broken = work / "progressive-whole", work / "progressive-killed"
    ganvas("train", RECIPE, "--out", str(whole), "--overwrite", *SHORT).wait()
    run = ganvas("train", RECIPE, "--out", str(broken), "--overwrite", *SHORT)
    while run.poll() is None and not any(map(in_mid_fade, RunFolder(broken).rows())):
        time.sleep(0.2)
    run.kill()
    run.wait()
    last = RunFolder(broken).rows()[-1]
    ganvas("resume", str(broken)).wait()
    return {
        "rounds": RunFolder(whole).rows()[-1]["round"],
        "killed after round": last["round"],
        "α": round(last["growth/alpha"], 3),
        "checkpoints alike": alike(newest(whole), newest(broken)),
        "models alike": alike(*(f / "model" / "model.safetensors" for f in (whole, broken))),
    }


def in_mid_fade(row: Row) -> bool:
    """Whether a round of the log is one in which the last level fades in, far enough."""
    return row.get("stage") == "64x64 fade-in" and row.get("growth/alpha", 0) >= KILLED_AT


def newest(run: Path) -> Path:
    """Return the last checkpoint of a run."""
    return RunFolder(run).list_checkpoints()[-1]


def alike(a: Path, b: Path) -> str:
    """Return how many of two files' tensors are the same bit for bit, of how many."""
    one, other = load_file(a), load_file(b)
    same = sum(torch.equal(one[name], other[name]) for name in one if name in other)
    return f"{same} of {len(one | other)}"


def ganvas(*words: str) -> subprocess.Popen[bytes]:
    """Start a command."""
    command = [sys.executable, "-m", "ganvas", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
