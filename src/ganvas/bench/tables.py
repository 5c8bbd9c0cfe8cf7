"""What is compared with what: methods, presets, tiers and published numbers, from packaged YAML."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml
from pydantic import Field, TypeAdapter

from ganvas.config import Settings
from ganvas.data.laws import LAW_NAMES
from ganvas.errors import UsageError, did_you_mean

Tree = dict[str, Any]

MIXTURES = ("ring8", "grid25", "rand25", "cube27")
"""The four mixture laws, what ``bench modes`` runs unless told otherwise."""

STACKS = ("digits_stack", "stacked_digits", "smnist_fixed", "smnist_online")
"""Sets of three stacked digits, 1,000 modes."""

BATCH_NORMED = ("smD", "smU2", "smU4")
"""Presets whose discriminators have batch norms."""


class Method(Settings):
    """One row of a table.

    Attributes:
        recipe: system whose recipes play it.
        base: the recipe that presets change, on points; None for the one made for the data.
        set: settings that differ from the preset's, by dotted key.
        points: likewise, on points only.
        joint: its discriminator sees (x, z), and there is an encoder: other networks of that name.
        encoder: what differs from the preset's encoder.
        normed: give the preset's generator batch norms.
        unnormed: take them from its discriminator, whose gradient is penalised sample by sample.
        own: the system's recipes are this method, so preset "native" takes them as they are.
    """

    recipe: str
    base: str | None = None
    set: Tree = Field(default={})
    points: Tree = Field(default={})
    joint: bool = False
    encoder: Tree = Field(default={})
    normed: bool = False
    unnormed: bool = False
    own: bool = False


class Tier(Settings):
    """A budget: generator updates on points and on stacked digits, and how many seeds.

    Updates are a number, or numbers by preset.
    """

    points: int | dict[str, int]
    stacked: int | dict[str, int]
    seeds: int

    def rounds(self, data: str, preset: str) -> int | None:
        """Return the generator updates of a run; None: as many as its own recipe has."""
        budget = self.stacked if data in STACKS else self.points
        return budget if isinstance(budget, int) else budget.get(preset)


class Published(Settings):
    """A number from a paper.

    Attributes:
        data, method: what it is about.
        modes, hq, kl_modes: what was found.
        source: paper and table.
        status: V if read in the source, M if quoted from memory of it.
    """

    data: str
    method: str
    modes: float | None = None
    hq: float | None = None
    kl_modes: float | None = None
    source: str
    status: str


def _read(name: str) -> Any:
    return yaml.safe_load(files("ganvas.bench").joinpath(name).read_text("utf-8"))


_TABLES = _read("methods.yaml")
METHODS = TypeAdapter(dict[str, Method]).validate_python(_TABLES["methods"])
PRESETS = TypeAdapter(dict[str, Tree]).validate_python(_TABLES["presets"])
TIERS = TypeAdapter(dict[str, Tier]).validate_python(_TABLES["tiers"])
PUBLISHED = TypeAdapter(list[Published]).validate_python(_read("published.yaml"))
DATA = (*(name for name in LAW_NAMES if name != "swiss_roll"), *STACKS)


def known(kind: str, name: str, names: Mapping[str, Any] | tuple[str, ...]) -> str:
    """Return ``name`` if it is one of ``names``.

    Raises:
        UsageError: it is not; the message has the nearest one.
    """
    if name in names:
        return name
    raise UsageError(
        f"the benchmark has no {kind} '{name}'.{did_you_mean(name, list(names))} "
        f"There are {', '.join(names)}"
    )


def default_preset(data: str) -> str:
    """Return the networks on which methods are compared unless others are asked for."""
    if data == "digits_stack":
        return "dig"
    return "smD" if data in STACKS else "toyV"
