"""Whether conditions are obeyed: classes, tags, numbers, hidden parts and coarser copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from common import Row, to_the_end
from torch import Tensor

import ganvas
from ganvas.abilities.complete import completed, derived_field, given_of
from ganvas.data.batch import Batch
from ganvas.data.derived import Derivation
from ganvas.data.derived.coarser import Coarser
from ganvas.data.derived.masked import Hidden
from ganvas.data.feed import MAIN
from ganvas.data.items import Items
from ganvas.data.open import open_data
from ganvas.data.procedural.rooms import OBJECTS
from ganvas.data.samplers import Streaming
from ganvas.data.settings import DataSettings
from ganvas.data.spec import DataSpec
from ganvas.games.parts.adversarial import Adversarial
from ganvas.metrics.classifiers import DIGITS
from ganvas.metrics.diversity import within_class_variance_ratio
from ganvas.metrics.rooms import find_objects
from ganvas.model import Model
from ganvas.training.folder import RunFolder

MINUTES = 54
ROUNDS = {"sngan": 2000, "acgan": 2000, "cgan": 2000}
NUMBER = 400
COPIES = {"masked": ("cgan/digits_masked", 3000), "coarse": ("sngan/digits_coarse", 1200)}
SHUFFLED = 600
SHUFFLED_ROOMS = 200
"""Rounds of controls: labels that are obeyed at all are by then."""
SEEDS = (0, 1)
CHANCE = (1, 2, 3, 4, 5, 6, 7)
"""Further seeds of a control whose correlation has a sign by chance."""
TAUGHT = 400
"""Steps in which a classifier learns to read masked digits."""
COUNT = 5_000
"""Samples of a model, as many as held-out items at most."""
QUIET = {"threads": 1, "watch_every": 0, "sample_every": 0, "tensorboard": False}
FALLING = {
    "kind": "adam",
    "lr": {"start": 3e-3, "end": 0, "shape": "linear"},
    "beta1": 0,
    "beta2": 0.99,
}
ROOMS: dict[str, Any] = {
    "data.source": "rooms",
    # Without a 3×3 layer behind each deconvolution beds and windows are ragged, too.
    "game.generator": {"preset": "dcgan", "width": 24, "extra": 1, "activation": "leaky_relu"},
    "game.discriminator": {
        "preset": "dcgan",
        "width": 24,
        "norm": "none",
        "bias": True,
        "labels": "auxiliary",
    },
    "game.labels.own_fake_weight": 0,
    "game.constraint": None,
    # At 0.5 the slope is too gentle for what is small: no lamp was ever drawn.
    "game.penalties": {"data": {"kind": "r1", "weight": {"start": 0.2, "end": 0.02}}},
    "game.penalty_every": 8,
    "game.generator_optimiser": FALLING,
    "game.discriminator_optimiser": FALLING,
}
"""AC-GAN's guesses of real rooms alone, with networks of DCGAN and R1 in every eighth round."""


class OfAnother:
    """Each record with the conditions of the next one in its batch."""

    chances = False

    def draw(self, rng: np.random.Generator, n: int) -> Tensor:
        """Return nothing for each row."""
        return torch.empty(n, 0)

    def __call__(self, batch: Batch, chances: Tensor | None, spec: DataSpec) -> Batch:
        """Return the batch with its conditions moved on by one."""
        return batch.replace(**{k: batch[k].roll(1, 0) for k in spec.conditions if k in batch})

    def __repr__(self) -> str:
        return "conditions of another"


def mixed_up(game: Adversarial) -> dict[str, Streaming]:
    """Return the main stream of a game, real items with the conditions of others."""
    return {MAIN: Streaming(views=(OfAnother(),))}


def runs(work: Path) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Give classes by three systems, parts and copies of digits, tags and numbers of rooms."""
    for system, rounds in ROUNDS.items():
        for seed in SEEDS:
            settings = {"seed": seed, "train.rounds": rounds}
            yield f"{system} {seed}", partial(digits, work / f"{system}{seed}", system, settings)
    control = {"train.rounds": SHUFFLED, "shuffled": True}
    for system in ROUNDS:
        folder = work / f"{system}-shuffled"
        yield f"{system} shuffled", partial(digits, folder, system, control)
    for name, (recipe, rounds) in COPIES.items():
        yield name, partial(copies, work / name, recipe, {"train.rounds": rounds})
        yield f"{name} shuffled", partial(copies, work / f"{name}-shuffled", recipe, control)
    yield "told of masked", partial(told_of, Hidden())
    yield "told of coarse", partial(told_of, Coarser())
    yield "masked filled with another", filled_with_another
    short = {**control, "train.rounds": SHUFFLED_ROOMS}
    yield "tags", partial(tags, work / "tags", {})
    yield "tags 1", partial(tags, work / "tags1", {"seed": 1})
    yield "tags shuffled", partial(tags, work / "tags-shuffled", control)
    yield "number", partial(number, work / "number", {"train.rounds": NUMBER})
    yield "number shuffled", partial(number, work / "number-shuffled", short)
    for seed in CHANCE:
        folder = work / f"number-shuffled{seed}"
        yield f"number shuffled {seed}", partial(number, folder, {**short, "seed": seed})


def trained(folder: Path, recipe: str, settings: dict[str, Any]) -> Model:
    """Return the model of a folder, trained there once."""
    told = {name: value for name, value in settings.items() if name != "shuffled"}
    quiet = {f"train.{name}": value for name, value in QUIET.items()}
    words: dict[str, Any] = {"evaluate.at_end": False, **quiet, **told}
    changed = patch.object(Adversarial, "streams", mixed_up)
    with changed if settings.get("shuffled") else nullcontext():
        begin = partial(ganvas.train, recipe, folder, quiet=True, overwrite=True, **words)
        to_the_end(folder, begin)
    return ganvas.load(folder, device="cpu")


def digits(folder: Path, system: str, settings: dict[str, Any]) -> Row:
    """Train on labelled digits; tell whether samples are of the class asked for, and vary."""
    model = trained(folder, f"{system}/digits", settings)
    asked = torch.arange(COUNT) % 10
    samples = model.sample(COUNT, label=asked.tolist()).x
    held_out = held()
    right = shown(samples) == asked
    return {
        "rounds": settings["train.rounds"],
        "agreement": percent(right),
        "worst class": min(percent(right[asked == k]) for k in range(10)),
        "variance within classes": round(varied(samples, asked, held_out), 3),
    }


def copies(folder: Path, recipe: str, settings: dict[str, Any]) -> Row:
    """Train on hidden or coarse digits; tell whether held-out ones come back as they were."""
    model = trained(folder, recipe, settings)
    held_out = held()
    name, label = derived_field(model), torch.from_numpy(held_out["label"])
    field = given_of(model, name, held_out.x)
    made, again = (completed(model, name, field, seed=seed) for seed in (0, 1))
    how, encode = model.spec.derived[name], model.domain.encode
    told = model.spec.fields[name].encode(field)
    apart = (how.alike(encode(made), told) - told).abs() / 2  # of pixels in [0, 1]
    change = np.abs(made / 255 - again / 255)
    return {
        "rounds": settings["train.rounds"],
        "recognised": percent(shown(made) == label),
        "held-out items recognised": percent(shown(held_out.x) == label),
        "what is given, recognised": percent(shown(how.shown(field, model.domain)) == label),
        "from what is given, mean": round(float(apart.mean()), 4),
        "from what is given, largest mean": round(float(apart.flatten(1).mean(1).max()), 4),
        "between two samples": round(float(change.mean()), 4),
    }


def told_of(how: Derivation) -> Row:
    """Teach the packaged classifier hidden or coarse copies; tell how much they say of the digit.

    What it guesses is about the most that can be right of what is made of them. One who makes every
    digit as often as it is likely is right as often as the classifier's chance of the right one.
    """
    domain = open_data(DataSettings(source="digits")).spec.domain
    chances, field = np.random.default_rng(0), how.domain(domain)

    def seen(x: Any) -> Tensor:
        drawn = torch.from_numpy(chances.random((len(x), how.chances), np.float32))
        maps = field.resized(how.work_out(domain.encode(x), drawn), x.shape[1:3])
        return (maps[:, :1] + 1) / 2

    torch.manual_seed(0)
    known, held_out = open_data(DataSettings(source="digits")).items("train"), held()
    net, _, _ = DIGITS.load()
    net = deepcopy(net).requires_grad_(True).train()
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for step in range(TAUGHT):
        optimiser.param_groups[0]["lr"] = 1e-3 * (1 - step / TAUGHT)
        rows = chances.choice(len(known), 128, replace=False)
        label = torch.from_numpy(known["label"][rows])
        optimiser.zero_grad()
        F.cross_entropy(net.head(net.hidden(seen(known.x[rows]))), label).backward()
        optimiser.step()
    label = torch.from_numpy(held_out["label"])
    with torch.no_grad():
        guess = net.head(net.eval().hidden(seen(held_out.x))).softmax(1)
    return {
        "rounds": TAUGHT,
        "recognised": percent(guess.argmax(1) == label),
        "chance of the right one": percent(guess.gather(1, label[:, None])),
    }


def filled_with_another() -> Row:
    """Fill each hole with the same place of another digit: what knowing nothing is worth."""
    how, domain = Hidden(), open_data(DataSettings(source="digits")).spec.domain
    held_out = held()
    drawn = np.random.default_rng(0).random((len(held_out), how.chances), np.float32)
    field = how.work_out(domain.encode(held_out.x), torch.from_numpy(drawn))
    made = how.restored(np.roll(held_out.x, 1, axis=0), how.domain(domain).decode(field))
    return {"recognised": percent(shown(made) == torch.from_numpy(held_out["label"]))}


def tags(folder: Path, settings: dict[str, Any]) -> Row:
    """Train on rooms with tags; tell how often each, and two of them at once, are as asked for."""
    model = trained(folder, "r3gan/rooms", settings)
    asked = open_data(DataSettings(source="rooms")).items("test")["tags"]
    found = find_objects(model.sample(len(asked), given={"tags": asked}).x).there
    right = found == (asked > 0)
    known = dict(zip(OBJECTS, right.T, strict=True))
    each = {f"{which} right": percent(known[which]) for which in OBJECTS}
    pairs = {
        f"{a} and {b} right": percent(known[a] & known[b]) for a, b in combinations(OBJECTS, 2)
    }
    return {"rounds": RunFolder(folder).rows()[-1]["round"], **each, **pairs}


def number(folder: Path, settings: dict[str, Any]) -> Row:
    """Train on rooms with a position; tell how that of the bed goes with it, where there is one."""
    model = trained(folder, "acgan/digits", {"game.conditional": ["bed_x"], **ROOMS, **settings})
    asked = open_data(DataSettings(source="rooms")).items("test")["bed_x"]
    found = find_objects(model.sample(len(asked), given={"bed_x": asked}).x)
    there = found.there[:, OBJECTS.index("bed")]
    across = found.centres[there, OBJECTS.index("bed"), 0]
    r = float(np.corrcoef(across, asked[there, 0])[0, 1]) if there.sum() > 1 else 0.0
    return {"rounds": settings["train.rounds"], "beds": percent(there), "r": round(r, 3)}


def held() -> Items:
    """Return the held-out digits."""
    return open_data(DataSettings(source="digits")).items("test")


def shown(images: Any) -> Tensor:
    """Return the digits that the packaged classifier sees in images, (N,)."""
    net, _, _ = DIGITS.load()
    x = torch.from_numpy(np.ascontiguousarray(images[..., 0])).float()[:, None] / 255
    with torch.no_grad():
        return torch.cat([net.head(net.hidden(part)).argmax(1) for part in x.split(500)])


def varied(samples: Any, asked: Tensor, held_out: Items) -> float:
    """Return the variance of pixels within classes, over that of held-out digits."""
    x, y = (torch.from_numpy(images).flatten(1).double() / 255 for images in (samples, held_out.x))
    return within_class_variance_ratio(x, asked, y, torch.from_numpy(held_out["label"]), 10)


def percent(right: Any) -> float:
    """Return the share of what is right, in per cent."""
    return round(100 * float(np.asarray(right).mean()), 1)
