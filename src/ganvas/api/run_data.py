"""The data of a run: where they lie now, or others that it is measured against on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganvas.data.catalogue import DATA_NAMES
from ganvas.data.fingerprint import fingerprint
from ganvas.data.open import open_data
from ganvas.data.source import Source
from ganvas.data.spec import DataSpec
from ganvas.errors import UsageError, flag, quoted
from ganvas.games import address, is_own
from ganvas.play import Game
from ganvas.recipes import Recipe, load_recipe
from ganvas.training.folder import CONFIG, RunFolder

Place = str | Path | None
Own = str | type[Game] | None


@dataclass(frozen=True)
class RunData:
    """A run's recipe, and the data that it is looked at with.

    Attributes:
        folder: of the run.
        recipe: with the place of the data in it.
        source: the data.
        others: whether they are others than those that the run was trained on.
    """

    folder: RunFolder
    recipe: Recipe
    source: Source
    others: bool = False


def run_data(
    run: str | Path, data: Place = None, against: Place = None, game: Own = None
) -> RunData:
    """Open the data of a run.

    Args:
        run: the run folder.
        data: where the run's data lie now; they are known by their fingerprint.
        against: other data, to be measured against in place of the run's own.
        game: the run's game, if it is one of the user's own.

    Raises:
        UsageError: there is no run, the data are not there, or they are not the run's.
    """
    folder = RunFolder.open(Path(run))
    if data is not None and against is not None:
        raise UsageError(
            "--data says where the run's own data lie, --against names others: not both"
        )
    recipe = load_recipe(folder.path / CONFIG, data=data or against, game=game)
    source = open_data(recipe.data)
    if data is not None:
        _require_same(folder, recipe, source)
    if against is not None:
        _rename(source)
    return RunData(folder, recipe, source, against is not None)


def called_as(spec: DataSpec, source: Source) -> None:
    """Let a run's data that were moved have the name that they had in training.

    Their name stands in the protocol of every score, and the same data have one.
    """
    source.spec = source.spec.model_copy(update={"name": spec.name})


def require_alike(spec: DataSpec, source: Source, run: Path) -> None:
    """Refuse to measure a model against data of another kind or shape than it draws.

    Raises:
        UsageError: they are such.
    """
    ours, theirs = spec.domain.described(), source.spec.domain.described()
    if ours != theirs:
        raise UsageError(f"{run} draws {ours}, and {source.spec.name} holds {theirs}: not alike")
    wanted, there = spec.classes, source.spec.classes
    if wanted and wanted != there:
        raise UsageError(
            f"{run} was trained with {wanted} classes, and {source.spec.name} has {there or 'none'}"
        )


def _require_same(folder: RunFolder, recipe: Recipe, source: Source) -> None:
    """Refuse data that are not those of the run's checkpoints.

    Raises:
        UsageError: they are others, or nobody can tell.
    """
    told, run, place = folder.identity(), quoted(folder.path), quoted(recipe.data.source)
    own = flag(address(recipe.game_type)) if is_own(recipe.game_type) else ""
    purpose = f"to measure against them on purpose: ganvas evaluate {run}{own} --against {place}"
    if told is None:
        raise UsageError(
            f"{folder.path} has no sound checkpoint, so nobody can tell whether {place} holds the "
            f"data that it was trained on; {purpose}"
        )
    kept = told.get("data")
    if not kept:
        raise UsageError(
            f"the data of {folder.path} are drawn by a formula and lie nowhere: leave --data out; "
            f"{purpose}"
        )
    if fingerprint(source) != kept:
        raise UsageError(
            f"the data in {place} are not those that {folder.path} was trained on; {purpose}"
        )


def _rename(source: Source) -> None:
    """Let the name of the user's own data tell their content, as no other data's does."""
    name = source.spec.name
    if name not in DATA_NAMES:
        told = f"{name} ({fingerprint(source)[:8]})"
        source.spec = source.spec.model_copy(update={"name": told})
