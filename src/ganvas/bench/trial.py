"""One run of a benchmark: what is trained, how its row is found again, and what is measured."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ganvas.bench.rows import Row
from ganvas.recipes.layers import TAGS

if TYPE_CHECKING:
    from ganvas.recipes import Recipe

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


class Trial(ABC):
    """One run of a benchmark."""

    @property
    @abstractmethod
    def key(self) -> Mapping[str, Any]:
        """What its row is found by."""

    @abstractmethod
    def recipe(self) -> Recipe:
        """Return the complete recipe.

        Raises:
            UsageError: what is to be played does not exist here, or does not fit.
        """

    @abstractmethod
    def measured(self, folder: Path, rows: Sequence[Row]) -> Row:
        """Return what its row says of a finished run.

        Args:
            folder: of the run.
            rows: of its log.
        """

    @abstractmethod
    def summary(self, row: Row) -> str:
        """Return the main numbers of its row in a few words."""

    @property
    def looks(self) -> Sequence[int]:
        """Rounds after which the run halts for a `look`, before its end."""
        return ()

    def look(self, folder: Path) -> Row:
        """Return what is told of a run that has halted."""
        return {}

    @property
    def name(self) -> str:
        """A name for its folder and in messages."""
        return "-".join(map(str, self.key.values()))

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
