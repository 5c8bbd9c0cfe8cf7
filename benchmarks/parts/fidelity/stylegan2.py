"""StyleGAN2 on faces: path lengths, truncation, mixing, configurations A to E, and what it costs.

Runs: ``recipe``, ``without path length`` (its twin), ``truncation …``, ``slots …``
(what shape and colour owe to coarse and to fine ones), ``config …`` (16 pixels, two minutes each)
and ``cost …`` (a round with modulation scaled, grouped, and written as a loop over samples).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from common import Row
from torch import Tensor

from ganvas import api
from ganvas.api.run_data import run_data
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.games.stylegan2 import StyleGAN2
from ganvas.latent.path_length import path_lengths
from ganvas.metrics.activations import activations, layers
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.of import measures_of
from ganvas.model import Model, load
from ganvas.networks.perceptual import RandomFeatures
from ganvas.nn import Arithmetic, arrange, noisy
from ganvas.play import Noise, Turns, build, networks_of
from ganvas.recipes import load_recipe
from ganvas.training.folder import METRICS

MINUTES = 40
SAMPLES = 2_000
WAYS = 2_000
PSI = (1.0, 0.7, 0.5, 0.3)
QUIET: dict[str, Any] = {
    "sample_every": 0,
    "watch_every": 500,
    "checkpoint_every": 250,
    "tensorboard": False,
}
LATER: dict[str, Any] = {"at_end": False}
GROWING: dict[str, Any] = {"fade": 1.6, "rest": 1.6, "restart": False}
PLAIN: dict[str, Any] = {"maps": 512, "max_maps": 64}
CONFIGS: dict[str, dict[str, Any]] = {
    "A": {"preset": "stylegan2_a", "penalty_every": 1, "path_length": None},
    "B": {"preset": "stylegan2_d", "penalty_every": 1, "path_length": None},
    "D": {"preset": "stylegan2_d"},
    "E": {"preset": "stylegan2"},
}
"""Of table 1: what differs beside the networks."""


def trained(
    work: Path, name: str, game: dict[str, Any], data: dict[str, Any] | None = None, **train: Any
) -> Path:
    """Return a run of the recipe for faces with changes, trained once; a stopped one goes on."""
    run = work / name.replace(" ", "-")
    done = run / "finished"
    if done.exists():
        return run
    if (run / "checkpoints").is_dir():
        ending = api.resume(run, quiet=True)
    else:
        settings: dict[str, Any] = {"train": QUIET | train, "evaluate": LATER}
        if data:
            settings["data"] = data
        ending = api.train(
            "stylegan2/faces", run, quiet=True, overwrite=True, game=game, **settings
        )
    if ending.outcome != "finished":
        sys.exit(f"{run} stopped at round {ending.rounds}; the same command goes on")
    done.touch()
    return run


def frechet(x: Any, run: Path) -> float:
    """Return the Fréchet distance of samples from held-out faces."""
    its = run_data(run)
    measures = measures_of(its.source, torch.device("cpu"))
    held_out = measures.look(its.source.items("test").x).features
    return frechet_of_features(measures.look(x).features, held_out)


def looked(run: Path) -> Row:
    """Return the distances of a run's samples, and its path length."""
    model, recipe = load(run, device="cpu"), run_data(run).recipe
    start = build(recipe.game_type, recipe.game_config, run_data(run).source.spec, recipe.seed)
    game = start.eval()
    with torch.no_grad(), noisy(game, "fixed"):
        z = game.prior(SAMPLES, Noise(1))  # pyright: ignore[reportAttributeAccessIssue]
        x = torch.cat([game.sample(part) for part in z.split(250)])  # pyright: ignore
    now, before = frechet(model.sample(SAMPLES, seed=1).x, run), frechet(_data(model, x), run)
    rows = [json.loads(line) for line in (run / METRICS).read_text("utf-8").splitlines()]
    last = [row for row in rows if "kimg" in row][-1]
    return {
        "kimg": last["kimg"],
        "Fréchet distance": round(now, 4),
        "untrained": round(before, 4),
        "times below": round(before / now, 1),
        "ppl": round(length(model), 1),
        "ppl in z": round(length(model, "z"), 1),
        "shares of levels": {
            name: round(value, 3)
            for row in rows
            if any("usage/" in k for k in row)
            for name, value in row.items()
            if "usage/" in name
        },
    }


def _data(model: Model, x: Tensor) -> Any:
    return model.domain.decode(x)


def length(model: Model, space: str = "w") -> float:
    """Return the path length by a network of random convolutions."""
    distance = RandomFeatures(model.spec.shape[0]).distance
    return path_lengths(model.game, distance, WAYS, space=space).value


def faces(work: Path) -> Row:
    """Measure the recipe."""
    return looked(trained(work, "faces", {}))


def without(work: Path) -> Row:
    """Measure its twin without path lengths."""
    return looked(trained(work, "faces without", {"path_length": None}))


def truncated(psi: float, work: Path) -> Row:
    """Tell how far samples lie apart whose styles are truncated."""
    run = trained(work, "faces", {})
    model, its = load(run, device="cpu"), run_data(run)
    measures = measures_of(its.source, torch.device("cpu"))
    found = measures.look(model.sample(SAMPLES, seed=1, truncation=psi).x).features
    return {"variance": round(float(found.double().var(0).sum()), 4)}


def slots(which: str, work: Path) -> Row:
    """Tell by how much samples change whose coarse, middle or fine slots have another style.

    The change of their mean colour, and of where their edges are: of the grey gradient's size.
    """
    model = load(trained(work, "faces", {}), device="cpu")
    game = model.game
    assert isinstance(game, StyleGAN2)
    end = game.style_slots
    part = {"coarse": slice(0, 4), "fine": slice(end - 3, end)}[which]
    with torch.inference_mode():
        a, b = (game.styles(game.prior(500, Noise(seed))) for seed in (1, 2))
        mixed = a.clone()
        mixed[:, part] = b[:, part]
        x, y, other = (game.synthesise(w) for w in (a, mixed, b))
    told: dict[str, float] = {}
    for name, seen in (("colour", colour), ("shape", shape)):
        whole = (seen(other) - seen(x)).square().sum(1).mean()
        told[name] = round(float((seen(y) - seen(x)).square().sum(1).mean() / whole), 3)
    return {f"{name} changed": value for name, value in told.items()}


def colour(x: Tensor) -> Tensor:
    """Return mean colours (N, 3)."""
    return x.mean((2, 3))


def shape(x: Tensor) -> Tensor:
    """Return where edges are, (N, 64): the share of the grey gradient in each of 8×8 squares."""
    grey = x.mean(1, keepdim=True)
    edges = (grey[:, :, 1:, 1:] - grey[:, :, :-1, 1:]).abs() + (
        grey[:, :, 1:, 1:] - grey[:, :, 1:, :-1]
    ).abs()
    squares = torch.nn.functional.adaptive_avg_pool2d(edges, 8).flatten(1)
    return squares / squares.sum(1, keepdim=True)


def config(name: str, work: Path) -> Row:
    """Train a configuration at 16 pixels for two minutes, and look inside."""
    told = dict(CONFIGS[name])
    networks = {"preset": told.pop("preset"), **PLAIN}
    game = {"generator": networks | {"width": 64, "depth": 4}, "discriminator": networks, **told}
    game["growing"] = GROWING if name in "ABD" else None
    kimg = 3.2 if name in "ABD" else 9.6  # of the last level; there are four halves before it
    run = trained(work, f"config {name}", game, {"size": 16}, kimg=kimg)
    found = looked(run)
    model = load(run, device="cpu")
    game_ = model.game
    assert isinstance(game_, StyleGAN2)
    w = game_.styles(game_.prior(256, Noise(1)))
    inside = layers(activations(game_.generator.synthesis, lambda: game_.synthesise(w)))
    fine = [one for one in inside.values() if one.size == (16, 16)]
    return {
        **{key: found[key] for key in ("kimg", "Fréchet distance", "times below", "ppl")},
        "droplets": round(max(one.droplets for one in inside.values()), 2),
        "fine share": round(sum(one.fine or 0.0 for one in fine) / len(fine), 4),
    }


def cost(words: tuple[str, ...], turn: int) -> Row:
    """Return the processor's seconds of a round, of its kind: 1 plain, 4 with path lengths."""
    recipe = load_recipe("stylegan2/faces", list(words))
    source = _opened()
    game = build(recipe.game_type, recipe.game_config, source.spec, 0).train()
    arrange(networks_of(game), Arithmetic("fp32", True))
    feed = Feed(source, batch=16, seed=0, streams=game.streams())
    turns = Turns(game.players, Noise(0))
    turns.hold()
    taken: list[float] = []
    for _ in range(7):
        turns.round = turn
        start = time.process_time()
        game.round(feed, turns)
        taken.append(time.process_time() - start)
    return {"seconds a round": round(sorted(taken)[len(taken) // 2], 4)}


@cache
def _opened() -> Source:
    return open_data(load_recipe("stylegan2/faces").data)


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    yield "recipe", partial(faces, work)
    yield "without path length", partial(without, work)
    for psi in PSI:
        yield f"truncation {psi:g}", partial(truncated, psi, work)
    for which in ("coarse", "fine"):
        yield f"slots {which}", partial(slots, which, work)
    for name in CONFIGS:
        yield f"config {name}", partial(config, name, work)
    for way in ("scaled", "grouped", "loop"):
        for kind, turn in (("plain", 1), ("path lengths", 4)):
            words = (f"game.generator.modulation={way}",)
            yield f"cost {way}, {kind} round", partial(cost, words, turn)
