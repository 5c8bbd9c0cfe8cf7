"""From what was asked to a list of runs, each a complete recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from ganvas.bench.tables import (
    BATCH_NORMED,
    METHODS,
    PRESETS,
    STACKS,
    TIERS,
    default_preset,
    known,
)
from ganvas.errors import UsageError
from ganvas.recipes import Recipe, load_recipe, names
from ganvas.recipes.layers import TAGS

LOOK_EVERY = 500
"""Rounds between looks at coverage: the grid on which first full coverage is dated."""

QUIET = {
    "train.threads": 1,
    "train.watch_every": LOOK_EVERY,
    "train.sample_every": 0,
    "train.tensorboard": False,
    "train.checkpoint_every": 2000,
    "train.keep": 2,
    "evaluate.at_end": False,
    "train.precision": "fp32",
    "train.channels_last": False,
}
"""Settings of every run that do not touch what is learnt, or are to be alike on all machines."""


@dataclass(frozen=True)
class Job:
    """One run of the benchmark."""

    data: str
    method: str
    preset: str
    tier: str
    seed: int

    @property
    def name(self) -> str:
        """A name for its folder and in messages."""
        return "-".join([self.data, self.method, self.preset, self.tier, str(self.seed)])

    @property
    def settings(self) -> dict[str, Any]:
        """What is laid over the base recipe, by dotted key, in order."""
        method, preset = METHODS[self.method], dict(PRESETS[self.preset])
        if method.joint and self.preset != "native":
            # Encoders and judges of pairs bear the same names, and encoders step as G does.
            preset["game.encoder"] = {"preset": self.preset, **method.encoder}
            preset["game.encoder_optimiser"] = preset["game.generator_optimiser"]
        if method.normed and "game.generator" in preset and self.preset not in BATCH_NORMED:
            preset["game.generator"] = {**preset["game.generator"], "batch_norm": True}
        if method.unnormed and self.preset in BATCH_NORMED:
            preset["game.discriminator"] = {**preset["game.discriminator"], "norm": "none"}
        chosen = {} if self.preset == "native" and method.own else dict(method.set)
        if chosen and self.data not in STACKS:
            chosen |= method.points
        rounds = TIERS[self.tier].rounds(self.data, self.preset)
        horizon = {} if rounds is None else {"train.rounds": rounds, "train.kimg": None}
        source: dict[str, Any] = {"data.source": self.data}
        if self.data in STACKS:
            source["data.labels"] = False
        looks = {"train.watch_every": LOOK_EVERY * (4 if self.data in STACKS else 1)}
        return {**source, **preset, **chosen, **horizon, **QUIET, **looks, "seed": self.seed}

    @property
    def base(self) -> str:
        """The recipe it starts from: the method's own for the data, or the nearest kind."""
        method, have = METHODS[self.method], names()
        system = method.recipe
        if method.base and self.preset != "native" and self.data not in STACKS:
            return f"{system}/{method.base}"
        kinds = ("digits_stack", "images", "digits") if self.data in STACKS else ("ring8", "points")
        for kind in (self.data, *kinds):
            if f"{system}/{kind}" in have:
                return f"{system}/{kind}"
        raise UsageError(f"method '{self.method}' is absent: there are no recipes {system}/…")

    def recipe(self) -> Recipe:
        """Return the complete recipe.

        Raises:
            UsageError: the method does not exist here, or does not fit the data.
        """
        words = [f"{key}={json.dumps(value)}" for key, value in self.settings.items()]
        return load_recipe(self.base, words)

    def fingerprint(self, recipe: Recipe) -> str:
        """Return a hash of all that decides the result: settings, not where it is computed.

        Defaults are left out, so that an option which is added later, and off, changes no hash.
        """
        left_out = {"about", "name"}
        brief = recipe.model_dump(mode="json", exclude_defaults=True, exclude=left_out)
        tree = _tagged(brief, recipe.model_dump(mode="json"))
        tree["game"]["system"] = recipe.system
        tree["train"] = {k: v for k, v in tree["train"].items() if f"train.{k}" not in QUIET}
        text = json.dumps(tree, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _tagged(brief: Any, whole: Any) -> Any:
    """Put back what kind of thing each mapping is: its default, and yet the choice itself."""
    if isinstance(brief, dict):
        inner = {k: _tagged(v, whole[k]) for k, v in cast(dict[str, Any], brief).items()}
        return {tag: whole[tag] for tag in TAGS if tag in whole} | inner
    if isinstance(brief, list):
        return [_tagged(b, w) for b, w in zip(cast(list[Any], brief), whole, strict=True)]
    return brief


def plan(
    data: Sequence[str],
    methods: Sequence[str],
    presets: Sequence[str],
    tier: str,
    seeds: int | None,
) -> list[Job]:
    """Return the runs asked for, seed by seed, so that an early stop leaves whole tables.

    Args:
        data: names of data sets.
        methods: names of methods.
        presets: names, or nothing for each data set's own.
        tier: budget.
        seeds: how many; None for the tier's number.

    Raises:
        UsageError: a name is unknown.
    """
    known("tier", tier, TIERS)
    for preset in presets:
        known("preset", preset, PRESETS)
    for method in methods:
        known("method", method, METHODS)
    count = TIERS[tier].seeds if seeds is None else seeds
    return [
        Job(source, method, preset, tier, seed)
        for seed in range(count)
        for source in data
        for preset in (presets or [default_preset(source)])
        for method in methods
    ]
