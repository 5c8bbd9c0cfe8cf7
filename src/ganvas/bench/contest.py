"""Which networks and rates a method bears: what the sets of `ganvas bench stability` share.

A set is a file of `ganvas.bench.sets`. It names cases, each played by several methods, and how runs
are scored. A run has trained if its score is more than half of what the data themselves score.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import yaml

from ganvas.bench import sets
from ganvas.bench.coverage import plain
from ganvas.bench.rows import Row
from ganvas.bench.tables import known
from ganvas.bench.trial import QUIET, Trial
from ganvas.recipes import Recipe, load_recipe

Tree = dict[str, Any]
KEY = ("set", "case", "method", "tier", "seed")
"""What a row is found by."""
TRAINED = 0.5
"""Share of the data's own score above which a run has trained."""


@dataclass(frozen=True)
class Budget:
    """What a tier spends.

    Attributes:
        rounds: generator updates of a run.
        batch: real samples of a turn.
        samples: that are scored.
        seeds: runs of each case and method.
        size: side of images; 0 of points.
        width: of convolutional networks.
        hurry: factor on all learning rates, where runs are much shorter than the paper's.
        looks: scores on the way to the last one, at even distances.
        count: cases, where they are drawn.
    """

    rounds: int
    batch: int
    samples: int
    seeds: int
    size: int = 0
    width: int = 64
    hurry: float = 1.0
    looks: int = 0
    count: int = 0


class Entry(NamedTuple):
    """A game to be played: a case, the method that plays it, and the game's settings."""

    case: str
    method: str
    game: Tree


class Set(Protocol):
    """What a file of `ganvas.bench.sets` has.

    Attributes:
        DATA: settings of the data, without a size.
        TIERS: budgets by name.
        PAIRS: methods that are compared case by case.
        UNIT: what the score is, in words.
    """

    DATA: Tree
    TIERS: Mapping[str, Budget]
    PAIRS: Sequence[tuple[str, str]]
    UNIT: str

    def entries(self, budget: Budget) -> list[Entry]:
        """Return all games, the methods of a case one after the other."""
        ...

    def score(self, folder: Path, recipe: Recipe, samples: int) -> tuple[float, float]:
        """Return the scores of so many samples of a run's model, and of as many real items."""
        ...


@cache
def names() -> tuple[str, ...]:
    """Return the sets."""
    folder = Path(sets.__file__).parent
    return tuple(sorted(path.stem for path in folder.glob("[a-z]*.py")))


def find(name: str) -> Set:
    """Return a set by its name.

    Raises:
        UsageError: there is none of this name.
    """
    return cast(Set, import_module(f"{sets.__name__}.{known('set', name, names())}"))


@dataclass(frozen=True)
class Match(Trial):
    """One run: a case of a set, played by a method.

    Attributes:
        set, case, method, tier, seed: what its row is found by.
        game: settings of the game.
        budget: what it may spend.
    """

    set: str
    case: str
    method: str
    tier: str
    seed: int
    game: Tree
    budget: Budget

    @property
    def key(self) -> Mapping[str, Any]:
        """What its row is found by."""
        return {name: getattr(self, name) for name in KEY}

    @property
    def name(self) -> str:
        """A name for its folder: words alone."""
        words = "-".join(map(str, self.key.values()))
        return "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in words)

    def recipe(self) -> Recipe:
        """Return the complete recipe.

        Raises:
            UsageError: networks do not fit the data.
        """
        data = dict(find(self.set).DATA)
        if self.budget.size:
            data |= {"size": self.budget.size, "resize": "stretch"}
        train: Tree = {"rounds": self.budget.rounds, "batch": self.budget.batch, "average": None}
        tree: Tree = {
            "about": f"{self.case}, {self.method}.",
            "name": self.name,
            "data": data,
            "game": hurried(self.game, self.budget.hurry),
            "train": train | {"log_every": max(self.budget.rounds // 20, 1)},
            "seed": self.seed,
        }
        quiet = {**QUIET, "train.watch_every": 0}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recipe.yaml"
            path.write_text(yaml.safe_dump(tree), "utf-8")
            return load_recipe(path, [f"{k}={str(v).lower()}" for k, v in quiet.items()])

    @property
    def looks(self) -> Sequence[int]:
        """Rounds at even distances."""
        parts = self.budget.looks + 1
        return [self.budget.rounds * part // parts for part in range(1, parts)]

    def look(self, folder: Path) -> Row:
        """Return the score so far, and the seconds that training took."""
        from ganvas.training.folder import RunFolder

        score, _ = find(self.set).score(folder, self.recipe(), self.budget.samples)
        times = [row["time"] for row in RunFolder(folder).rows() if "time" in row]
        return {"score": plain(score), "seconds": round(float(times[-1]), 1)}

    def measured(self, folder: Path, rows: Sequence[Row]) -> Row:
        """Return the score of the last iterate and of the data, and what was seen on the way."""
        from ganvas.bench.runner import LOOKS
        from ganvas.model import load

        del rows
        score, real = find(self.set).score(folder, self.recipe(), self.budget.samples)
        path = folder / LOOKS
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        game = load(folder).game
        return {
            "score": plain(score),
            "real": plain(real),
            "samples": self.budget.samples,
            "looks": list({row["round"]: row for row in map(json.loads, lines)}.values()),
            "parameters": {
                name: sum(p.numel() for p in game.get_submodule(name).parameters())
                for name in ("generator", "discriminator")
            },
        }

    def summary(self, row: Row) -> str:
        """Return the score beside that of the data."""
        return f"{row['score']} of {row['real']}{', trained' if trained(row) else ''}"


def plan(
    name: str,
    tier: str,
    seeds: int | None = None,
    count: int | None = None,
    only: Sequence[str] = (),
) -> list[Match]:
    """Return the runs of a set, seed by seed and case by case: an early stop leaves whole pairs.

    Args:
        name: of the set.
        tier: budget.
        seeds: how many; None for the tier's number.
        count: cases, where they are drawn; None for the tier's number.
        only: methods; none means all.

    Raises:
        UsageError: a name is unknown.
    """
    chosen = find(name)
    budget = chosen.TIERS[known("tier", tier, chosen.TIERS)]
    if count is not None:
        budget = replace(budget, count=count)
    entries = chosen.entries(budget)
    methods = tuple(dict.fromkeys(entry.method for entry in entries))
    for method in only:
        known("method", method, methods)
    return [
        Match(name, entry.case, entry.method, tier, seed, entry.game, budget)
        for seed in range(budget.seeds if seeds is None else seeds)
        for entry in entries
        if not only or entry.method in only
    ]


def trained(row: Row, share: float = TRAINED) -> bool:
    """Whether a run's score is above a share of the data's own; a run that broke off has none."""
    score = row.get("score")
    return score is not None and score > share * row["real"]


def hurried(game: Tree, factor: float) -> Tree:
    """Return a game's settings with the rates of all its optimisers multiplied."""
    return {
        key: {**value, "lr": value["lr"] * factor} if key.endswith("_optimiser") else value
        for key, value in game.items()
    }
