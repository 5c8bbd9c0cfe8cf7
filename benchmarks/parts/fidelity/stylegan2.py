"""StyleGAN2 on faces: path lengths, truncation, mixing, configurations A to E, and what it costs.

Runs: ``recipe``, ``without path length`` (its twin), ``path lengths`` of both with intervals,
``truncation …``, ``slots …`` (what poses, shapes and colours owe to coarse and to fine ones),
``finest level`` (a twin whose images are of that level alone), ``config …`` (16 pixels, two minutes
each) and ``cost …`` (a round with modulation scaled, grouped, and written as a loop over samples).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from common import Row, to_the_end
from numpy.typing import NDArray
from parts.fidelity._scoring import SIZE, features, scorer
from parts.fidelity._speed import speed, table
from torch import Tensor
from torch.nn.functional import softplus

from ganvas import api
from ganvas.api.run_data import RunData, run_data
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.games.stylegan2 import StyleGAN2
from ganvas.latent.path_length import PathLengths, path_lengths
from ganvas.metrics.activations import activations, layers
from ganvas.metrics.frechet import frechet_of_features
from ganvas.metrics.of import measures_of
from ganvas.model import Model, load
from ganvas.networks.perceptual import RandomFeatures
from ganvas.nn import noisy
from ganvas.play import Noise, build
from ganvas.recipes import Recipe, load_recipe
from ganvas.slices import slices
from ganvas.training.folder import METRICS

Floats = NDArray[np.float64]

MINUTES = 40
BATCH = 8
"""Of rounds whose cost is measured, and of short runs."""
SAMPLES = 2_000
WAYS, COMPARED = 2_000, 10_000
"""Ways whose lengths are measured, and those of two models whose lengths are compared."""
DRAWS = 1_000
"""Of bootstraps."""
TOLD = (0.1, 0.5, 0.9)
PSI = (1.0, 0.7, 0.5, 0.3)
QUIET: dict[str, Any] = {
    "sample_every": 500,
    "watch_every": 1000,
    "checkpoint_every": 250,
    "tensorboard": False,
}
LATER: dict[str, Any] = {"at_end": False}
GROWING: dict[str, Any] = {"fade": 1.2, "rest": 1.2, "restart": False}
PLAIN: dict[str, Any] = {"maps": 512, "max_maps": 64}
CONFIGS: dict[str, dict[str, Any]] = {
    "A": {"preset": "stylegan2_a", "penalty_every": 1, "path_length": None},
    "B": {"preset": "stylegan2_d", "penalty_every": 1, "path_length": None},
    "D": {"preset": "stylegan2_d"},
    "E": {"preset": "stylegan2"},
}
"""Of table 1: what differs beside the networks."""
RATE: dict[str, Any] = {"kind": "adam", "lr": 2e-3, "beta1": 0.0, "beta2": 0.99, "eps": 1e-8}
PAPERS: dict[str, Any] = {
    "objective": {"kind": "nonsaturating"},
    "penalties": {"r1": {"kind": "r1", "weight": 0.1}, "r2": None},
    "penalty_every": 16,
    "generator_optimiser": RATE,
    "discriminator_optimiser": RATE,
}
SHORT: dict[str, Any] = {
    "batch": BATCH,
    "precision": "fp32",
    "interventions": [{"at": 3000, "players": ["generator"], "rate": 0.25}],
}
"""Of short runs, which play the paper's losses at constant rates in batches of 8."""
FINEST: dict[str, Any] = {
    "generator": {"architecture": "original"},
    "discriminator_optimiser": RATE | {"lr": 4e-3},
}
SLOWER: dict[str, Any] = {
    "kimg": 56,
    "interventions": [
        {"at": 1000, "players": ["generator"], "rate": 0.5},
        {"at": 2500, "players": ["generator"], "rate": 0.25},
        {"at": 2500, "players": ["discriminator"], "rate": 0.5},
        {"at": 5000, "players": ["generator"], "rate": 0.125},
        {"at": 5000, "players": ["discriminator"], "rate": 0.25},
    ],
}
"""Of the twin of the finest level: its discriminator is twice as fast, from 1,000 rounds on four
times as the generator, and both become slower."""


def trained(work: Path, name: str, game: dict[str, Any], **train: Any) -> Path:
    """Return a run of the recipe for faces with changes, trained once; a stopped one goes on."""
    run = work / name.replace(" ", "-")
    told: dict[str, Any] = {"train": QUIET | train, "evaluate": LATER}
    begin = partial(api.train, "stylegan2/faces", run, quiet=True, overwrite=True, game=game)
    return to_the_end(run, partial(begin, **told))


def shortly(
    work: Path,
    name: str,
    game: dict[str, Any],
    data: Any = None,
    train: dict[str, Any] | None = None,
    **told: Any,
) -> Path:
    """Return a short run of the recipe's networks, with changes, trained once, of some data."""
    run = work / name.replace(" ", "-")
    told |= {"game": PAPERS | game, "train": QUIET | SHORT | (train or {}), "evaluate": LATER}
    begin = partial(api.train, "stylegan2/faces", run, data, quiet=True, overwrite=True, **told)
    return to_the_end(run, begin)


def of_recipe(work: Path) -> Path:
    """Return the run of the recipe."""
    return trained(work, "faces", {})


@cache
def data(run: Path) -> RunData:
    """Return the data of a run, opened once."""
    return run_data(run)


def seen(x: Any, run: Path) -> Tensor:
    """Return the features of images by the network that measures a run's samples."""
    return measures_of(data(run).source, torch.device("cpu")).look(x).features


def distances(x: Any, run: Path) -> dict[str, float]:
    """Return Fréchet distances of samples from held-out faces: in features of random convolutions,
    and of the gated scorer, if it sees pictures of this size.
    """
    held_out = data(run).source.items("test").x
    found = {"Fréchet distance": frechet_of_features(seen(x, run), seen(held_out, run))}
    if x.shape[1] == SIZE:
        judge = scorer(run.parent)
        assert judge.trusted == judge.names
        by = frechet_of_features(features(judge, x), features(judge, held_out))
        found["by the scorer"] = by
    return found


def looked(run: Path) -> Row:
    """Return the distances of a run's samples, and its path length."""
    model, recipe = load(run, device="cpu"), data(run).recipe
    start = build(recipe.game_type, recipe.game_config, data(run).source.spec, recipe.seed)
    game = cast(StyleGAN2, start.eval())
    with torch.no_grad(), noisy(game, "fixed"):
        z: Tensor = game.prior(SAMPLES, Noise(1))
        parts = [game.sample(z[part]) for part in slices(SAMPLES, 250)]
        x = torch.cat(parts)
    now = distances(model.sample(SAMPLES, seed=1).x, run)
    before = distances(model.domain.decode(x), run)
    told = Row()
    for name, value in now.items():
        word = "" if name == "Fréchet distance" else f" {name}"
        told[name] = round(value, 4)
        told[f"untrained{word}"] = round(before[name], 4)
        told[f"times below{word}"] = round(before[name] / value, 1)
    lengths = ways(model)
    rows = [json.loads(line) for line in (run / METRICS).read_text("utf-8").splitlines()]
    last = [row for row in rows if "kimg" in row][-1]
    return {
        "kimg": last["kimg"],
        **told,
        "ppl": round(lengths.value, 2),
        "ppl, 95 %": interval(trimmed_means(lengths.each)),
        "ppl in z": round(ways(model, "z").value, 2),
        "lengths, 10, 50, 90 %": [round(float(one), 2) for one in np.quantile(lengths.each, TOLD)],
        "shares of levels": {
            name: round(value, 3)
            for row in rows
            if any("usage/" in k for k in row)
            for name, value in row.items()
            if "usage/" in name
        },
    }


def ways(model: Model, space: str = "w", count: int = WAYS) -> PathLengths:
    """Return path lengths by a network of random convolutions."""
    distance = RandomFeatures(model.spec.shape[0]).distance
    return path_lengths(model.game, distance, count, space=space)


def trimmed_means(lengths: Tensor) -> Floats:
    """Return path lengths of ways that are drawn with repetition from these, `DRAWS` times."""
    rng, each = np.random.default_rng(0), lengths.double().numpy()
    drawn = np.sort(each[rng.integers(0, len(each), (DRAWS, len(each)))], axis=1)
    cut = len(each) // 100
    return drawn[:, cut : len(each) - cut].mean(axis=1)


def interval(values: Floats) -> list[float]:
    """Return where 95 % of values are."""
    return [round(float(one), 3) for one in np.quantile(values, (0.025, 0.975))]


def faces(work: Path) -> Row:
    """Measure the recipe, and training faces in the place of samples."""
    run = of_recipe(work)
    real = distances(data(run).source.items("train").x[:SAMPLES], run)
    return looked(run) | {f"training faces, {k}": round(v, 4) for k, v in real.items()}


def without(work: Path) -> Row:
    """Measure its twin without path lengths."""
    return looked(trained(work, "faces without", {"path_length": None}))


def compared(work: Path) -> Row:
    """Tell by how much ways of the run are shorter than those of its twin without path lengths."""
    runs = of_recipe(work), trained(work, "faces without", {"path_length": None})
    row: Row = {"ways": COMPARED}
    for space in ("w", "z"):
        ours, theirs = (ways(load(run, device="cpu"), space, COMPARED).each for run in runs)
        # Ways of two models share nothing but their numbers: each is drawn by itself.
        ratio = trimmed_means(ours) / trimmed_means(theirs)[::-1]
        row[f"ratio in {space}"] = round(float(np.median(ratio)), 3)
        row[f"ratio in {space}, 95 %"] = interval(ratio)
    return row


def truncated(psi: float, work: Path) -> Row:
    """Tell how far samples lie apart whose styles are truncated."""
    run = of_recipe(work)
    x = load(run, device="cpu").sample(SAMPLES, seed=1, truncation=psi).x
    both = {"variance": seen(x, run), "variance by the scorer": features(scorer(work), x)}
    return {name: round(float(one.double().var(0).sum()), 4) for name, one in both.items()}


def finest(work: Path) -> Path:
    """Return the twin whose images are of the finest level alone."""
    return shortly(work, "faces finest level", FINEST, train=SLOWER)


def of_finest(work: Path) -> Row:
    """Measure it, and what its slots move."""
    row = looked(finest(work))
    for which in ("coarse", "fine"):
        row |= {f"{which}, {name}": value for name, value in slots(which, work, finest).items()}
    return row


def slots(which: str, work: Path, run: Callable[[Path], Path] = of_recipe) -> Row:
    """Tell by how much samples change whose coarse, middle or fine slots have another style.

    The change of their pose, as the scorer says, of where their edges are, of the grey gradient's
    size, and of their mean colour.
    """
    model = load(run(work), device="cpu")
    game = model.game
    assert isinstance(game, StyleGAN2)
    end = game.style_slots
    part = {"coarse": slice(0, 4), "fine": slice(end - 3, end)}[which]
    with torch.inference_mode(), noisy(game, "fixed"):  # fresh noise would move edges, too
        a, b = (game.styles(game.prior(500, Noise(seed))) for seed in (1, 2))
        mixed = a.clone()
        mixed[:, part] = b[:, part]
        x, y, other = (game.synthesise(w) for w in (a, mixed, b))
    judge = scorer(work)

    def pose(x: Tensor) -> Tensor:
        return torch.from_numpy(judge(model.domain.decode(x)))[:, [judge.names.index("pose")]]

    told: dict[str, float] = {}
    for name, look in (("pose", pose), ("shape", shape), ("colour", colour)):
        whole = (look(other) - look(x)).square().sum(1).mean()
        told[name] = round(float((look(y) - look(x)).square().sum(1).mean() / whole), 3)
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
    kimg = 3.2 if name in "ABD" else 8.0  # of the last level; 4.8 are before it
    run = shortly(work, f"config {name}", game, train={"kimg": kimg}, **{"data.size": 16})
    found = looked(run)
    model = load(run, device="cpu")
    game_ = model.game
    assert isinstance(game_, StyleGAN2)
    w = game_.styles(game_.prior(256, Noise(1)))
    inside = layers(activations(game_.generator.synthesis, lambda: game_.synthesise(w)))
    fine = [one for one in inside.values() if one.size == (16, 16)]
    shown = ("kimg", "Fréchet distance", "times below", "ppl", "ppl, 95 %")
    return {
        **{key: found[key] for key in shown},
        "droplets": round(max(one.droplets for one in inside.values()), 2),
        "fine share": round(sum(one.fine or 0.0 for one in fine) / len(fine), 4),
    }


def small_rounds(words: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe for faces with the paper's losses, in small batches."""
    papers = [f"game.{name}={json.dumps(told)}" for name, told in PAPERS.items()]
    return load_recipe("stylegan2/faces", [*papers, f"train.batch={BATCH}", *words])


def cost(words: tuple[str, ...], turn: int) -> Row:
    """Return the processor's seconds of a round of its kind: 1 plain, 4 with path lengths."""
    game, feed, turns = table(small_rounds(words), _opened())
    taken: list[float] = []
    for _ in range(7):
        turns.round = turn
        start = time.process_time()
        game.round(feed, turns)
        taken.append(time.process_time() - start)
    return {"seconds a round": round(sorted(taken)[len(taken) // 2], 4)}


def beside_a_loop() -> Row:
    """Return the processor's seconds of 16 rounds, and of the same written out without ganvas."""
    recipe, source = small_rounds(), _opened()
    game, feed, turns = table(recipe, source)
    images = source.spec.domain.encode(source.items("train").x[:2000])
    other, _, _ = table(recipe, source)
    assert isinstance(other, StyleGAN2)
    plain = PlainLoop(other, images)
    game.round(feed, turns)
    plain.play(1)
    mine, theirs = 0.0, 0.0
    for number in range(16):
        turns.round = number
        start = time.process_time()
        game.round(feed, turns)
        between = time.process_time()
        plain.play(number)
        mine, theirs = mine + between - start, theirs + time.process_time() - between
    return {
        "seconds of 16 rounds": round(mine, 3),
        "of a plain loop": round(theirs, 3),
        "ratio": round(mine / theirs, 3),
    }


class PlainLoop:
    """A training of the same networks as one would write it down without a library.

    Args:
        game: whose networks are trained.
        images: (N, C, H, W) in network units.
    """

    def __init__(self, game: StyleGAN2, images: Tensor) -> None:
        self.g, self.d, self.images = game.generator, game.discriminator, images
        rate: dict[str, Any] = {"lr": 2e-3, "eps": 1e-8, "fused": True}
        self.of_g = torch.optim.Adam(self.g.parameters(), betas=(0.0, 0.99**0.8), **rate)
        self.of_d = torch.optim.Adam(self.d.parameters(), betas=(0.0, 0.99 ** (16 / 17)), **rate)
        self.length = torch.zeros(())

    def styles(self, n: int) -> Tensor:
        """Return styles of fresh latents, mixed."""
        z = torch.randn(2, n, self.g.latent)
        first, second = (self.g.styles(one) for one in z)
        cut = int(torch.randint(1, self.g.slots, ())) if torch.rand(()) < 0.9 else self.g.slots
        return torch.cat([first[:, :cut], second[:, cut:]], dim=1)

    def play(self, number: int) -> None:
        """Play a round."""
        g, d = self.g, self.d
        g.requires_grad_(True)
        d.requires_grad_(False)
        self.step(self.of_g, softplus(-d(g.synthesise(self.styles(BATCH)))).mean())
        if number % 4 == 0:
            w = self.styles(BATCH // 2)
            x = g.synthesise(w)
            y = torch.randn_like(x) / x[0, 0].numel() ** 0.5
            (slope,) = torch.autograd.grad((x * y).sum(), w, create_graph=True)
            lengths = slope.square().sum(2).mean(1).sqrt()
            self.length = self.length.lerp(lengths.mean().detach(), 0.01)
            self.step(self.of_g, 4 * 2 * (lengths - self.length).square().mean())
        g.requires_grad_(False)
        d.requires_grad_(True)
        real = self.images[torch.randint(len(self.images), (BATCH,))]
        fake = g.synthesise(self.styles(BATCH))
        self.step(self.of_d, softplus(d(fake)).mean() + softplus(-d(real)).mean())
        if number % 16 == 0:
            real = real.requires_grad_(True)
            (slope,) = torch.autograd.grad(d(real).sum(), real, create_graph=True)
            self.step(self.of_d, 16 * 0.015 * slope.square().sum((1, 2, 3)).mean())

    @staticmethod
    def step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        """Step on a loss."""
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@cache
def _opened() -> Source:
    return open_data(load_recipe("stylegan2/faces").data)


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give each run's name and what plays it."""
    yield "recipe", partial(faces, work)
    yield "without path length", partial(without, work)
    yield "path lengths", partial(compared, work)
    for psi in PSI:
        yield f"truncation {psi:g}", partial(truncated, psi, work)
    for which in ("coarse", "fine"):
        yield f"slots {which}", partial(slots, which, work)
    yield "finest level", partial(of_finest, work)
    for name in CONFIGS:
        yield f"config {name}", partial(config, name, work)
    yield "cost beside a plain loop", beside_a_loop
    for name in ("stylegan2/digits", "stylegan2/faces", "stylegan2/emoji"):
        yield f"cost {name}", partial(speed, name, work)
    for way in ("scaled", "grouped", "loop"):
        for kind, turn in (("plain", 1), ("path lengths", 4)):
            words = (f"game.generator.modulation={way}",)
            yield f"cost {way}, {kind} round", partial(cost, words, turn)
