"""TGAN on bouncing digits: clipping of singular values against weights, the 3-D model, rates.

Runs: ``svc``; ``clip 0.1``, ``clip 0.01``, ``clip 0.001`` (weights); ``volume`` (the 3-D model;
``volume, normal weights`` begins as DCGAN does); all of equal rounds; ``conditional``, of more;
``cost`` (clipping against LAPACK's decomposition). GAM is of ``svc`` against ``volume``, by the
critics of both; frames between frames are those of ``svc``.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from common import Row, trained_model
from moving import Clips, Distance, extractors, lead, speed, vanished
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from ganvas.data.domains.videos import Videos
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.packaged import digits8
from ganvas.data.settings import DataSettings
from ganvas.games.parts.constraints.singular import Singular
from ganvas.metrics.battle import Critic, battle, fairness
from ganvas.metrics.clips import extract
from ganvas.metrics.vidnets import knowing
from ganvas.model import Model
from ganvas.networks.video.critic import VideoDiscriminator
from ganvas.nn import clip_singular_values_
from ganvas.nn.weights import as_matrix, output_axis, weight_of, weighted_layers
from ganvas.play import Noise, Turns, build
from ganvas.recipes import load_recipe

MINUTES = 18
COUNT = 512
EDGE = 16
"""Of frames; digits are half of it."""
ROUNDS = 600
RUNS: dict[str, list[str]] = {
    "svc": [],
    "clip 0.1": ["game.constraint={kind: clip, bound: 0.1}"],
    "clip 0.01": ["game.constraint={kind: clip, bound: 0.01}"],
    "clip 0.001": ["game.constraint={kind: clip, bound: 0.001}"],
    "volume": ["game.generator={kind: volume, width: 16, init: default}"],
    "volume, normal weights": ["game.generator={kind: volume, width: 16}"],
}


def clips_of(split: str) -> Clips:
    """Return clips of digits."""
    source = open_data(DataSettings.model_validate({"source": "bouncing_digits", "size": EDGE}))
    return np.asarray(source.items(split).x[:COUNT])


def model_of(name: str, work: Path) -> Model:
    """Return the model of a run; train it if there is none."""
    folder = work / f"tgan-{name.replace(' ', '-')}"
    if name == "conditional":
        return trained_model("tgan/bouncing_digits_classes", folder, ["train.log_every=20"])
    words = [f"train.rounds={ROUNDS}", "train.log_every=20", *RUNS[name]]
    return trained_model("tgan/bouncing_digits", folder, words)


def logged(name: str, work: Path) -> Row:
    """Return how the critic's gap went: at its highest, and over the last tenth of the run."""
    log = work / f"tgan-{name.replace(' ', '-')}" / "metrics.jsonl"
    rows: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    gaps = [row["estimate/wasserstein"] for row in rows if "estimate/wasserstein" in row]
    last = gaps[-max(len(gaps) // 10, 1) :]
    return {
        "gap, highest": max(gaps),
        "gap, last": sum(last) / len(last),
        "finite": all(map(math.isfinite, gaps)),
    }


def measured(name: str, work: Path) -> Row:
    """Train a run and measure its samples."""
    model = model_of(name, work)
    train, test = clips_of("train"), clips_of("test")
    known = Distance(train, test)
    clips = model.sample(COUNT).x
    row = {
        "frechet[pca]": known(clips),
        "frechet[pca] real": known(train),
        "frechet[pca] noise": known(noise(test)),
        "speed": speed(clips),
        "speed real": speed(test),
        "vanished": vanished(clips),
        **logged(name, work),
        "rounds": model.provenance.rounds,
    }
    if name == "svc":
        other = model_of("volume", work)
        row |= between(model, known) | against(model, other, test)
        row |= lead(extractors("bouncing_digits", train), test, clips, other.sample(COUNT).x)
    if name == "volume, normal weights":
        best = model_of("svc", work).sample(COUNT).x
        found = lead(extractors("bouncing_digits", train), test, best, clips)
        row |= {f"svc: {key}": value for key, value in found.items()}
    return row | (recognised(model) if name == "conditional" else {})


def noise(like: Clips) -> Clips:
    """Return uniform noise."""
    return np.random.default_rng(0).integers(0, 256, like.shape, dtype=np.uint8)


def between(model: Model, known: Distance) -> Row:
    """Measure clips of twice as many frames: half as far a frame, and the same when subsampled."""
    twice = model.sample(COUNT, rate=2.0).x
    return {
        "speed at rate 2": speed(twice) / speed(model.sample(COUNT).x),
        "frechet[pca] of every second": known(twice[:, ::2]),
    }


def against(model: Model, other: Model, test: Clips) -> Row:
    """Let both generators try to fool both critics."""
    mine, theirs = model.sample(COUNT, seed=1).x, other.sample(COUNT, seed=1).x
    a = Critic(*(model.score(x) for x in (test, mine, theirs)))
    b = Critic(*(other.score(x) for x in (test, theirs, mine)))
    return {"GAM": battle(a, b), "GAM, fairness": fairness(a, b)}


def recognised(model: Model) -> Row:
    """Return how often a frame in the middle shows the digit that was asked for."""
    train, scale = digits8().splits["train"], EDGE // 16
    known = train.x[:1400].repeat(scale, 1).repeat(scale, 2)
    near = KNeighborsClassifier(5).fit(cut(known), train["label"][:1400])
    wanted = np.arange(COUNT) % 10
    clips = model.sample(COUNT, label=wanted.tolist()).x
    source = open_data(DataSettings.model_validate({"source": "bouncing_digits", "size": EDGE}))
    items = source.items("test")
    real, true = np.asarray(items.x[:COUNT]), items["label"][:COUNT]
    row, net = dict[str, float](), knowing("bouncing_digits", 1)
    for end, shown, digits in (("", clips, wanted), (", real", real, true)):
        row[f"class recognised{end}"] = float((near.predict(cut(shown[:, 8])) == digits).mean())
        if net is not None:
            told = extract(net, shown).told["label"].argmax(1).numpy()
            row[f"class told by vidnet{end}"] = float((told == digits).mean())
    return row


def cut(frames: np.ndarray) -> np.ndarray:
    """Return what is around the centre of light, as large as a digit, of frames (N, H, W, 1)."""
    half = EDGE // 4
    around = ((0, 0), (half, half), (half, half))
    light = np.pad(frames[..., 0].astype(float), around)
    rows, columns = np.arange(light.shape[1]), np.arange(light.shape[2])
    total = light.sum((1, 2)).clip(1)
    down = ((light.sum(2) * rows).sum(1) / total).round().astype(int)
    across = ((light.sum(1) * columns).sum(1) / total).round().astype(int)
    down, across = down.clip(half, len(rows) - half), across.clip(half, len(columns) - half)
    found = [
        x[d - half : d + half, a - half : a + half]
        for x, d, a in zip(light, down, across, strict=True)
    ]
    return np.stack(found).reshape(len(frames), -1)


def cost(blocks: int = 3) -> Row:
    """Time clipping of the full critic against LAPACK's decomposition of the same weights."""
    full = Videos(channels=3, frames=16, height=64, width=64)
    layers = [layer for _, layer in weighted_layers(VideoDiscriminator().build(full))]
    stretched = [3 * weight_of(layer).detach() for layer in layers]
    fast, slow, apart = list[float](), list[float](), 0.0
    for _ in range(blocks):
        with torch.no_grad():
            for layer, weight in zip(layers, stretched, strict=True):
                weight_of(layer).copy_(weight)
        fast.append(seconds(lambda: clip_singular_values_(nn.ModuleList(layers))))
        taken = 0.0
        for layer, weight in zip(layers, stretched, strict=True):
            matrix, clipped = as_matrix(weight, output_axis(layer)), list[torch.Tensor]()
            taken += seconds(lambda m=matrix, to=clipped: to.append(by_lapack(m)))
            found = as_matrix(weight_of(layer).detach(), output_axis(layer))
            apart = max(apart, float((found - clipped[0]).abs().max()))
        slow.append(taken)
    clipping, lapack = median(fast), median(slow)
    row = {"clipping s": clipping, "LAPACK s": lapack, "times": lapack / clipping, "apart": apart}
    return row | share()


def by_lapack(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix with its singular values clipped at 1, by its decomposition."""
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    return u * s.clamp_max(1) @ v


def share(rounds: int = 30) -> Row:
    """Return processor time of rounds at 32 pixels, and the share of clipping every fifth time."""
    words = ["data.size=32", "game.constraint.every=5"]
    recipe = load_recipe("tgan/bouncing_digits", words)
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed).train()
    feed = Feed(source, batch=recipe.train.batch, seed=0, streams=game.streams())
    turns = Turns(game.players, Noise(0))
    turns.hold()
    game.round(feed, turns)
    clipped, enforce = list[float](), Singular.enforce

    def clip(constraint: Singular, network: nn.Module) -> None:
        clipped.append(seconds(lambda: enforce(constraint, network)))

    with patch.object(Singular, "enforce", clip):
        taken = seconds(lambda: [game.round(feed, turns) for _ in range(rounds)])
    return {
        "round, ms": 1000 * taken / rounds,
        "clippings": len(clipped),
        "share of clipping": sum(clipped) / taken,
    }


def seconds(act: Callable[[], Any]) -> float:
    """Return what an act takes of the processor."""
    start = time.process_time()
    act()
    return time.process_time() - start


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give the runs."""
    yield "cost", cost
    for name in ("volume", *(name for name in RUNS if name != "volume"), "conditional"):
        yield name, partial(measured, name, work)
