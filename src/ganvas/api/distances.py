"""The distance of two sets of samples, by a critic that is trained between them to optimality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ganvas.data.batch import Batch
from ganvas.data.check import data_settings
from ganvas.data.items import Collection, Items
from ganvas.data.open import open_data
from ganvas.data.settings import DataSettings
from ganvas.data.source import REFERENCE, ArraySource
from ganvas.data.spec import AnyArray
from ganvas.errors import UsageError
from ganvas.games import permitted
from ganvas.games.parts.adversarial import Adversarial, learn
from ganvas.games.parts.penalties import input_gradient, interpolates, squared_norms
from ganvas.given import path_of, whole
from ganvas.metrics.distances import wasserstein_assignment
from ganvas.model import MODEL, load
from ganvas.model.device import choose_device
from ganvas.model.storage import code_of, find, read
from ganvas.play import Game, Noise, Turns, build
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.loader import named_system
from ganvas.recipes.overrides import told_of_data

SAMPLES = 10_000
"""Drawn from a model; a law has as many fixed ones."""
EXACT = 2_000
"""Points on either side of the exact assignment, at most."""
BATCH = 500


@dataclass(frozen=True)
class Estimate:
    """What a critic f, trained between two sets, says of their distance.

    All distances are in data units for points, in standard deviations of the columns where the
    recipe says ``data.standardise=columns``, and in network units for images.

    Attributes:
        critic: the game whose discriminator is f, on the device where it was trained.
        train: E f(x) − E f(y) on the halves that f was trained on.
        held_out: the same on the other halves: what f really found.
        slope: mean ‖∇f‖ between the sets; for a critic of 1-Lipschitz functions at most 1.
        value: ``held_out / slope``, which does not depend on the scale of f.
        exact: W₁ of the held-out halves by assignment, of at most 2,000 points; None for images.
        curve: the estimate at every step, penalties left out.
    """

    critic: Adversarial
    train: float
    held_out: float
    slope: float
    exact: float | None
    curve: list[float]

    @property
    def value(self) -> float:
        """The estimate on held-out items for a critic of unit slope."""
        return self.held_out / self.slope if self.slope else 0.0


def distance(
    first: str | Path,
    second: str | Path,
    recipe: str | None = None,
    overrides: Sequence[str] = (),
    *,
    steps: int = 2000,
    seed: int = 0,
    device: str = "auto",
    games: Sequence[str | type[Game]] = (),
) -> Estimate:
    """Train a critic between two sets of samples, half of each, and judge the other halves.

    Args:
        first: a file or folder of data, the name of a law or of a packaged set, or a run or model
            folder, whose frozen generator then draws 10,000 samples.
        second: the same.
        recipe: whose critic, objective, penalties, constraint and optimiser are used;
            None: ``wgan-gp/points`` or ``wgan-gp/images``, by what ``first`` holds.
        overrides: ``key=value`` changes to it; those of ``data`` say how both sets are read.
        steps: of the critic.
        seed: of the networks, of the halves and of all draws.
        device: where it is trained.
        games: of the user's own, ``module:Class`` or classes, that a run or the recipe is of.

    Raises:
        UsageError: a set is missing or broken, both differ in shape, or the recipe has no critic.
    """
    steps, seed = whole(steps, "steps", 1), whole(seed, "seed", 0)
    told = told_of_data(overrides)
    items = [gathered(one, seed, games, told) for one in (first, second)]
    if items[0].shape[1:] != items[1].shape[1:]:
        raise UsageError(
            f"items of one shape are compared: those of {first} are {items[0].shape[1:]}, those of "
            f"{second} {items[1].shape[1:]}"
        )
    kind = "points" if items[0].ndim == 2 else "images"
    name = recipe or f"wgan-gp/{kind}"
    chosen = load_recipe(name, overrides, game=permitted(named_system(name), games))
    return between(items[0], items[1], chosen, steps=steps, seed=seed, device=device)


def between(
    x: AnyArray, y: AnyArray, recipe: Recipe, *, steps: int, seed: int = 0, device: str = "auto"
) -> Estimate:
    """Return the estimate for items (N, …) and (M, …) in data units (see `distance`)."""
    rng = np.random.default_rng(seed)
    halves = [_halved(items, rng) for items in (x, y)]
    points = x.ndim == 2
    # One shift and scale for both, of what is trained on: neither set is the measure of the other.
    pooled = Items(np.concatenate([half for half, _ in halves]))
    by_column = recipe.data.standardise == "columns"
    rule = DataSettings(source="both sets", standardise="columns" if by_column else "together")
    spec = ArraySource(Collection("both sets", {"train": pooled}), rule).spec
    domain = spec.domain
    kind: type[Game] = recipe.game_type
    if not issubclass(recipe.game_type, Adversarial):
        raise UsageError(f"{recipe.name} has no discriminator of its own that could be the critic")
    where = choose_device(device)
    game = build(kind, recipe.game_config, spec, seed).to(where)
    critic = cast(Adversarial, game)
    seen = [domain.encode(half).to(where) for half, _ in halves]
    curve = train_to_optimality(critic, *seen, steps=steps, batch=recipe.train.batch, seed=seed)
    x_fresh, y_fresh = (domain.encode(half).to(where) for _, half in halves)
    unit = domain.unit
    n = min(EXACT, len(x_fresh), len(y_fresh))
    exact = None
    if points:
        pair = (part[:n].cpu().numpy() for part in (x_fresh, y_fresh))
        exact = unit * wasserstein_assignment(*pair)
    return Estimate(
        critic=critic,
        train=unit * _gap(critic, *seen),
        held_out=unit * _gap(critic, x_fresh, y_fresh),
        slope=_slope(critic, x_fresh, y_fresh, seed),
        exact=exact,
        curve=[unit * value for value in curve],
    )


def train_to_optimality(
    game: Adversarial, x: Tensor, y: Tensor, *, steps: int, batch: int, seed: int = 0
) -> list[float]:
    """Play the discriminator's turns alone, items x (N, …) as real and y (M, …) as fake.

    The generator is never asked. Schedules run over the ``steps``.

    Returns:
        The objective's first estimate of each step, or its negative loss if it has none.
    """
    noise = Noise(seed, x.device)
    turns = Turns(game.players, noise)
    turns.hold()
    game.train()
    values: list[float] = []
    for number in range(steps):
        turns.round, turns.progress = number, number / steps
        real, fake = (Batch(items[noise.integers(batch, len(items))]) for items in (x, y))
        learn(game, real, fake, turns)
        noted = turns.take_statistics()
        estimates = [v for name, v in noted.items() if name.startswith("estimate/")]
        values.append(estimates[0] if estimates else -noted["loss/discriminator"])
    game.eval()
    return values


def gathered(
    name: str | Path, seed: int, games: Sequence[str | type[Game]], told: Mapping[str, Any]
) -> AnyArray:
    """Return the items (N, …), in data units, of a data set, or of a model's generator.

    A model of a game of the user's own is loaded if ``games`` has it; data are read as ``told``.

    Raises:
        UsageError: there is neither.
    """
    path = path_of(name, "a set")
    if any((folder / MODEL).is_file() for folder in (path, path / "model")):
        code = code_of(read(find(path))[0])
        return load(path, permitted(code, games)).sample(SAMPLES, seed=seed).x
    source = open_data(data_settings(str(name), {**told, "labels": False}))
    return source.items(REFERENCE if REFERENCE in source.splits else "train").x


def _halved(items: AnyArray, rng: np.random.Generator) -> tuple[AnyArray, AnyArray]:
    if len(items) < 4:
        raise UsageError(f"a set of {len(items)} items is too small to be halved: give 4 or more")
    order, half = rng.permutation(len(items)), len(items) // 2
    return items[order[:half]], items[order[half:]]


@torch.no_grad()
def _gap(game: Adversarial, x: Tensor, y: Tensor) -> float:
    """Return E f(x) − E f(y)."""
    means = (
        torch.cat([game.score(part) for part in torch.split(items, BATCH)]).double().mean()
        for items in (x, y)
    )
    first, second = means
    return float(first - second)


def _slope(game: Adversarial, x: Tensor, y: Tensor, seed: int) -> float:
    """Return the mean gradient norm at up to 500 points on segments between the sets."""
    n = min(BATCH, len(x), len(y))
    places = interpolates(x[:n], y[:n], Noise(seed, x.device).uniform(n))
    return float(squared_norms(input_gradient(game.score, places)).sqrt().mean().detach())
