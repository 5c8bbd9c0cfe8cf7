"""Training and resuming: a recipe becomes a game on its data, in a loop, in a run folder."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from ganvas.api.environment import describe_environment
from ganvas.api.measuring import evaluate
from ganvas.api.transfer import start_from as take_over
from ganvas.data.open import open_data
from ganvas.errors import GanvasError, UsageError, flag, quoted
from ganvas.files import disk_errors, write_whole
from ganvas.games import address, is_own
from ganvas.play import Game, build
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.overrides import as_words, parse_overrides
from ganvas.report import write_report
from ganvas.train.folder import CONFIG, RunFolder
from ganvas.train.hooks import make_hooks
from ganvas.train.launch import launch
from ganvas.train.loop import Loop, Outcome

if TYPE_CHECKING:
    from lightning_fabric import Fabric

RESUMABLE = frozenset(
    f"train.{key}"
    for key in (
        *("rounds", "kimg", "stop_at", "devices", "nodes", "accelerator", "threads"),
        *("checkpoint_every", "keep", "log_every", "sample_every", "watch_every"),
        *("guard", "stop_on", "cosines", "tensorboard"),
    )
)
"""Settings that may change when a run goes on; all others would make it another run."""


@dataclass(frozen=True)
class Ending:
    """How a training ended.

    Attributes:
        outcome: finished, stopped (at ``train.stop_at``), converged (``train.stop_on``),
            interrupted, or collapsed.
        folder: the run folder.
        rounds: rounds played in all.
    """

    outcome: Outcome
    folder: Path
    rounds: int


def train(
    recipe: str | Path | Recipe,
    out: str | Path,
    data: str | Path | None = None,
    *,
    overwrite: bool = False,
    start_from: str | Path | None = None,
    quiet: bool = False,
    game: str | type[Game] | Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Ending:
    """Train a recipe into a new run folder.

    Args:
        recipe: a name ``system/dataset``, the path of a YAML file, or a loaded `Recipe`.
        out: the run folder to make.
        data: takes the place of the recipe's data source.
        overwrite: replace a run folder that is there.
        start_from: a run or model folder whose networks are taken over where they fit.
        quiet: show no progress.
        game: a game of the user's own, ``module:Class`` or the class, which no file can ask for;
            or, as a mapping, changes to the recipe's ``game``.
        overrides: changes to a named recipe, nested or dotted: ``train={"rounds": 100}``,
            ``**{"train.batch": 64}``.

    Raises:
        UsageError: the recipe, a setting, the data or ``out`` is wrong; nothing was written.
        GanvasError: training cannot go on.
    """
    if isinstance(game, Mapping):
        overrides, game = {"game": game, **overrides}, None
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, as_words(overrides), data, game)
    elif overrides or game is not None or data is not None:
        raise UsageError("changes go with a recipe's name; this recipe is loaded already")
    return _run(recipe, Path(out), _Start(overwrite, start_from), quiet)


def resume(
    run: str | Path,
    overrides: Sequence[str] = (),
    *,
    quiet: bool = False,
    game: str | type[Game] | None = None,
) -> Ending:
    """Continue a run from its last checkpoint, to its horizon unless ``train.stop_at`` is given.

    Args:
        run: the run folder.
        overrides: ``key=value`` words; only settings of `RESUMABLE`.
        quiet: show no progress.
        game: the run's game, ``module:Class`` or the class, if it is one of the user's own.

    Raises:
        UsageError: there is no run, or a setting may not change.
        GanvasError: no checkpoint can be read, or training cannot go on.
    """
    folder = RunFolder.open(Path(run))
    system = "" if game is None else address(game)
    again = f"ganvas resume {quoted(folder.path)}{flag(system)}"
    before = load_recipe(folder.path / CONFIG, game=game)
    words = ["train.stop_at=null", *overrides]
    recipe = load_recipe(folder.path / CONFIG, words, game=game, command=again)  # typos are told
    _refuse_other_settings(overrides, folder.path, system)
    return _run(recipe, folder.path, None, quiet, _change_of_horizon(before, recipe))


@dataclass(frozen=True)
class _Start:
    """What only a new run knows."""

    overwrite: bool
    source: str | Path | None


def _run(
    recipe: Recipe, path: Path, start: _Start | None, quiet: bool, notes: Sequence[str] = ()
) -> Ending:
    source = open_data(recipe.data)
    game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
    if start and start.source:
        notes = take_over(game, Path(start.source))
    fabric = launch(recipe.train)
    if start:
        _on_first(fabric, lambda: _make_folder(recipe, path, start.overwrite))
    folder = RunFolder(path)
    first = bool(fabric.is_global_zero)
    console = Console(stderr=True, highlight=False)  # results go to standard output
    loop = Loop(
        game,
        source,
        recipe.train,
        folder,
        fabric,
        recipe.seed,
    )
    resumed = None
    if start is None:
        resumed = loop.resume()
        _refuse_the_past(recipe, resumed)
        _on_first(fabric, lambda: write_whole(path / CONFIG, recipe.to_yaml().encode()))
    loop.hooks = make_hooks(
        folder,
        game,
        source,
        recipe.train,
        recipe.seed,
        resumed,
        console,
        quiet=quiet or not first,
    )
    with _crash_report(folder, recipe):
        if first:
            _record_notes(loop, "start" if start else "resume", resumed or 0, notes)
        outcome = loop.run()
    if first:
        with disk_errors(path):
            write_report(path)
        if (
            outcome in ("finished", "converged")
            and loop.rounds > (resumed or 0)
            and recipe.evaluate.at_end
        ):
            if not quiet:
                samples = f"{recipe.evaluate.samples:,} samples"
                drawn = "sample" in game.capabilities()
                console.print(f"measuring {samples if drawn else 'the model'}")
            evaluate(path, game=recipe.game_type if is_own(recipe.game_type) else None)
    return Ending(outcome, path, loop.rounds)


def _make_folder(recipe: Recipe, path: Path, overwrite: bool) -> None:
    folder = RunFolder.create(path, recipe.to_yaml(), overwrite)
    folder.write_json("environment.json", describe_environment(recipe))


def _record_notes(loop: Loop, event: str, round: int, notes: Sequence[str]) -> None:
    for note in notes:
        row = {"round": round, "event": event, "message": note}
        loop.folder.append(row)
        for show in loop.hooks.show:
            show(row)


def _on_first(fabric: Fabric, action: Callable[[], None]) -> None:
    """Let the first process act while the others wait; if it fails, all of them do."""
    problem: GanvasError | None = None
    if fabric.is_global_zero:
        try:
            with disk_errors(Path()):
                action()
        except GanvasError as error:
            problem = error
    problem = fabric.broadcast(problem)
    if problem is not None:
        raise problem


def _change_of_horizon(before: Recipe, after: Recipe) -> list[str]:
    """Say so if a resumed run has another horizon, on which all schedules depend."""
    lengths = [
        f"{train.rounds:,} rounds" if train.rounds else f"{train.kimg:,g} kimg"
        for train in (before.train, after.train)
    ]
    if lengths[0] == lengths[1]:
        return []
    return [f"the horizon is now {lengths[1]}, it was {lengths[0]}: all schedules change with it"]


def _refuse_the_past(recipe: Recipe, played: int) -> None:
    """Refuse to stop at a round that is over."""
    for key, past in (("stop_at", recipe.train.stop_at), ("rounds", recipe.train.rounds)):
        if past is not None and (past < played or (past == played and key == "stop_at")):
            raise UsageError(
                f"train.{key}={past} is over: the run stands at round {played}; "
                f"give a later round, or leave it out"
            )


@contextmanager
def _crash_report(folder: RunFolder, recipe: Recipe) -> Generator[None]:
    """Keep the traceback of an error that nobody foresaw."""
    try:
        with disk_errors(folder.path):
            yield
    except GanvasError:
        raise
    except torch.OutOfMemoryError as error:
        raise GanvasError(
            f"the device's memory does not hold train.batch={recipe.train.batch}; try "
            f"train.batch={max(recipe.train.batch // 2, 1)}, or smaller networks"
        ) from error
    except Exception as error:
        path = folder.path / "crash.txt"
        write_whole(path, traceback.format_exc().encode())
        error.add_note(f"The whole story is in {path}; the run goes on from its last checkpoint.")
        raise


def _refuse_other_settings(overrides: Sequence[str], run: Path, system: str) -> None:
    for word in overrides:
        parse_overrides([word])
        key = word.partition("=")[0].strip()
        if key not in RESUMABLE and not key.startswith(("train.guard.", "train.stop_on.")):
            allowed = ", ".join(sorted(RESUMABLE))
            raise UsageError(
                f"{key} cannot change when a run goes on: that would be another run. Start one: "
                f"ganvas train {quoted(run / CONFIG)}{flag(system)} --out DIR {shlex.quote(word)}. "
                f"What may change: {allowed}"
            )
