"""From what was asked to a list of runs, each a complete recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganvas.bench.coverage import measure, watched
from ganvas.bench.rows import KEY, Row
from ganvas.bench.tables import (
    BATCH_NORMED,
    METHODS,
    PRESETS,
    STACKS,
    TIERS,
    default_preset,
    known,
)
from ganvas.bench.trial import LOOK_EVERY, QUIET, Trial
from ganvas.errors import UsageError
from ganvas.recipes import Recipe, load_recipe, names


@dataclass(frozen=True)
class Job(Trial):
    """One run of the mode-coverage benchmark."""

    data: str
    method: str
    preset: str
    tier: str
    seed: int

    @property
    def key(self) -> Mapping[str, Any]:
        """What its row is found by."""
        return {name: getattr(self, name) for name in KEY}

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

    def measured(self, folder: Path, rows: Sequence[Row]) -> Row:
        """Return scores, floors and histogram of a finished run, and coverage along training."""
        found = measure(folder, self.recipe().data, self.seed)
        return {
            **found,
            **watched(rows, len(found["histogram"])),
            "changes": {k: v for k, v in self.settings.items() if k.startswith("game.")},
            "recipe": self.base,
        }

    def summary(self, row: Row) -> str:
        """Return the modes that were kept, and how well."""
        found = row["scores"][str(row["samples"][-1])]
        shown = [
            f"{name} {found[name]:.4g}"
            for name in ("modes", "modes_strict", "hq", "hq_cal", "kl_modes")
            if found.get(name) is not None
        ]
        return ", ".join(shown)


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
