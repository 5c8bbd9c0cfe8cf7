"""Training and resuming: a recipe becomes a game on its data, in a loop, in a run folder."""

from __future__ import annotations

import time
import traceback
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console

from ganvas.api.arithmetic import as_begun, settled
from ganvas.api.choosing import chooser
from ganvas.api.environment import describe_environment
from ganvas.api.fitting import fitted
from ganvas.api.identity import Identity, refuse_other_settings, restore_config
from ganvas.api.measuring import evaluate, is_measured
from ganvas.api.memory import device_of, refuse_too_large
from ganvas.api.run_data import open_again, run_data
from ganvas.api.transfer import start_from as take_over
from ganvas.data.arrays import save_arrays
from ganvas.data.catalogue import DATA_NAMES
from ganvas.data.frames import arrays_of
from ganvas.data.items import AnyArray
from ganvas.data.open import open_data
from ganvas.data.records import LABEL
from ganvas.data.source import Source
from ganvas.errors import GanvasError, LostError, UsageError, flag, quoted
from ganvas.files import disk_errors, write_whole
from ganvas.games import address, is_own
from ganvas.given import path_of, require_folder
from ganvas.nn import everyones, rank
from ganvas.play import Game, build, has
from ganvas.play.abilities import CanSample
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.catalogue import summaries
from ganvas.recipes.overrides import as_words, words_of
from ganvas.recipes.shipped import shipped
from ganvas.report import write_report
from ganvas.training.agreement import on_first, raise_any
from ganvas.training.cluster import LaunchedJob, job
from ganvas.training.compiling import refuse_without_compiler
from ganvas.training.folder import CONFIG, CRASH, ENVIRONMENT, RunFolder
from ganvas.training.hooks import make_hooks
from ganvas.training.intervening import refuse_unknown
from ganvas.training.launch import Launched, crowded, is_awaited, launch
from ganvas.training.lock import BEAT, LEASE
from ganvas.training.loop import Loop, Outcome
from ganvas.training.resting import at_rest

SHARED = 30.0
"""Seconds in which what one machine writes must show on others' view of a network disk."""

DATA = "data.npz"
"""Where a run keeps data that it was given in memory."""


@dataclass(frozen=True)
class Ending:
    """How a training ended.

    Attributes:
        outcome: finished, stopped (at ``train.stop_at``), converged (``train.stop_on``),
            interrupted, or collapsed.
        folder: the run folder.
        rounds: rounds played in all.
        signal: of an interrupted run, the number of the signal that ended it.
    """

    outcome: Outcome
    folder: Path
    rounds: int
    signal: int | None = None


def train(
    recipe: str | Path | Recipe,
    out: str | Path,
    data: object = None,
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
        data: takes the place of the recipe's data source: a path, a name, or data in memory, which
            the run keeps: an array (N, …), a data frame or structured array of named columns, or a
            mapping such as ``{"x": x, "y": labels}``.
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
    out = path_of(out, "out")
    require_folder(out)
    start_from = None if start_from is None else path_of(start_from, "start_from")
    if isinstance(game, Mapping):
        overrides, game = {"game": game, **overrides}, None
    content = None if data is None or isinstance(data, str | Path) else arrays_of(data)
    source = (out / DATA).absolute() if content is not None else cast(str | Path | None, data)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, as_words(overrides), source, game)
    elif overrides or game is not None or data is not None:
        raise UsageError("changes go with a recipe's name; this recipe is loaded already")
    return _run(recipe, out, _Start(overwrite, start_from, content), quiet)


def resume(
    run: str | Path,
    overrides: Sequence[str] = (),
    *,
    data: str | Path | None = None,
    quiet: bool = False,
    game: str | type[Game] | None = None,
    restore: bool = False,
) -> Ending:
    """Continue a run from its last checkpoint, to its horizon unless ``train.stop_at`` is given.

    Args:
        run: the run folder.
        overrides: ``key=value`` words; only settings of `RESUMABLE`.
        data: where the run's data lie now, if they were moved; they are known by their content.
        quiet: show no progress.
        game: the run's game, ``module:Class`` or the class, if it is one of the user's own.
        restore: write its config.yaml, which is lost or damaged, anew from the last checkpoint.

    Raises:
        UsageError: there is no run, or a setting may not change.
        GanvasError: no checkpoint can be read, or training cannot go on.
    """
    if restore:
        restore_config(path_of(run, "run"))
    folder = RunFolder.open(run)
    words = ["train.stop_at=null", *words_of(overrides)]
    system = "" if game is None else address(game)
    again = f"ganvas resume {quoted(folder.path)}{flag(system)}"
    before = load_recipe(folder.path / CONFIG, game=game)
    config = folder.path / CONFIG
    recipe = load_recipe(config, words, data, game=game, command=again)  # typos are told
    refuse_other_settings(words[1:], folder.path, system)
    if data is not None:
        run_data(folder.path, data, game=game)  # others are refused in words of their own
    return _run(recipe, folder.path, None, quiet, _change_of_horizon(before, recipe))


def play_on(recipe: Recipe, path: Path, quiet: bool, notes: Sequence[str]) -> Ending:
    """Play a run from the checkpoint in its folder, whose identity is the recipe's."""
    return _run(recipe, path, None, quiet, notes)


@dataclass(frozen=True)
class _Start:
    """What only a new run knows."""

    overwrite: bool
    source: Path | None
    content: Mapping[str, AnyArray] | None = None


def _run(
    recipe: Recipe, path: Path, start: _Start | None, quiet: bool, notes: Sequence[str] = ()
) -> Ending:
    """Prepare, meet the other processes of the run, agree with them on what is played, and play."""
    console = Console(stderr=True, highlight=False)  # results go to standard output
    problem: GanvasError | None = None
    source = game = None
    asked, told = recipe, list[str]()
    try:
        source = open_data(recipe.data, start.content) if start else open_again(recipe.data)
        recipe, fits = fitted(recipe, source.spec)
        asked = recipe
        game = build(recipe.game_type, recipe.game_config, source.spec, recipe.seed)
        if start:
            notes = _unused_classes(game, source, recipe.data.source)
            notes += take_over(game, start.source) if start.source else []
            game.vet()
        refuse_unknown(recipe.train.interventions, game.players)
        if start:
            notes = [*notes, *at_rest(game, source, recipe.train.freeze)]
        recipe, told = settled(asked, game, goes_on=start is None)
        told = [*fits, *told]
        refuse_too_large(recipe, source, game)
        if start and recipe.train.best is not None:  # a measure that is none is told now
            chooser(recipe.train.best, source)(game.eval())
            game.train()
        if recipe.train.compile:
            refuse_without_compiler(device_of(recipe).type)
    except GanvasError as error:
        if not is_awaited(recipe.train):
            raise
        problem = error
    try:
        launched = launch(recipe.train, (lambda text: None) if quiet else console.print)
    except GanvasError as error:
        raise problem or error from None
    raise_any(problem)
    assert source is not None
    assert game is not None
    mine = Identity.of(asked, source)
    mine.require_alike()
    recipe = recipe.model_copy(update={"train": everyones(recipe.train)[0]})  # one choice for all
    notes = [*notes, *crowded(recipe.train, launched)]
    folder = RunFolder(path)
    try:
        here = job()
        again = max(everyones(here.attempt if here else 0)) > 0  # torchrun counts on each node
        goes_on = on_first(lambda: _take(folder, recipe, start, here if again else None))
        raise_any(_unseen(folder))
        if goes_on and start:
            recipe, told = settled(as_begun(asked, folder), game, goes_on=True)
        mine, notes = replace(mine, recipe=recipe), [*notes, *told]
        return _played(recipe, folder, source, game, launched, mine, goes_on, console, quiet, notes)
    finally:
        folder.release()


def _played(
    recipe: Recipe,
    folder: RunFolder,
    source: Source,
    game: Game,
    launched: Launched,
    mine: Identity,
    goes_on: bool,
    console: Console,
    quiet: bool,
    notes: Sequence[str],
) -> Ending:
    """Play a run whose folder is ours, to its end or to a signal, and measure the result."""
    first = launched.ranks.rank == 0
    with _crash_report(folder, recipe):
        loop = Loop(
            game,
            source,
            recipe.train,
            folder,
            launched,
            recipe.seed,
            identity=mine.to_state(),
        )
        resumed, unknown = None, list[str]()
        if goes_on:

            def accept(state: dict[str, Any]) -> None:
                unknown.extend(mine.require(state["identity"], folder.path))
                _refuse_the_past(recipe, loop, state)

            resumed = loop.resume(accept)
            on_first(lambda: write_whole(folder.path / CONFIG, recipe.to_yaml().encode()))
        loop.hooks = make_hooks(
            folder,
            game,
            source,
            recipe.train,
            recipe.seed,
            resumed,
            console,
            quiet=quiet or not first,
            shipped=shipped(recipe),
        )
        if recipe.train.best is not None:
            loop.hooks.measure = chooser(recipe.train.best, source)
        if first:
            _record_notes(loop, "resume" if goes_on else "start", resumed or 0, [*unknown, *notes])
        outcome = loop.run()
    if first:
        write_report(folder.path)
        done = outcome in ("finished", "converged")
        if done and recipe.evaluate.at_end and not is_measured(folder):
            if not quiet:
                samples = f"{recipe.evaluate.samples:,} samples"
                drawn = has(game, CanSample)
                console.print(f"measuring {samples if drawn else 'the model'}")
            own = recipe.game_type if is_own(recipe.game_type) else None
            evaluate(folder.path, game=own)
            if recipe.train.best is not None:
                evaluate(folder.path, best=True, game=own)
    return Ending(outcome, folder.path, loop.rounds, loop.signal)


def _take(
    folder: RunFolder, recipe: Recipe, start: _Start | None, again: LaunchedJob | None
) -> bool:
    """Become the one process that writes into a run folder, and make it if it is a new one.

    Args:
        folder: of the run.
        recipe: of the run.
        start: None to go on with the run that is there.
        again: the job that a launcher has started before, and now starts again.

    Returns:
        Whether the run goes on, as it does, too, where the same job began it.
    """
    patience = LEASE + BEAT if again else 0.0  # what died on another machine may still hold it
    ours = again is not None and folder.job() == again.name
    if start is None or (ours and folder.list_checkpoints()):
        RunFolder.open(folder.path)
        folder.claim(patience)
        return True
    overwrite = start.overwrite or ours
    folder.refuse_unless_free(overwrite)
    folder.make()
    folder.claim(patience)
    RunFolder.create(folder.path, recipe.to_yaml(), overwrite)
    if start.content is not None:
        save_arrays(folder.path / DATA, start.content)
    folder.write_json(ENVIRONMENT, describe_environment(recipe))
    return False


def _unseen(folder: RunFolder) -> GanvasError | None:
    """Return what is wrong if this process does not see the run that the first one made."""
    deadline = time.monotonic() + SHARED
    while not folder.is_run:
        if time.monotonic() > deadline:
            return GanvasError(
                f"there is no run {folder.path} here, where the first process has one: it must "
                "lie on a disk that all nodes share"
            )
        time.sleep(0.5)
    return None


def _unused_classes(game: Game, source: Source, data: str) -> list[str]:
    """Say so if a user's own data have classes and the game is not told of them."""
    if not source.spec.classes or LABEL in game.conditions or data in DATA_NAMES:
        return []
    kind = source.spec.domain.kind
    others = [summary.name for summary in summaries(kind) if summary.conditional]
    taking = f"; these do: {', '.join(others)}" if others else ""
    return [f"the data have {source.spec.classes} classes, which this recipe does not use{taking}"]


def _record_notes(loop: Loop, event: str, round: int, notes: Sequence[str]) -> None:
    for note in notes:
        row = {"round": round, "event": event, "message": note}
        loop.folder.append(row)
        for show in loop.hooks.show:
            show(row)


def _change_of_horizon(before: Recipe, after: Recipe) -> list[str]:
    """Say so if a resumed run has another horizon, on which all schedules depend."""
    lengths = [
        f"{train.rounds:,} rounds" if train.rounds else f"{train.kimg:,g} kimg"
        for train in (before.train, after.train)
    ]
    if lengths[0] == lengths[1]:
        return []
    return [f"the horizon is now {lengths[1]}, it was {lengths[0]}: all schedules change with it"]


def _refuse_the_past(recipe: Recipe, loop: Loop, state: Mapping[str, Any]) -> None:
    """Refuse to stop at a round that is over; horizons count within their stage."""
    settings, played = recipe.train, int(state["rounds"])
    number: int = state["stage"]
    stage = loop.stages[number]
    horizon = settings.rounds if stage.rounds is None and stage.kimg is None else None
    within, of = int(state["turns"]["round"]), f" of stage {stage.name}"
    place = f"{within}{of if len(loop.stages) > 1 else ''}"
    for key, past, over, at in (
        ("stop_at", settings.stop_at, (settings.stop_at or 0) <= played, str(played)),
        ("rounds", horizon, (horizon or 0) < within, place),
    ):
        if past is not None and over:
            raise UsageError(
                f"train.{key}={past} is over: the run stands at round {at}; "
                f"give a later round, or leave it out"
            )


def _told(folder: RunFolder) -> str:
    """Return what another process wrote about its end, if it could."""
    try:
        lines = (folder.path / CRASH).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return f": {lines[-1]}" if lines else ""


@contextmanager
def _memory_errors(batch: int) -> Generator[None]:
    """Say what to change where the device's memory is too small."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise GanvasError(
            f"the device's memory does not hold train.batch={batch}; try "
            f"train.batch={max(batch // 2, 1)}, or smaller networks"
        ) from error


@contextmanager
def _crash_report(folder: RunFolder, recipe: Recipe) -> Generator[None]:
    """Keep the traceback of an error that nobody foresaw, and what befell another process."""
    try:
        with disk_errors(folder.path), _memory_errors(recipe.train.batch):
            yield
    except LostError as error:
        saved = folder.list_checkpoints()
        last = f"the last checkpoint is of round {int(saved[-1].stem):,}. " if saved else ""
        raise LostError(
            f"{error}{_told(folder)}; {last}Go on with: ganvas resume {quoted(folder.path)}"
        ) from error
    except GanvasError as error:
        if rank() and folder.is_run and not isinstance(error, UsageError):  # alike for all
            with suppress(GanvasError):
                write_whole(folder.path / CRASH, f"process {rank()}: {error}\n".encode())
        raise
    except Exception as error:
        if not folder.is_run:  # it was removed meanwhile
            raise
        path = folder.path / CRASH
        write_whole(path, traceback.format_exc().encode())
        error.add_note(f"The whole story is in {path}; the run goes on from its last checkpoint.")
        raise
