"""Another end to a run: a new run that goes on from one of its checkpoints, with other settings.

Everything that is not changed goes on exactly: weights, averages, moments, draws, the order of the
data. So a difference between both ends is what the change makes (Brock et al. 2019, section 4.2).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ganvas.api.running import DATA, Ending, play_on
from ganvas.errors import GanvasError, UsageError, quoted
from ganvas.given import path_of, whole
from ganvas.play import Game
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.layers import differences
from ganvas.recipes.overrides import words_of
from ganvas.training.folder import CONFIG, RunFolder

KEPT = ("data.", "seed", "game.system")
"""Settings without which nothing goes on exactly."""
OPTIMISER = "_optimiser.kind"


def branch(
    run: str | Path,
    out: str | Path,
    overrides: Sequence[str] = (),
    *,
    at: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    game: str | type[Game] | None = None,
) -> Ending:
    """Go on from a checkpoint of a run in a new folder, with other settings; the run stays.

    Args:
        run: the run folder.
        out: the new one.
        overrides: ``key=value`` words: any setting but data and seed, as long as networks and
            optimisers keep their shapes.
        at: the round of the checkpoint; None: the newest.
        overwrite: replace a run folder that is at ``out``.
        quiet: show no progress.
        game: the run's game, ``module:Class`` or the class, if it is one of the user's own.

    Raises:
        UsageError: there is no such checkpoint, or a setting may not change.
        GanvasError: the checkpoint cannot be read or does not fit, or training cannot go on.
    """
    old, out = RunFolder.open(run), path_of(out, "out")
    at = None if at is None else whole(at, "at", 0)
    before = load_recipe(old.path / CONFIG, game=game)
    recipe = load_recipe(old.path / CONFIG, ["train.stop_at=null", *words_of(overrides)], game=game)
    changes = _changes(before, recipe, old.path)
    state = old.load_checkpoint()[0] if at is None else old.checkpoint_of(at)
    if state is None:
        raise GanvasError(f"{old.path} has no sound checkpoint to go on from")
    round = int(state["rounds"])
    rows = [row for row in old.rows() if row["round"] <= round]
    new = RunFolder.create(out, recipe.to_yaml(), overwrite)
    state["identity"] = {**state["identity"], "recipe": json.dumps(recipe.tree())}
    if (old.path / DATA).is_file():
        shutil.copyfile(old.path / DATA, new.path / DATA)
    for row in rows:
        new.append(row)
    new.save_checkpoint(round, state, recipe.train.keep)
    notes = [f"from round {round:,} of {old.path}", *changes]
    return play_on(recipe, new.path, quiet, notes)


def _changes(before: Recipe, after: Recipe, run: Path) -> list[str]:
    """Return what changed, for the log.

    Raises:
        UsageError: something did without which the run cannot go on exactly.
    """
    found = list[str]()
    for path, was, now in differences(before.tree(), after.tree()):
        key = ".".join(path)
        if key == "train.stop_at":
            continue
        if key.startswith(KEPT) or key.endswith(OPTIMISER):
            raise UsageError(
                f"{key} cannot change where a run goes on from a checkpoint: start one that takes "
                f"its networks: ganvas train {quoted(run / CONFIG)} --from {quoted(run)} --out DIR"
            )
        found.append(f"{key}={now}, it was {was}")
    return found
