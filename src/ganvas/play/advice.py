"""What a game declares to a diagnosis: its signs of what is wrong, and what may be tried then.

A remedy is a change of a run's own settings, written as overrides, or another system. Which is
proposed when is decided in `ganvas.diagnosis`, which knows no system by name.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from ganvas.data.spec import DataSpec
from ganvas.play.shipped import Shipped, defaults

Tree = dict[str, Any]
Number = float | Tree

USUAL = {"shape": "cosine", "begin": 0.0, "until": 1.0}
"""What a schedule does unless told otherwise."""


@dataclass(frozen=True)
class Remedy:
    """One thing to try.

    Attributes:
        why: what it does, in one sentence.
        settings: overrides ``key=value`` of the run's recipe, to be given together.
        command: a whole command, where another recipe is the remedy.

    Without both, it is nothing that a command could do.
    """

    why: str
    settings: tuple[str, ...] = ()
    command: str = ""

    @property
    def text(self) -> str:
        """The command, or the overrides quoted for a shell, or else what to do in words."""
        return self.command or shlex.join(self.settings) or self.why

    def to_json(self) -> Tree:
        """Return plain values."""
        return {"settings": list(self.settings), "command": self.command, "why": self.why}


Proposal = Callable[["Setup"], Remedy | None]
"""What may be tried, as far as a run's settings have a place for it."""

Verdict = Literal[
    "healthy",
    "dropping modes",
    "latents have no effect",
    "labels have no effect",
    "frozen motion",
    "one content",
    "collapsed",
    "memorising",
    "discriminator overpowered",
    "diverging",
]


@dataclass(frozen=True)
class Sign:
    """A number of a game's own that says what is wrong.

    Attributes:
        number: its name in the log.
        verdict: what it is evidence for.
        words: the evidence, with a place for the value: ``… is {value:.2f} …``.
        below, above: it is a sign where its latest values are less, or more, than this.
    """

    number: str
    verdict: Verdict
    words: str
    below: float = -math.inf
    above: float = math.inf


@dataclass(frozen=True)
class Offer:
    """What a system says for itself to runs of others that lose modes.

    Attributes:
        why: in one sentence.
        method: as which the mode-coverage benchmark has measured it.
        steadiest: it is proposed to all of them, whatever was measured, and nothing measured to it.
    """

    why: str
    method: str
    steadiest: bool = False


class Setup:
    """The settings of a run, asked for what can be changed in them."""

    def __init__(
        self,
        config: Mapping[str, Any],
        spec: DataSpec,
        system: str,
        shipped: Shipped | None = None,
    ) -> None:
        self.spec, self.system, self.shipped = spec, system, shipped or Shipped()
        self.data, self.game, self.train = (
            tree_of(config.get(part)) for part in ("data", "game", "train")
        )
        self.penalties = {
            name: tree_of(p) for name, p in tree_of(self.game.get("penalties")).items() if p
        }

    def kind(self, part: str) -> str:
        """Return which alternative a part of the game is."""
        return str(tree_of(self.game.get(part)).get("kind", ""))

    def rates(self, only: str = "") -> dict[str, Number]:
        """Return the learning rates by key, of all players or of one."""
        return {
            f"game.{key}.lr": optimiser["lr"]
            for key, value in self.game.items()
            if key.endswith("optimiser") and key.startswith(only)
            for optimiser in [tree_of(value)]
            if "lr" in optimiser
        }

    def usual_length(self) -> tuple[str, float] | None:
        """Return the length of the recipe that the run was made from, in rounds or kimg."""
        found = {"rounds": self.shipped.rounds, "kimg": self.shipped.kimg}
        return next(((unit, length) for unit, length in found.items() if length), None)

    def start_anew(self, system: str) -> str | None:
        """Return the command that trains another system on the same data, treated alike.

        None where that system has no recipe for such data.
        """
        source = str(self.data.get("source") or self.spec.name)
        recipe = f"{system}/{self.spec.kind}"
        theirs = self.shipped.data_of(recipe, source)
        if theirs is None:
            return None
        words = [f"data.{key}={_yaml(value)}" for key, value in self._own_data(theirs)]
        return shlex.join(
            ["ganvas", "train", recipe, "--data", source, "--out", f"runs/{system}", *words]
        )

    def _own_data(self, theirs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Give the settings of the run's data that are off their defaults, and not another's."""
        usual = defaults("", str(theirs["source"]))
        for key, value in self.data.items():
            if key != "source" and value != usual.get(key) and value != theirs.get(key):
                yield key, value


def times(numbers: Mapping[str, Number], factor: float, why: str) -> Remedy | None:
    """Return the overrides that multiply (scheduled) numbers."""
    settings: list[str] = []
    for key, number in numbers.items():
        if isinstance(number, dict):
            moved = {end: show(factor * float(number[end])) for end in ("start", "end")}
            kept = {k: v for k, v in number.items() if USUAL.get(k, v) != v}
            words = (f"{k}: {v}" for k, v in {**moved, **kept}.items())
            settings.append(f"{key}={{{', '.join(words)}}}")
        else:
            settings.append(f"{key}={show(factor * number)}")
    return Remedy(why, tuple(settings)) if settings else None


def whole(tree: Tree, key: str, change: Callable[[Any], float | None], why: str) -> Remedy | None:
    """Return the override of one number as it is now, if it has a value."""
    now = tree.get(key.partition(".")[2])
    new = None if now is None else change(now)
    return None if new is None else Remedy(why, (f"{key}={show(new)}",))


def _yaml(value: Any) -> str:
    """Return a value in one line as YAML reads it back, which JSON is."""
    return json.dumps(value)


def show(number: float) -> str:
    """Return a number as YAML reads it back: a whole one without a point."""
    return str(number) if isinstance(number, int) else f"{number:.4g}"


def tree_of(value: object) -> Tree:
    """Return a mapping as it is, and anything else as an empty one."""
    return cast(Tree, value) if isinstance(value, dict) else {}
