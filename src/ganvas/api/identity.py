"""What makes a run this run: its settings and its data, kept in every checkpoint."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from ganvas.data.fingerprint import fingerprint
from ganvas.data.source import Source
from ganvas.errors import GanvasError, UsageError, flag, quoted
from ganvas.files import write_whole
from ganvas.games import address, is_own
from ganvas.nn import everyones
from ganvas.recipes import Recipe
from ganvas.recipes.layers import differences
from ganvas.recipes.overrides import parse_overrides
from ganvas.recipes.text import read, show, write
from ganvas.training.arithmetic import UNCHOSEN
from ganvas.training.folder import CONFIG, RunFolder

RESUMABLE = frozenset(
    f"train.{key}"
    for key in (
        *("rounds", "kimg", "stop_at"),
        *("devices", "nodes", "timeout", "accelerator", "threads"),
        *("checkpoint_every", "keep", "log_every", "sample_every", "watch_every"),
        *("guard", "stop_on", "cosines", "tensorboard"),
    )
)
"""Settings that may change when a run goes on; all others would make it another run."""

PARTS = ("train.guard.", "train.stop_on.")
WORDS = ("name", "about", "train.chosen_for")
"""Settings that are for people only."""


@dataclass(frozen=True)
class Identity:
    """The recipe of a run, and the hash of its data ("" where they are drawn)."""

    recipe: Recipe
    data: str

    @classmethod
    def of(cls, recipe: Recipe, source: Source) -> Identity:
        """Return the identity of a run of a recipe on its data."""
        return cls(recipe, fingerprint(source))

    def to_state(self) -> dict[str, str]:
        """Return it for a checkpoint."""
        return {"recipe": json.dumps(self.recipe.tree()), "data": self.data}

    def require(self, kept: Mapping[str, str], run: Path) -> list[str]:
        """Refuse to go on from a checkpoint of other settings, or of other data.

        Returns:
            What of its settings this version does not know, for the log.

        Raises:
            UsageError: they differ in more than may change.
        """
        source, kind = self.recipe.data.source, self.recipe.game_type
        system = address(kind) if is_own(kind) else ""
        changes, unknown = self._changes(kept)
        for key, before, now in changes:
            if key == "data.source" and self.data and self.data == kept["data"]:
                continue  # the same data elsewhere
            told = f"{run / CONFIG} says {key}={now}, and the run was trained with {before}"
            raise UsageError(f"{told}: {_refusal(key, run, f'{key}={now}', system)}")
        if self.data != kept["data"]:
            raise UsageError(
                f"the data in {source} are not those that {run} was trained on: that would be "
                "another run. Put the old ones back, or start a run on the new ones: "
                f"ganvas train {_config(run, system)} --out DIR"
            )
        return [f"the run was trained with {key}, which this version has not" for key in unknown]

    def require_alike(self) -> None:
        """Refuse to train with processes that were told something else, or have other data.

        Raises:
            UsageError: one was; the same on all of them.
        """
        states = everyones((self.to_state(), platform.node()))
        first, _ = states[0]
        for number, (state, host) in enumerate(states):
            who = f"process {number} on {host}"
            same_data = state["data"] == first["data"]
            for key, there, here in _differences(*map(_tree, (first, state))):
                if key != "data.source" or not same_data:
                    raise UsageError(
                        f"{who} was told {key}={here}, and the first one {key}={there}: give all "
                        "processes of a run the same command and the same recipe"
                    )
            if not same_data:
                raise UsageError(
                    f"{who} finds other data in {self.recipe.data.source} than the first one: "
                    "give all processes of a run the same data, best on a disk that they share"
                )

    def _changes(self, kept: Mapping[str, str]) -> tuple[list[tuple[str, str, str]], list[str]]:
        """Return the settings that changed and may not: key, value in the checkpoint, and now.

        And those that there no longer are, which nothing can be compared with.
        """
        tree = _tree(kept)
        tree["train"] = {**UNCHOSEN, **tree["train"]}
        whole, unknown = type(self.recipe).model_validate, list[str]()
        try:  # settings that a later version added: their defaults
            tree = whole(tree).tree()
        except ValidationError as error:
            unknown = _take_unknown(tree, error)
            with suppress(ValidationError):
                tree = whole(tree).tree()
        return [
            change
            for change in _differences(tree, self.recipe.tree())
            if not (may_change(change[0]) or change[0] in WORDS)
        ], unknown


def restore_config(run: Path) -> None:
    """Write the settings of a run anew, as its last sound checkpoint has them.

    What was in their place stays beside them.

    Raises:
        UsageError: they can be read.
        GanvasError: there is no sound checkpoint.
    """
    folder, config = RunFolder(run), run / CONFIG
    if _is_readable(config):
        raise UsageError(f"{config} can be read: leave --restore out")
    if (kept := folder.identity()) is None:
        raise GanvasError(f"{run} has no sound checkpoint to restore {CONFIG} from")
    folder.claim()
    try:
        if config.is_file():
            config.rename(config.with_name(f"{CONFIG}.damaged"))
        write_whole(config, write(_tree(kept)).encode())
    finally:
        folder.release()


def _is_readable(config: Path) -> bool:
    try:
        read(config)
    except UsageError:
        return False
    return True


def _take_unknown(tree: dict[str, Any], error: ValidationError) -> list[str]:
    """Take the settings that there are none of out of a recipe, and return them as words."""
    found = list[str]()
    for detail in error.errors(include_url=False):
        place, node, around = list[str](), cast(Any, tree), cast(Any, None)
        for key in detail["loc"]:  # among them are names of alternatives
            with suppress(LookupError, TypeError):
                around, node = node, node[key]
                place.append(str(key))
        if detail["type"] == "extra_forbidden" and place[-1:] == [str(detail["loc"][-1])]:
            found.append(f"{'.'.join(place)}={show(around.pop(place[-1]))}")
    return found


def _tree(state: Mapping[str, str]) -> dict[str, Any]:
    """Return the recipe that `Identity.to_state` put into words."""
    return json.loads(state["recipe"])


def _differences(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the settings that differ: key, value in the one, and in the other."""
    return [(".".join(path), a, b) for path, a, b in differences(one, other)]


def may_change(key: str) -> bool:
    """Whether a setting may change when a run goes on."""
    return key in RESUMABLE or key.startswith(PARTS)


def refuse_other_settings(overrides: Sequence[str], run: Path, system: str = "") -> None:
    """Refuse changes on the command line that would make another run.

    A game of the user's own is given as ``system``, its address ``module:Class``.

    Raises:
        UsageError: there is one, or a word is no setting.
    """
    for word in overrides:
        parse_overrides([word])
        key = word.partition("=")[0].strip()
        if not may_change(key):
            raise UsageError(_refusal(key, run, word, system))


def _refusal(key: str, run: Path, word: str, system: str) -> str:
    allowed = ", ".join(sorted(RESUMABLE))
    return (
        f"{key} cannot change when a run goes on: that would be another run. Start one: "
        f"ganvas train {_config(run, system)} --out DIR {quoted(word)}. "
        f"What may change: {allowed}"
    )


def _config(run: Path, system: str) -> str:
    """Return a run's settings as the command line takes them."""
    return f"{quoted(run / CONFIG)}{flag(system)}"
